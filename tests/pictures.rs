//! Pictures of training and of predictions: what they say is what the program says as text, and they are files that others read.

mod support;

use std::fs;
use std::path::Path;

use plangrad::Picture;
use serde_json::Value;
use support::{check_svg, letters, refusal, run};

fn svg(folder: &Path, name: &str) -> String {
    let svg = fs::read_to_string(folder.join(name)).unwrap();
    check_svg(&svg);
    assert!(
        !svg.contains("http://www.w3.org/1999/xhtml") && !svg.contains("href=\"http"),
        "it refers to nothing"
    );
    svg
}

/// A run on the built-in digits in `run`.
fn trained() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let train = "train --dataset digits --epochs 2 --out run --no-report --plot curves.svg --plot curves.png";
    let text = run(folder.path(), train).succeeded();
    assert!(text.contains("Plot: curves.svg\nPlot: curves.png\n"), "{text}");
    folder
}

#[test]
fn learning_curves_have_every_figure_of_every_epoch() {
    let folder = trained();
    let svg = svg(folder.path(), "curves.svg");
    let metrics = fs::read_to_string(folder.path().join("run/metrics.jsonl")).unwrap();
    let events = metrics.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let epochs: Vec<Value> = events.filter(|event| event["event"] == "epoch").collect();
    assert_eq!(epochs.len(), 2);
    for epoch in epochs {
        let number = &epoch["epoch"];
        let loss = |key: &str| {
            let text = format!("{:.4}", epoch[key].as_f64().unwrap());
            text.trim_end_matches('0').to_owned()
        };
        let accuracy = 100.0 * epoch["test_accuracy"].as_f64().unwrap();
        for title in [
            format!("<title>epoch {number}, train: {}</title>", loss("train_loss")),
            format!("<title>epoch {number}, test: {}</title>", loss("test_loss")),
            format!("<title>epoch {number}, test: {accuracy:.2} %</title>"),
        ] {
            assert!(svg.contains(&title), "{title} in {svg}");
        }
    }
    assert!(
        svg.contains("digits, 784-128-10, Adam 0.001, batch size 64") && svg.contains("best epoch "),
        "{svg}"
    );
    let picture = Picture::read_png(&folder.path().join("curves.png")).unwrap();
    assert_eq!(picture.width(), 1520);
    assert!(letters(&picture, 30..64) > 30, "the title has letters");
}

#[test]
fn the_matrix_has_the_numbers_of_eval() {
    let folder = trained();
    let found = run(folder.path(), "eval run --plot matrix.svg --plot matrix.png --format json").object();
    let svg = svg(folder.path(), "matrix.svg");
    let rows: Vec<Vec<u64>> = serde_json::from_value(found["confusion"].clone()).unwrap();
    for (label, row) in rows.iter().enumerate() {
        for (class, count) in row.iter().enumerate() {
            let title =
                format!("<title>label {label}, predicted {class}: {count} of {},", row.iter().sum::<u64>());
            assert!(svg.contains(&title), "{title}");
        }
        let f1 = 100.0 * found["per_class"][label]["f1"].as_f64().unwrap();
        assert!(svg.contains(&format!(">{f1:.2} %<")), "{f1}");
    }
    let picture = Picture::read_png(&folder.path().join("matrix.png")).unwrap();
    assert!(letters(&picture, 30..64) > 30, "the title has letters");
}

#[test]
fn the_worst_are_mistakes_and_their_picture_names_label_class_and_probability() {
    let folder = trained();
    let worst = run(folder.path(), "predict run --worst 10 --out worst.svg --format json").objects();
    let svg = svg(folder.path(), "worst.svg");
    assert_eq!(worst.len(), 10);
    let sure = |sample: &Value| {
        sample["probabilities"][sample["class"].as_u64().unwrap() as usize].as_f64().unwrap()
    };
    assert!(worst.windows(2).all(|two| sure(&two[0]) >= sure(&two[1])), "the surest first");
    for sample in &worst {
        assert_ne!(sample["label"], sample["class"]);
        let title = format!(
            "{} → {}, {:.2} %, #{}<",
            sample["label"],
            sample["class"],
            100.0 * sure(sample),
            sample["index"]
        );
        assert!(svg.contains(&title), "{title} in {svg}");
    }
    let text = run(folder.path(), "predict run --worst 10").succeeded();
    assert!(text.starts_with("digits test: the 10 worst of 4,000 samples\n"), "{text}");
    assert!(text.contains(&format!("{} → {}", worst[0]["label"], worst[0]["class"])), "{text}");
}

#[test]
fn predictions_that_are_asked_for_are_drawn_with_their_titles() {
    let folder = trained();
    let asked = run(folder.path(), "predict run --index 5 --count 3 --out three.png --format json").objects();
    let indices: Vec<u64> = asked.iter().map(|sample| sample["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, [5, 6, 7]);
    let picture = Picture::read_png(&folder.path().join("three.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (2 * (32 + 3 * 146), 2 * (48 + 112 + 46 + 8)));
    let below = 2 * (48 + 112);
    assert!(letters(&picture, below + 8..below + 70) >= 9, "a title below each");
    let random = |name: &str| {
        let arguments = format!("predict run --random --count 4 --seed 3 --out {name}");
        run(folder.path(), &arguments).succeeded();
        svg(folder.path(), name)
    };
    assert_eq!(random("a.svg"), random("b.svg"), "the same seed, the same samples");
    run(folder.path(), "show --dataset digits --split test --index 8 --out eight.png").succeeded();
    let text = run(folder.path(), "predict run --image eight.png --out one.svg").succeeded();
    assert!(
        text.ends_with("\nwritten to one.svg\n") && svg(folder.path(), "one.svg").contains(" %, eight.png<"),
        "{text}"
    );
    let text = run(folder.path(), "predict run --index 8 --out one.svg").succeeded();
    assert!(text.contains("probability") && svg(folder.path(), "one.svg").contains(" %, #8<"), "{text}");
}

#[test]
fn names_of_classes_are_text_and_a_regression_is_drawn_as_dots() {
    let folder = tempfile::tempdir().unwrap();
    let rows = |label: &dyn Fn(usize) -> String| -> String {
        ["a,y\n".to_owned()].into_iter().chain((0..60).map(|i| format!("{i},{}\n", label(i)))).collect()
    };
    let names = ["<script>alert(1)</script>", "a&b"];
    fs::write(folder.path().join("c.csv"), rows(&|i| names[usize::from(i < 30)].to_owned())).unwrap();
    fs::write(folder.path().join("r.csv"), rows(&|i| format!("{}", i * 2))).unwrap();
    run(folder.path(), "train --dataset csv:c.csv --out c --epochs 2 --no-report").succeeded();
    run(folder.path(), "eval c --plot c.svg").succeeded();
    let drawn = svg(folder.path(), "c.svg");
    assert!(drawn.contains("&lt;script&gt;") && drawn.contains("label a&amp;b, predicted"), "{drawn}");
    run(folder.path(), "train --dataset csv:r.csv --loss mse --out r --epochs 2 --no-report --plot l.svg")
        .succeeded();
    assert!(!svg(folder.path(), "l.svg").contains("accuracy"));
    run(folder.path(), "eval r --plot r.svg").succeeded();
    assert!(
        svg(folder.path(), "r.svg").contains("RMSE")
            && svg(folder.path(), "r.svg").matches("<circle").count() > 5
    );
    let worst = run(folder.path(), "predict r --worst 3").succeeded();
    assert!(worst.contains("predicted"), "{worst}");
    assert!(
        refusal(folder.path(), &["predict", "r", "--worst", "3", "--out", "x.png"], 2)
            .contains("no pictures")
    );
}

#[test]
fn what_cannot_be_drawn_or_written_is_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("folder.svg")).unwrap();
    let long = "train --dataset digits --epochs 100000000 --out run --plot";
    for (arguments, code, problem) in [
        (
            format!("{long} plot.jpg"),
            2,
            "--plot: expected a name that ends with .svg or .png, found `plot.jpg`",
        ),
        (format!("{long} folder.svg"), 1, "folder.svg"),
        (format!("{long} missing/plot.png"), 1, "missing/plot.png"),
        ("predict m --worst 3 --index 4".to_owned(), 2, "cannot be used with"),
        (
            "predict m --index 4 --out x.gif".to_owned(),
            2,
            "--out: expected a name that ends with .png or .svg, found `x.gif`",
        ),
        ("predict m --dataset digits --out x.png".to_owned(), 2, "--out: a picture is of some samples"),
    ] {
        let words: Vec<&str> = arguments.split(' ').collect();
        let message = refusal(folder.path(), &words, code);
        assert!(message.contains(problem), "{message}");
    }
    assert_eq!(support::files(folder.path()), [folder.path().join("folder.svg")]);
}
