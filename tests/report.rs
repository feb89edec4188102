//! The report of a run: the page says what the run's files say, opens in a browser without an error, and takes no name for markup.

#[path = "report/browser.rs"]
mod browser;
mod support;

use std::fs;
use std::path::Path;

use browser::{Browser, View, of_file};
use serde_json::Value;
use support::{metrics, plangrad, run, select, small_mnist};

const RUN: &str = "train --dataset mnist --hidden 16 --epochs 3 --keep-inputs --out it";

/// The page at `path`.
fn page(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The runs that a page shows, as it holds them.
fn runs(page: &str) -> Vec<Value> {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"runs\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn train_writes_a_report_and_says_where_unless_told_not_to() {
    let folder = small_mnist();
    let text = run(folder.path(), RUN).succeeded();
    assert!(text.contains("\nReport: it/report.html\nNext:  "), "{text}");
    assert!(folder.path().join("it/report.html").is_file());
    let text = run(folder.path(), &format!("{RUN} --overwrite --no-report")).succeeded();
    assert!(!text.contains("Report:") && !folder.path().join("it/report.html").exists(), "{text}");
}

#[test]
fn the_page_holds_the_figures_of_the_runs_files_and_of_eval() {
    let folder = small_mnist();
    run(folder.path(), RUN).succeeded();
    let of_train = page(&folder.path().join("it/report.html"));
    let of_report = run(folder.path(), "report it --out again.html --format json").object();
    assert_eq!(of_report["report"], "again.html");
    let again = page(&folder.path().join("again.html"));
    assert_eq!(of_report["bytes"], again.len());
    assert!(of_train == again, "the page at the end of the run and that of `report` differ");
    let runs = runs(&again);
    let events = metrics(&folder.path().join("it"));
    let epochs = runs[0]["history"]["epochs"].as_array().unwrap();
    assert_eq!(epochs.len(), 3);
    for (shown, logged) in epochs.iter().zip(select(&events, "epoch")) {
        for key in ["epoch", "train_loss", "test_loss", "test_accuracy", "planned_bytes", "measured_bytes"] {
            assert_eq!(shown[key], logged[key], "{key}");
        }
    }
    assert_eq!(runs[0]["memory"]["total"], select(&events, "start")[0]["planned_bytes"]);
    let evaluated = run(folder.path(), "eval it --format json").object();
    let classes = &runs[0]["examined"]["classes"];
    assert_eq!(classes["confusion"], evaluated["confusion"]);
    assert_eq!(classes["accuracy"], evaluated["accuracy"]);
    assert_eq!(classes["per_class"][3]["f1"], evaluated["per_class"][3]["f1"]);
    assert_eq!(runs[0]["data"]["train"], 1600);
}

#[test]
fn the_parts_of_the_memory_add_up_to_it() {
    let folder = small_mnist();
    run(
        folder.path(),
        "train --dataset mnist --hidden 16 --epochs 1 --accumulate 4 --validation-fraction 0.2 --out it",
    )
    .succeeded();
    let runs = runs(&page(&folder.path().join("it/report.html")));
    let memory = &runs[0]["memory"];
    let sum = |parts: &Value| {
        parts.as_array().unwrap().iter().map(|part| part["bytes"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(
        (sum(&memory["categories"]), sum(&memory["parts"])),
        (memory["total"].as_u64().unwrap(), memory["total"].as_u64().unwrap())
    );
    let events = metrics(&folder.path().join("it"));
    assert_eq!(memory["total"], select(&events, "start")[0]["planned_bytes"]);
}

#[test]
fn every_process_that_worked_on_a_run_is_listed() {
    let folder = small_mnist();
    run(folder.path(), &format!("{RUN} --max-steps 30")).succeeded();
    run(folder.path(), "train --resume it --max-steps 40").succeeded();
    let runs = runs(&page(&folder.path().join("it/report.html")));
    let sessions = runs[0]["history"]["sessions"].as_array().unwrap();
    let steps: Vec<&Value> = sessions.iter().map(|session| &session["step"]).collect();
    assert_eq!(steps, [0, 30]);
    assert!(sessions[1]["command"].as_str().unwrap().ends_with(" train --resume it --max-steps 40"));
    assert!(sessions[0]["began"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn runs_of_earlier_versions_and_unfinished_ones_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/runs/1f462ae");
    for name in ["digits-complete", "digits-killed"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        for entry in fs::read_dir(kept.join(name)).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), folder.path().join(name).join(entry.file_name())).unwrap();
        }
    }
    run(folder.path(), "report digits-complete digits-killed --out both.html").succeeded();
    let runs = runs(&page(&folder.path().join("both.html")));
    assert_eq!(runs[0]["history"]["sessions"], Value::Array(Vec::new()));
    assert_eq!(runs[0]["examined"]["samples"], 4000);
    assert!(runs[1]["not_examined"].as_str().unwrap().contains("not complete"));
}

#[test]
fn a_folder_without_a_run_and_data_that_are_gone_are_named() {
    let folder = small_mnist();
    let refused = run(folder.path(), "report nowhere").refused(1);
    assert!(refused.contains("nowhere"), "{refused}");
    run(folder.path(), RUN).succeeded();
    fs::remove_dir_all(folder.path().join("data/mnist")).unwrap();
    let reported = run(folder.path(), "report it");
    assert!(
        reported.code == 0 && reported.stderr.contains("no sample is shown: mnist was not found"),
        "{reported:?}"
    );
}

/// A run whose classes have names that would be markup.
fn hostile_run(folder: &Path) {
    const NAMES: [&str; 3] = [
        "</script><script>document.title = 1</script>",
        "<img src=x onerror=document.title=2>",
        "<!--<script>",
    ];
    let rows = (0..90).map(|i| format!("{},{},{}\n", i % 3, i % 7, NAMES[i % 3]));
    fs::write(folder.join("table.csv"), format!("x,y,<b>class</b>\n{}", rows.collect::<String>())).unwrap();
    let arguments = "train --dataset csv:table.csv --hidden 8 --epochs 2 --batch-size 8 --out hostile";
    plangrad(folder, arguments.split(' ')).succeeded();
}

#[test]
fn names_from_outside_are_never_markup() {
    let folder = tempfile::tempdir().unwrap();
    hostile_run(folder.path());
    let page = page(&folder.path().join("hostile/report.html"));
    assert_eq!(page.matches("<script").count(), 2, "one with the data, one that draws");
    assert!(!page.contains("<img src=x") && !page.contains("<b>class"));
    assert!(
        runs(&page)[0]["examined"]["classes"]["names"].as_array().unwrap().contains(&"<!--<script>".into())
    );
    let Some(browser) = Browser::find() else { return };
    let found =
        browser.probe(&folder.path().join("hostile/report.html"), View { width: 1400, is_dark: false });
    assert_eq!(
        (&found["title"], &found["problems"]),
        (&"hostile – plangrad report".into(), &Value::Array(Vec::new()))
    );
}

#[test]
fn the_page_works_in_a_browser_at_any_width_in_light_and_dark() {
    let Some(browser) = Browser::find() else { return };
    let folder = small_mnist();
    run(folder.path(), RUN).succeeded();
    let path = folder.path().join("it/report.html");
    let (shown, console) = browser.open(&of_file(&path), View { width: 1400, is_dark: false });
    assert_eq!(console, Vec::<String>::new(), "its own policy lets its own script run");
    assert!(shown.contains("<h1>it</h1>"));
    let evaluated = run(folder.path(), "eval it --format json").object();
    let events = metrics(&folder.path().join("it"));
    let end = select(&events, "epoch")[2].clone();
    for (width, is_dark) in [(360, false), (360, true), (1400, false), (1400, true)] {
        let view = View { width, is_dark };
        let found = browser.probe(&path, view);
        assert_eq!((&found["width"], &found["dark"]), (&width.into(), &is_dark.into()));
        assert_eq!(found["problems"], Value::Array(Vec::new()), "{view:?}");
        assert_eq!(found["pale"], Value::Array(Vec::new()), "{view:?}");
        assert_eq!((&found["wide"], &found["unnamed"]), (&false.into(), &0.into()), "{view:?}");
        assert_eq!(found["confusion"], evaluated["confusion"], "{view:?}");
        assert_eq!(
            found["figures"]["accuracy"],
            format!("{:.2}\u{a0}%", 100.0 * end["test_accuracy"].as_f64().unwrap())
        );
        assert_eq!(found["figures"]["loss"], format!("{:.4}", end["test_loss"].as_f64().unwrap()));
        let readout = found["readout"].as_str().unwrap();
        let train = format!(
            "epoch 3: train (mean of the epoch) {:.4}, test {:.4}",
            end["train_loss"].as_f64().unwrap(),
            end["test_loss"].as_f64().unwrap()
        );
        assert_eq!(readout, train);
        let told = found["told"].as_str().unwrap();
        assert!(told.contains("64 samples × 784 values × 4 B = 200,704 B"), "{told}");
        assert_ne!(found["next"], found["told"], "the arrow key leads on");
        assert_eq!(found["units"], 16);
    }
}

#[test]
fn several_runs_stand_side_by_side() {
    let folder = small_mnist();
    run(folder.path(), RUN).succeeded();
    run(folder.path(), "train --dataset mnist --hidden 8 --epochs 2 --out other").succeeded();
    let text = run(folder.path(), "report it other").succeeded();
    assert!(text.starts_with("report.html, "), "{text}");
    assert_eq!(runs(&page(&folder.path().join("report.html"))).len(), 2);
    let Some(browser) = Browser::find() else { return };
    let found = browser.probe(&folder.path().join("report.html"), View { width: 1400, is_dark: false });
    assert_eq!(
        (&found["columns"], &found["articles"], &found["problems"]),
        (&3.into(), &2.into(), &Value::Array(Vec::new()))
    );
}
