//! `plangrad fit` and `train --batch-size auto`: the size found trains, the next one is refused, and a choice can be
//! repeated.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Left, command, files, finish, plangrad, refusal, run, select, small_mnist};

/// The result of a `fit` without speed measurements, which do not affect the size.
fn fit(folder: &Path, options: &str) -> Value {
    run(folder, &format!("fit {options} --no-speed --format json")).object()
}

/// The same by doubling, which is slower.
fn doubled(folder: &Path, options: &str) -> Value {
    run(folder, &format!("fit {options} --method double --format json")).object()
}

fn number(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or_else(|| panic!("{key} in {object}"))
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Pseudo-random numbers (Knuth's linear congruential generator).
fn scattered(count: u64, low: u64, high: u64) -> Vec<u64> {
    let next =
        |seed: u64| seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let seeds = std::iter::successors(Some(next(2026)), |&seed| Some(next(seed)));
    seeds.take(count as usize).map(|seed| low + (seed >> 16) % (high - low)).collect()
}

#[test]
fn for_every_budget_the_size_found_trains_and_the_next_is_refused() {
    let folder = small_mnist();
    let networks =
        ["--dataset mnist", "--dataset mnist --hidden 24,12 --optimizer sgd --dropout 0.2 --keep-inputs"];
    for (number_of, options) in networks.into_iter().enumerate() {
        let [low, high] = [[1_290_000, 1_600_000], [180_000, 1 << 20]][number_of];
        for budget in [low].into_iter().chain(scattered(4, low, high)) {
            let found = fit(folder.path(), &format!("{options} --memory-budget {budget}"));
            let size = number(&found, "max_batch_size");
            assert_eq!(
                (found["stopped_by"].as_str(), number(&found, "budget_bytes")),
                (Some("budget"), budget)
            );
            assert_eq!(number(&found, "measured_bytes"), number(&found, "total_bytes"));
            assert!(number(&found, "total_bytes") <= budget && budget < number(&found, "next_total_bytes"));
            let train =
                format!("train {options} --memory-budget {budget} --on-oom error --max-steps 1 --overwrite");
            let events =
                run(folder.path(), &format!("{train} --batch-size {size} --out run --format json")).objects();
            let measured = number(select(&events, "epoch")[0], "measured_bytes");
            assert_eq!(measured, number(&found, "measured_bytes"), "{found}");
            let sentence = refusal(folder.path(), &words(&format!("{train} --batch-size {}", size + 1)), 1);
            assert!(
                sentence.contains(&format!("take --batch-size {size}, the largest that fits")),
                "{sentence}"
            );
        }
    }
}

#[test]
fn both_methods_agree() {
    let folder = tempfile::tempdir().unwrap();
    for options in [
        "--dataset digits --hidden 16 --memory-budget 1MiB",
        "--dataset digits --memory-budget 1700000",
        "--dataset digits --hidden 16 --memory-budget 19MiB --device accelerator --eval-batch-size 200",
        "--dataset digits --hidden none --max-batch 700",
    ] {
        let (solved, doubled) = (fit(folder.path(), options), doubled(folder.path(), options));
        for key in [
            "max_batch_size",
            "recommended_batch_size",
            "stopped_by",
            "total_bytes",
            "next_total_bytes",
            "measured_bytes",
            "eval_batch_size",
        ] {
            assert_eq!(solved[key], doubled[key], "{key} with {options}");
        }
        assert_eq!((&solved["method"], &doubled["method"]), (&"solve".into(), &"double".into()));
        assert!(number(&doubled, "knee_batch_size") <= number(&doubled, "max_batch_size"));
        let trials = |object: &Value| -> Vec<(u64, bool)> {
            let trials = object["trials"].as_array().unwrap().iter();
            trials.map(|trial| (number(trial, "batch_size"), trial["fits"].as_bool().unwrap())).collect()
        };
        assert!(trials(&doubled).len() > trials(&solved).len());
        assert_eq!(trials(&doubled)[0].0, 16);
        let (size, is_refused) = (number(&solved, "max_batch_size"), !solved["next_total_bytes"].is_null());
        let expected = [(size, true)].into_iter().chain(is_refused.then_some((size + 1, false)));
        assert_eq!(trials(&solved), expected.collect::<Vec<_>>());
    }
}

#[test]
fn the_reason_for_stopping_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let small = "--dataset digits --hidden none";
    for (options, reason, size) in [
        ("", "dataset-size", 20_000),
        ("--max-batch 20000", "dataset-size", 20_000),
        ("--max-batch 19999", "max-batch", 19_999),
        ("--synthetic --max-batch 30000", "max-batch", 30_000),
        ("--max-batch 1", "max-batch", 1),
    ] {
        let found = fit(folder.path(), &format!("{small} {options}"));
        let said = (found["stopped_by"].as_str(), number(&found, "max_batch_size"));
        assert_eq!(said, (Some(reason), size), "{options}");
        assert_eq!(
            (found["next_total_bytes"].is_null(), number(&found, "budget_bytes") > 1 << 24),
            (true, true)
        );
        assert_eq!(number(&found, "recommended_batch_size"), (size * 4 / 5).max(1));
        assert!(found["knee_batch_size"].is_null() && found["throughput"] == serde_json::json!([]));
    }
    let late =
        run(folder.path(), &format!("fit {small} --method double --time-limit 1e-9 --format json")).object();
    assert_eq!((late["stopped_by"].as_str(), number(&late, "max_batch_size")), (Some("time"), 16));
    let text = run(folder.path(), &format!("fit {small} --memory-budget 300000 --no-speed")).succeeded();
    assert!(
        text.contains("stopped by   the budget: ") && text.contains("refused: 300,000 bytes are free"),
        "{text}"
    );
}

#[test]
fn a_search_ends_at_its_time_limit() {
    let folder = tempfile::tempdir().unwrap();
    // A step that fills 8 GiB takes longer than this on any machine.
    let options = "--dataset digits --hidden 1024,1024 --synthetic --memory-budget 8GiB --time-limit 0.1";
    for method in ["solve", "double"] {
        let found = run(folder.path(), &format!("fit {options} --method {method} --format json")).object();
        assert_eq!(found["stopped_by"].as_str(), Some("time"), "{found}");
        assert!(number(&found, "max_batch_size") >= 16 && found["next_total_bytes"].is_null(), "{found}");
        assert_eq!(number(&found, "measured_bytes"), number(&found, "total_bytes"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_choice_of_batch_size_leaves_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = words("train --dataset digits --hidden 4096,4096 --batch-size auto --out run");
    let choice = support::interrupt(command(folder.path()).args(arguments));
    assert_eq!(choice.code, 130, "{choice:?}");
    let end = "stopping; press Ctrl-C again to end at once\nerror: interrupted; no file was written\n";
    assert!(choice.stderr.ends_with(end), "{choice:?}");
    assert!(files(folder.path()).is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_search_reports_no_result() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "fit --dataset digits --hidden 2048,2048 --method double --memory-budget 4GiB";
    let search = support::interrupt(command(folder.path()).args(words(arguments)));
    assert_eq!(
        (search.code, &*search.stderr),
        (130, "stopping; press Ctrl-C again to end at once\nerror: interrupted; no file was written\n"),
        "{search:?}"
    );
    assert!(!search.stdout.contains("largest"), "{search:?}");
    let objects =
        support::interrupt(command(folder.path()).args(words(arguments)).args(["--format", "json"]));
    let error: Value = serde_json::from_str(&objects.stdout).unwrap();
    assert_eq!((objects.code, &error["kind"]), (130, &"interrupted".into()), "{objects:?}");
}

#[test]
fn synthetic_batches_go_beyond_the_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let options = "--dataset digits --hidden 8 --memory-budget 130MiB";
    let within = fit(folder.path(), options);
    assert_eq!(
        (within["stopped_by"].as_str(), number(&within, "max_batch_size")),
        (Some("dataset-size"), 20_000)
    );
    let beyond = fit(folder.path(), &format!("{options} --synthetic"));
    assert_eq!(beyond["stopped_by"].as_str(), Some("budget"));
    assert!(number(&beyond, "max_batch_size") > 30_000, "{beyond}");
    // Where the dataset lies in the device's memory it stays as it is: there is as much less room, and 4 bytes more for each
    // sample of a batch, for their order.
    let device = fit(folder.path(), &format!("{options} --synthetic --device accelerator"));
    assert_eq!((device["stopped_by"].as_str(), &device["device"]), (Some("budget"), &"accelerator".into()));
    let (all, there) = (number(&beyond, "max_batch_size"), number(&device, "max_batch_size"));
    assert!(20_000 < there && there < all, "{device}");
    // Where batches are no larger than the dataset, the option changes nothing.
    let small = "--dataset digits --memory-budget 4MiB";
    assert_eq!(fit(folder.path(), small), fit(folder.path(), &format!("{small} --synthetic")));
}

#[test]
fn the_dataset_counts_on_a_device_with_memory_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let options = "--dataset digits --device accelerator";
    let found = fit(folder.path(), &format!("{options} --memory-budget 24MiB"));
    let size = number(&found, "max_batch_size");
    let dataset = 24_000 * (784 + 1 + 4);
    assert!((dataset..24 << 20).contains(&number(&found, "total_bytes")));
    let train =
        format!("train {options} --memory-budget 24MiB --max-steps 1 --out run --overwrite --batch-size");
    run(folder.path(), &format!("{train} {size}")).succeeded();
    run(folder.path(), &format!("{train} {}", size + 1)).refused(1);
    let sentence = refusal(folder.path(), &words(&format!("fit {options} --memory-budget 8MiB")), 1);
    assert!(
        sentence.starts_with("out of memory on accelerator: training on batches of 1 needs "),
        "{sentence}"
    );
}

#[test]
fn the_evaluation_is_sized_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let budget = "--dataset digits --memory-budget 2MiB";
    let (found, large) =
        (fit(folder.path(), budget), fit(folder.path(), &format!("{budget} --eval-batch-size 690")));
    assert_eq!(found["max_batch_size"], large["max_batch_size"], "an evaluation needs less than a step");
    assert_eq!(number(&large, "eval_batch_size"), 690);
    let sentence = refusal(folder.path(), &words(&format!("fit {budget} --eval-batch-size 4000")), 1);
    assert!(sentence.contains("no batch fits; take a smaller --eval-batch-size"), "{sentence}");
}

#[test]
fn a_table_without_test_rows_and_a_regression_are_fitted_too() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..50).map(|i| format!("{i},{},{}\n", i * i % 7, 3 * i)).collect();
    fs::write(folder.path().join("sums.csv"), format!("a,b,sum\n{rows}")).unwrap();
    let options =
        "--dataset csv:sums.csv --loss mse --test-fraction 0 --hidden 8 --optimizer sgd --momentum 0.9";
    let found = fit(folder.path(), options);
    assert_eq!((number(&found, "max_batch_size"), &found["eval_batch_size"]), (50, &Value::Null));
    assert_eq!(found["network"], "2-8-1 with 33 parameters, SGD with momentum 0.9");
}

#[test]
fn fitting_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "train --dataset digits --max-steps 2 --out runs/one").succeeded();
    let (before, left) = (files(folder.path()), Left::by(&folder.path().join("runs/one")));
    fit(folder.path(), "--dataset digits --memory-budget 3MiB");
    assert_eq!(files(folder.path()), before);
    left.assert_same(&folder.path().join("runs/one"));
}

#[test]
fn hostile_options_are_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    for options in [
        "--safety 0",
        "--safety 2",
        "--safety -0.5",
        "--safety nan",
        "--time-limit 0",
        "--time-limit -1",
        "--time-limit inf",
        "--max-batch 0",
        "--max-batch 1.5",
        "--method triple",
        "--no-speed yes",
        "--momentum 0.9",
        "--memory-budget much",
        "--batch-size 64",
        "--eval-batch-size 0",
    ] {
        refusal(folder.path(), &words(&format!("fit --dataset digits {options}")), 2);
    }
    for size in ["0", "-3", "1.5", ""] {
        let sentence = refusal(folder.path(), &["train", "--batch-size", size], 2);
        assert!(
            sentence.starts_with("--batch-size: expected a whole number of at least 1, found "),
            "{sentence}"
        );
    }
    for size in ["AUTO", "auto,64", "automatic"] {
        let sentence = refusal(folder.path(), &["train", "--batch-size", size], 2);
        let said = format!("--batch-size: expected auto or a whole number of at least 1, found `{size}`");
        assert!(sentence.starts_with(&said), "{sentence}");
    }
    let extremes = "--safety 1e-300 --time-limit 1e300 --max-batch 18446744073709551615 --memory-budget 4MiB";
    let found = fit(folder.path(), "--dataset digits --safety 1e-300 --memory-budget 4MiB");
    assert_eq!(number(&found, "recommended_batch_size"), 1);
    run(folder.path(), &format!("fit --dataset digits {extremes}")).succeeded();
}

/// A limit on the address space, which the program does not query: there is free memory, but reservations fail.
#[test]
#[cfg(target_os = "linux")]
fn memory_that_the_system_refuses_is_found_by_reserving_it() {
    let folder = tempfile::tempdir().unwrap();
    let fit =
        format!("{} fit --dataset digits --hidden 8 --synthetic --no-speed", env!("CARGO_BIN_EXE_plangrad"));
    for (limit, options) in
        [(500_000, "--threads 2"), (300_000, "--threads 1 --method double"), (300_000, "--threads 1")]
    {
        let limited = format!("ulimit -v {limit} && exec {fit} {options} --format json");
        let mut shell = std::process::Command::new("sh");
        let found = finish(shell.args(["-c", &limited]).current_dir(folder.path())).object();
        let trials = found["trials"].as_array().unwrap();
        let free = trials.iter().map(|trial| trial["free_bytes"].as_u64()).find(Option::is_some).flatten();
        if free.is_some_and(|free| free < limit << 10) {
            return eprintln!("SKIPPED: this machine has less memory than the limit");
        }
        assert_eq!(found["stopped_by"].as_str(), Some("device-memory"), "{found}");
        let size = number(&found, "max_batch_size");
        assert!(size > 1000 && number(&found, "total_bytes") < limit << 10, "{found}");
        let refused =
            trials.iter().filter(|trial| trial["fits"] == false).map(|trial| number(trial, "batch_size"));
        assert_eq!(refused.min(), Some(size + 1));
    }
}

#[test]
fn a_named_budget_is_limited_to_the_machines_memory() {
    let folder = tempfile::tempdir().unwrap();
    let options = "fit --dataset digits --hidden none --memory-budget 1000000GiB --no-speed --format json";
    let found = run(folder.path(), options);
    assert!(
        found.stderr.starts_with("--memory-budget 976.56 TiB is more than this machine has; using "),
        "{found:?}"
    );
    let found = found.object();
    let devices = run(folder.path(), "devices --format json").object();
    assert!(number(&found, "budget_bytes") < devices["cpu"]["memory_total"].as_u64().unwrap());
}

/// The batch size in a run's `config.toml`.
fn configured(run: &Path) -> usize {
    let text = fs::read_to_string(run.join("config.toml")).unwrap();
    text.lines().find_map(|line| line.strip_prefix("batch_size = ")).unwrap().parse().unwrap()
}

#[test]
fn auto_gives_the_bits_of_the_size_it_chose() {
    let folder = tempfile::tempdir().unwrap();
    let train =
        "train --dataset digits --hidden 16 --dropout 0.1 --schedule cosine --epochs 1 --max-steps 12";
    let auto = run(folder.path(), &format!("{train} --batch-size auto --memory-budget 1MiB --out auto"));
    assert_eq!(auto.code, 0, "{auto:?}");
    let size = configured(&folder.path().join("auto"));
    let note = auto.stderr.lines().find(|line| line.starts_with("--batch-size auto: ")).unwrap();
    assert!(note.starts_with(&format!("--batch-size auto: {size}, ")), "{note}");
    assert!(note.ends_with(&format!("name it with --batch-size {size} to repeat this")), "{note}");
    let most = number(
        &fit(folder.path(), "--dataset digits --hidden 16 --memory-budget 1MiB"),
        "recommended_batch_size",
    );
    assert!((16..=most as usize).contains(&size), "{note}");
    run(folder.path(), &format!("{train} --batch-size {size} --memory-budget 1MiB --out by-hand"))
        .succeeded();
    Left::by(&folder.path().join("auto")).assert_same(&folder.path().join("by-hand"));
}

#[test]
fn a_resumed_run_keeps_the_batch_size_that_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let train = "train --dataset digits --hidden 16 --epochs 1";
    run(folder.path(), &format!("{train} --max-steps 4 --batch-size auto --memory-budget 400KiB --out auto"))
        .succeeded();
    let size = configured(&folder.path().join("auto"));
    let resumed =
        run(folder.path(), "train --resume auto --max-steps 9 --memory-budget 64MiB --format json").objects();
    assert_eq!(number(select(&resumed, "start")[0], "batch_size"), size as u64);
    run(folder.path(), &format!("{train} --max-steps 9 --batch-size {size} --out whole")).succeeded();
    let model = |run: &str| fs::read(folder.path().join(run).join("model.safetensors")).unwrap();
    assert!(model("auto") == model("whole"), "the models differ");
    let sentence = refusal(folder.path(), &["train", "--resume", "auto", "--batch-size", "auto"], 2);
    assert!(sentence.contains("auto is for new runs; give a resumed one a number"), "{sentence}");
}

#[test]
fn resuming_with_an_edited_batch_size_names_the_original() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "train --dataset digits --hidden 4 --max-steps 3 --batch-size 96 --out run")
        .succeeded();
    let config = folder.path().join("run/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("batch_size = 96", "batch_size = 48")).unwrap();
    let sentence = run(folder.path(), "train --resume run --max-steps 9").refused(1);
    let said = "now says batch_size = 48, which was 96; set that back";
    assert!(sentence.contains(said), "{sentence}");
}

#[test]
fn where_the_least_fits_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    // The recommended share of it would be 12.
    let train = "train --dataset digits --max-steps 2 --batch-size auto --memory-budget 1236500 --device cpu";
    run(folder.path(), &format!("{train} --out run")).succeeded();
    assert_eq!(configured(&folder.path().join("run")), 16);
}

#[test]
fn a_choice_takes_seconds_and_claims_nothing_that_was_not_measured() {
    let folder = tempfile::tempdir().unwrap();
    // A step on all of the 20,000 samples takes far longer than the seconds there are for measuring.
    let train =
        "train --dataset digits --hidden 2048,2048 --batch-size auto --max-steps 1 --eval-batch-size 10";
    let run = run(folder.path(), &format!("{train} --memory-budget 1GiB --out run"));
    let note = run.stderr.lines().find(|line| line.starts_with("--batch-size auto: ")).unwrap();
    let measured = note.contains(", the smallest within 5 % of the fastest of 16 to ");
    let unmeasured = note.contains(": 16, the least on this device, no speeds were compared; ");
    assert!((measured || unmeasured) && note.contains("; all 20,000 fit; "), "{note}");
    let size = configured(&folder.path().join("run"));
    assert!((16..=4096).contains(&size), "{note}");
}

#[test]
fn where_not_even_the_least_fits_it_is_taken_in_parts_or_the_largest_that_fits_is() {
    let folder = tempfile::tempdir().unwrap();
    // 16 take 1,693,440 bytes.
    let train = "train --dataset digits --max-steps 2 --batch-size auto --keep-gradients --keep-inputs --memory-budget 1690000 --out";
    let parts = plangrad(folder.path(), words(&format!("{train} parts --format json")));
    assert!(parts.stderr.contains("--batch-size auto: 16, the least on this device, although "), "{parts:?}");
    let events = parts.objects();
    let start = select(&events, "start")[0];
    assert_eq!((number(start, "batch_size"), number(start, "micro_batch_size") < 16), (16, true));
    let whole = run(folder.path(), &format!("{train} whole --on-oom error"));
    assert!(
        whole.stderr.contains(
            "--batch-size auto: 15, as 16, the least on this device, does not fit; 15 is the largest"
        ),
        "{whole:?}"
    );
    whole.succeeded();
    assert_eq!(configured(&folder.path().join("whole")), 15);
    let tiny = "train --dataset digits --max-steps 2 --batch-size auto --memory-budget 4KiB --out none --on-oom error";
    let refused = run(folder.path(), tiny);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("although not even a batch of 1 fits; "), "{refused:?}");
    assert!(!folder.path().join("none").exists());
}

#[test]
fn where_the_dataset_does_not_fit_a_choice_is_made_with_it_on_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let train = "train --dataset digits --max-steps 2 --batch-size auto --device accelerator --on-oom ladder";
    let run =
        plangrad(folder.path(), words(&format!("{train} --memory-budget 4MiB --out run --format json")));
    let note = run.stderr.lines().find(|line| line.starts_with("--batch-size auto: ")).unwrap().to_owned();
    assert!(note.contains(" is the largest that fits, with the dataset on the host; "), "{note}");
    let events = run.objects();
    let start = select(&events, "start")[0];
    assert!(number(start, "batch_size") >= 64 && start["micro_batch_size"].is_null(), "{start}");
}
