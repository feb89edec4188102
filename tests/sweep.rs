//! `plangrad sweep`: rows match `plan` and `train`, times are those of equal runs, plots are well-formed, and sizes that
//! do not fit or make no sense are reported.

mod support;

use std::fs;
use std::path::Path;

use plangrad::Picture;
use serde_json::Value;
use support::{command, files, plangrad, refusal, run};

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// The rows of a sweep with these options.
fn rows(folder: &Path, options: &str) -> Vec<Value> {
    run(folder, &format!("sweep {options} --format json")).objects()
}

#[test]
fn what_each_size_has_measured_is_said_as_soon_as_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let options = "--dataset digits --hidden 8 --batch-sizes 500,4000 --seconds 0.01 --memory-budget 400KiB";
    let sweep = plangrad(folder.path(), words(&format!("sweep {options} --format json")));
    let lines: Vec<&str> = sweep.stderr.lines().collect();
    assert!(lines[0].starts_with("cpu, batch size 500: ") && lines[0].contains(" an epoch, test accuracy "));
    assert_eq!(lines[1..], ["cpu, batch size 4,000: out of memory"]);
    assert_eq!(sweep.objects().len(), 2);
}

fn number(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or_else(|| panic!("{key} of {row}"))
}

#[test]
fn each_device_and_size_has_a_row_with_the_planned_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let options = "--dataset digits --hidden 32 --optimizer sgd --momentum 0.5";
    let sizes = "512,64,300";
    let found = rows(
        folder.path(),
        &format!("{options} --batch-sizes {sizes} --devices cpu,accelerator --seconds 0.02"),
    );
    let asked =
        ["cpu", "accelerator"].into_iter().flat_map(|device| [512, 64, 300].map(|size| (device, size)));
    let names =
        found.iter().map(|row| (row["device"].as_str().unwrap(), row["batch_size"].as_u64().unwrap()));
    assert_eq!(names.collect::<Vec<_>>(), asked.collect::<Vec<_>>());
    for (device, rows) in ["cpu", "accelerator"].into_iter().zip(found.chunks(3)) {
        let plan = format!("plan {options} --batch-sizes {sizes} --device {device} --format json");
        let planned = run(folder.path(), &plan).object();
        assert_eq!(planned["rows"].as_array().unwrap().len(), rows.len());
        for (row, planned) in rows.iter().zip(planned["rows"].as_array().unwrap()) {
            assert_eq!(row["planned_bytes"], planned["total_bytes"], "{row}");
            assert_eq!(row["measured_bytes"], planned["total_bytes"], "{row}");
        }
    }
    assert!(files(folder.path()).is_empty(), "nothing is written but what is asked for");
}

#[test]
fn after_equal_epochs_the_results_are_those_of_train() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("table.csv"), table()).unwrap();
    let cases = [
        ("--dataset digits --seed 7 --epochs 2", [64, 999]),
        (
            "--dataset digits --optimizer sgd --lr 0.05 --no-shuffle --dropout 0.2 --hidden 64,32 --epochs 1",
            [100, 128],
        ),
        ("--dataset csv:table.csv --loss mse --hidden 8 --lr 0.01 --epochs 3", [1, 7]),
    ];
    for (options, sizes) in cases {
        let list = sizes.map(|size| size.to_string()).join(",");
        let rows = rows(folder.path(), &format!("{options} --batch-sizes {list} --seconds 0.01"));
        assert_eq!(rows.len(), sizes.len());
        for (row, size) in rows.iter().zip(sizes) {
            let train = format!("train {options} --batch-size {size} --out run --overwrite --format json");
            let events = run(folder.path(), &train).objects();
            let epoch = events.iter().rfind(|event| event["event"] == "epoch").unwrap();
            assert_eq!(row["loss_after_epochs"], epoch["test_loss"], "{options} {size}");
            assert_eq!(row["accuracy_after_epochs"], epoch["test_accuracy"], "{options} {size}");
            assert_eq!(row["planned_bytes"], epoch["planned_bytes"], "{options} {size}");
        }
    }
}

/// A table whose last column is the sum of the others.
fn table() -> String {
    let rows = (0..40).map(|i| (i % 7, i % 11));
    rows.fold("a,b,sum\n".to_owned(), |text, (a, b)| text + &format!("{a},{b},{}\n", a + b))
}

#[test]
fn figures_agree_with_one_another_and_with_the_lessons() {
    let folder = tempfile::tempdir().unwrap();
    let rows = rows(folder.path(), "--dataset digits --batch-sizes 8,64,2000 --epochs 2");
    let samples = 20_000.0;
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs();
    for row in &rows {
        let (seconds, size) = (number(row, "seconds_per_epoch"), number(row, "batch_size"));
        assert!(close(number(row, "samples_per_second"), samples / seconds), "{row}");
        let steps = (samples / size).ceil();
        assert!(close(number(row, "milliseconds_per_step"), 1000.0 * seconds / steps), "{row}");
        assert!(number(row, "steps_in_equal_time") >= 1.0);
        let seen = number(row, "samples_in_equal_time");
        assert!(seen <= size * number(row, "steps_in_equal_time"), "{row}");
        assert_eq!(row["epochs"], 2);
        assert_eq!(row["out_of_memory"], Value::Null);
        assert!((0.0..=1.0).contains(&number(row, "accuracy_after_equal_time")), "{row}");
    }
    let fastest = rows.iter().map(|row| 2.0 * number(row, "seconds_per_epoch")).fold(f64::INFINITY, f64::min);
    assert!(rows.iter().all(|row| close(number(row, "equal_seconds"), fastest)), "{rows:?}");
    let [small, middle, large] = [&rows[0], &rows[1], &rows[2]];
    assert!(number(small, "accuracy_after_epochs") > 0.9, "{small}");
    assert!(
        number(small, "step_loss_deviation") > 2.0 * number(middle, "step_loss_deviation"),
        "noisy: {rows:?}"
    );
    assert!(number(large, "measured_bytes") > 1.5 * number(middle, "measured_bytes"), "large: {rows:?}");
    let lags = number(large, "accuracy_after_epochs") < number(middle, "accuracy_after_epochs") - 0.05;
    assert!(lags, "few steps of the same length: {rows:?}");
}

#[test]
fn equal_time_is_the_time_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let rows = rows(folder.path(), "--dataset digits --batch-sizes 32,256 --seconds 0.5");
    for row in &rows {
        assert_eq!(number(row, "equal_seconds"), 0.5);
        assert!(number(row, "seconds_in_equal_time") >= 0.5, "{row}");
        // Half a second at the speed of the first run, give or take what else the machine does.
        let expected = 0.5 * number(row, "samples_per_second");
        let seen = number(row, "samples_in_equal_time");
        assert!(seen > expected / 20.0 && seen < 20.0 * expected, "{row}");
        // The last batch of an epoch may be smaller.
        let [steps, batch_size] = ["steps_in_equal_time", "batch_size"].map(|name| number(row, name));
        assert!(steps >= 1.0, "{row}");
        let most = steps * batch_size;
        assert!(seen > most / 2.0 && seen <= most, "{row}");
    }
}

#[test]
fn what_takes_longer_than_the_equal_time_is_not_compared() {
    let folder = tempfile::tempdir().unwrap();
    let options = "--dataset digits --hidden 256 --batch-sizes 500,20000 --seconds 0.001";
    let row = &rows(folder.path(), options)[1];
    assert_eq!((number(row, "equal_seconds"), number(row, "steps_in_equal_time")), (0.001, 1.0));
    let seconds = number(row, "seconds_in_equal_time");
    assert!(seconds > 0.002 && seconds < 20.0 * number(row, "seconds_per_epoch"), "{row}");
    let text = run(folder.path(), &format!("sweep {options} --plot plot.svg")).succeeded();
    assert!(text.contains("* cpu, batch size 20,000: its last step ended after "), "{text}");
    assert!(text.contains(" and not after 1 ms; it is not compared after equal time"), "{text}");
    assert!(
        text.lines().any(|line| words(line).ends_with(&["%", "*", "1"]) && line.contains("20,000")),
        "{text}"
    );
    assert!(
        text.contains("; the best after 1 epoch is 500") && !text.contains(", after equal time "),
        "{text}"
    );
    assert!(fs::read_to_string(folder.path().join("plot.svg")).unwrap().contains("after 1 ms and longer"));
}

#[test]
fn sizes_that_do_not_fit_are_reported_and_the_others_measured() {
    let folder = tempfile::tempdir().unwrap();
    let options = "sweep --dataset digits --batch-sizes 2048,64 --memory-budget 2MiB --seconds 0.01";
    let rows = run(folder.path(), &format!("{options} --format json")).objects();
    let planned = number(&rows[0], "planned_bytes");
    assert_eq!(number(&rows[0]["out_of_memory"], "needed_bytes"), planned);
    assert_eq!(number(&rows[0]["out_of_memory"], "free_bytes"), 2_097_152.0);
    for key in ["measured_bytes", "seconds_per_epoch", "accuracy_after_epochs", "accuracy_after_equal_time"] {
        assert_eq!(rows[0][key], Value::Null, "{key}");
        assert_ne!(rows[1][key], Value::Null, "{key}");
    }
    let text = run(folder.path(), &format!("{options} --plot plot.svg")).succeeded();
    assert!(
        text.contains("cpu, batch size 2,048: out of memory, 2.34 MiB needed and 2.00 MiB free"),
        "{text}"
    );
    assert!(fs::read_to_string(folder.path().join("plot.svg")).unwrap().contains(">out of memory<"));
}

#[test]
fn a_sweep_in_which_nothing_fits_reports_all_rows_and_ends_out_of_memory() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = |options: &str| run(folder.path(), &format!("sweep --dataset digits {options}"));
    let none = sweep("--batch-sizes 1024,512 --memory-budget 1400KiB --plot none.svg");
    assert_eq!(none.code, 1, "{none:?}");
    assert!(
        none.stdout.contains("batch size 1,024: out of memory, 1.75 MiB needed and 1.37 MiB free"),
        "{none:?}"
    );
    assert!(none.stdout.ends_with("written to none.svg\n"), "{none:?}");
    let planned = run(folder.path(), "plan --dataset digits --batch-sizes 512 --format json").object();
    let needed = plangrad::grouped(planned["rows"][0]["total_bytes"].as_u64().unwrap() as usize);
    let begin = format!("\nerror: out of memory on cpu: training on batches of 512 needs {needed} bytes (");
    let end = "the largest that fits, or raise --memory-budget\n";
    assert!(none.stderr.contains(&begin) && none.stderr.ends_with(end), "{none:?}");
    let (_, rest) = none.stderr.split_once("take --batch-sizes up to ").unwrap();
    let largest = rest.split(',').next().unwrap();
    let fitting = sweep(&format!("--batch-sizes 1024,{largest} --memory-budget 1400KiB --seconds 0.01"));
    assert!(fitting.succeeded().contains("batch size 1,024: out of memory"));

    let tiny = sweep("--batch-sizes 64,1 --devices cpu,accelerator --memory-budget 0 --format json");
    assert_eq!(tiny.code, 1, "{tiny:?}");
    let lines: Vec<Value> = tiny.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (error, rows) = lines.split_last().unwrap();
    assert!(rows.len() == 4 && rows.iter().all(|row| !row["out_of_memory"].is_null()), "{tiny:?}");
    assert_eq!((error["event"].as_str(), error["kind"].as_str()), (Some("error"), Some("out-of-memory")));
    assert!(error["message"].as_str().unwrap().contains("on cpu: training on batches of 1 needs"), "{error}");
    assert!(error["message"].as_str().unwrap().contains("not even a batch of 1 fits"), "{error}");
}

#[test]
fn text_output_is_a_table_and_its_reading() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        run(folder.path(), "sweep --dataset digits --batch-sizes 64,512,30000 --seconds 0.1").succeeded();
    let first = "digits: 20,000 samples to learn from, 4,000 to test on; 784-128-10 with 101,770 parameters; Adam 0.001 for \
                 every batch size; on cpu";
    assert_eq!(text.lines().next(), Some(first));
    let head = "device  batch size  s/epoch  samples/s  ms/step    planned   measured  loss std. dev.  after 1 epoch  \
                after 0.1 s  in steps";
    let squeezed = |line: &str| words(line).join(" ");
    assert!(text.lines().any(|line| squeezed(line) == squeezed(head)), "{text}");
    assert!(
        text.contains(
            "batch size 30,000: there are only 20,000 samples to learn from, so a step takes those"
        )
    );
    assert!(text.lines().any(|line| line.starts_with("cpu: the fastest is batch size ")
        && line.contains("; the best after 1 epoch is ")));
}

#[test]
fn a_regression_has_a_loss_and_no_accuracy() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("table.csv"), table()).unwrap();
    let options = "--dataset csv:table.csv --loss mse --hidden none --batch-sizes 1,4 --seconds 0.001";
    for row in rows(folder.path(), options) {
        assert!(
            number(&row, "loss_after_epochs").is_finite()
                && number(&row, "loss_after_equal_time").is_finite()
        );
        assert_eq!(row["accuracy_after_epochs"], Value::Null);
        assert_eq!(row["accuracy_after_equal_time"], Value::Null);
    }
    let text = run(folder.path(), &format!("sweep {options} --plot loss.svg")).succeeded();
    assert!(text.contains("test loss") && !text.contains("accuracy"), "{text}");
    assert!(fs::read_to_string(folder.path().join("loss.svg")).unwrap().contains(">test loss<"));
    let untested = format!("{options} --test-fraction 0");
    assert_eq!(rows(folder.path(), &untested)[0]["loss_after_epochs"], Value::Null);
}

#[test]
fn a_diverging_training_is_reported_with_its_speed() {
    let folder = tempfile::tempdir().unwrap();
    let options = "--dataset digits --optimizer sgd --lr 1e30 --batch-sizes 64,256 --seconds 0.01";
    for row in rows(folder.path(), options) {
        for key in
            ["loss_after_epochs", "accuracy_after_epochs", "step_loss_deviation", "accuracy_after_equal_time"]
        {
            assert_eq!(row[key], Value::Null, "{key} of {row}");
        }
        assert!(number(&row, "samples_per_second") > 0.0);
    }
    let text = run(folder.path(), &format!("sweep {options} --plot plot.svg")).succeeded();
    assert_eq!(text.matches("diverged").count(), 4, "{text}");
    assert!(!text.contains("NaN") && !text.contains("the best"), "{text}");
    let svg = fs::read_to_string(folder.path().join("plot.svg")).unwrap();
    assert!(svg.contains("time of an epoch") && !svg.contains("NaN") && !svg.contains("test "), "{svg}");
}

#[test]
fn plots_are_self_contained_files() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    fs::write(place("plot.svg"), "old").unwrap();
    let sweep = "sweep --dataset digits --batch-sizes 64,256 --devices cpu,accelerator --plot plot.svg --plot plot.PNG";
    let text = run(folder.path(), sweep).succeeded();
    assert!(text.ends_with("written to plot.svg\nwritten to plot.PNG\n"), "{text}");
    let svg = fs::read_to_string(place("plot.svg")).unwrap();
    support::check_svg(&svg);
    for part in [
        "time of an epoch",
        ">memory<",
        " MiB<",
        "test accuracy",
        "accelerator, after 1 epoch",
        ">256<",
        "batch size",
    ] {
        assert!(svg.contains(part), "{part} in {svg}");
    }
    assert!(!svg.contains("href") && !svg.contains("url("), "it refers to nothing");
    let picture = Picture::read_png(&place("plot.PNG")).unwrap();
    assert_eq!(picture.width(), 1520);
    assert!(support::letters(&picture, 30..64) > 10, "the title has letters");
    let ink = picture.planes().iter().filter(|&&value| value < 128).count();
    assert!(ink > 10_000, "{ink} dark values");
    assert_eq!(files(folder.path()).len(), 2);
}

#[test]
fn wrong_usage_is_refused_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("folder.svg")).unwrap();
    let cases = [
        ("--batch-sizes 64,0", "--batch-sizes: expected a whole number of at least 1, found `0`"),
        ("--batch-sizes", "--batch-sizes: expected a value, found none"),
        ("--batch-sizes x", "--batch-sizes: expected a whole number of at least 1, found `x`"),
        (
            "--devices cpu,npu",
            "--devices: expected auto, cpu, gpu, cuda, metal, vulkan or dx12, those with a number as in cuda:1, or accelerator, found `npu`",
        ),
        ("--seconds 0", "--seconds: expected a number above 0, found `0`"),
        ("--epochs 0", "--epochs: expected a whole number of at least 1, found `0`"),
        ("--momentum 0.9", "--momentum: is for --optimizer sgd"),
        ("--loss mse", "--loss: mse is for the numbers of a table"),
        ("--plot plot.jpg", "--plot: expected a name that ends with .svg or .png, found `plot.jpg`"),
        ("--plot -", "--plot: expected a name that ends with .svg or .png, found `-`"),
    ];
    for (options, expected) in cases {
        let arguments = format!("sweep --dataset digits {options}");
        let sentence = refusal(folder.path(), &words(&arguments), 2);
        assert!(sentence.starts_with(expected), "{arguments}: {sentence}");
    }
    for name in ["folder.svg", "missing/plot.png"] {
        // So many epochs that a check behind them would never be reached.
        let arguments = format!("sweep --dataset digits --epochs 100000000 --plot good.svg --plot {name}");
        let sentence = refusal(folder.path(), &words(&arguments), 1);
        assert!(sentence.contains(name), "{sentence}");
    }
    assert_eq!(files(folder.path()), [folder.path().join("folder.svg")]);
    let empty = plangrad(folder.path(), ["sweep", "--batch-sizes", ""]).refused(2);
    assert!(empty.starts_with("--batch-sizes: expected"), "{empty}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_sweep_ends_at_once_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = words("sweep --dataset digits --epochs 100000000 --plot plot.svg");
    let sweep = support::interrupt(command(folder.path()).args(arguments));
    let end = "stopping; press Ctrl-C again to end at once\nerror: interrupted; no file was written\n";
    assert_eq!((sweep.code, &*sweep.stderr), (130, end), "{sweep:?}");
    assert!(files(folder.path()).is_empty());
}
