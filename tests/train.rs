//! `plangrad train`: the accuracy it reaches, the files it writes, and its output.

mod support;

// The example is a separate program; its training is called here.
#[allow(dead_code)]
#[path = "../crates/plangrad/examples/toy.rs"]
mod toy;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{command, files, finish, metrics, plangrad, real_data, run, select};

/// The bytes of the model in a run folder.
fn model(run: &Path) -> Vec<u8> {
    fs::read(run.join("model.safetensors")).unwrap()
}

/// The number under `key` in the last event of this kind.
fn last(events: &[Value], kind: &str, key: &str) -> f64 {
    select(events, kind).last().unwrap()[key].as_f64().unwrap()
}

/// The lesson's table of sums, as `sums.csv`.
fn write_sums(folder: &Path) {
    fs::write(folder.join("sums.csv"), "a,b,sum\n1,2,3\n3,4,7\n5,6,11\n7,8,15\n").unwrap();
}

const SUMS: &str = "train --dataset csv:sums.csv --loss mse --hidden 8 --optimizer sgd --lr 0.001 --batch-size 2 --epochs 50 \
                    --normalize none --test-fraction 0";

#[test]
fn without_data_and_options_it_learns_the_built_in_digits() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), "train");
    let note = "no --dataset given and no mnist in data (`plangrad download mnist` gets it): using the built-in digits";
    assert_eq!(run.stderr.trim_end(), note);
    let text = run.succeeded();
    let accuracy = text.split("Done in ").nth(1).unwrap().split("test accuracy ").nth(1).unwrap();
    let accuracy: f64 = accuracy.split(' ').next().unwrap().parse().unwrap();
    assert!(accuracy >= 95.0, "{text}");
    let runs: Vec<_> =
        fs::read_dir(folder.path().join("runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(runs.len(), 1);
    assert!(runs[0].file_name().unwrap().to_str().unwrap().starts_with("digits-"));
    let names: Vec<_> =
        files(&runs[0]).iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let expected = [
        "checkpoint.safetensors",
        "config.toml",
        "fingerprint.json",
        "metrics.csv",
        "metrics.jsonl",
        "model.safetensors",
        "report.html",
        "sessions.jsonl",
    ];
    assert_eq!(names, expected);
}

#[test]
fn the_first_line_is_the_plan_and_the_last_ones_are_the_next_commands() {
    let folder = tempfile::tempdir().unwrap();
    let text = run(folder.path(), "train --dataset digits --epochs 1 --out first").succeeded();
    let lines: Vec<&str> = text.lines().collect();
    let plan = "digits: 20,000 samples to learn from, 4,000 to test on; 784-128-10 with 101,770 parameters; Adam 0.001, \
                batch 64, 1 epoch; on cpu, ";
    assert!(lines[0].starts_with(plan) && lines[0].ends_with(" planned"), "{text}");
    assert!(lines[1].starts_with("Epoch 1/1, batch 0/313, loss 2."), "{text}");
    assert!(lines[2].starts_with("Epoch 1/1, batch 100/313, loss 0."), "{text}");
    assert!(
        lines[5].starts_with("Epoch 1/1: train loss 0.") && lines[5].contains("test accuracy 9"),
        "{text}"
    );
    assert!(
        lines[6].contains("samples/s; memory 1.21 MiB planned, 1.21 MiB measured, process peak "),
        "{text}"
    );
    assert_eq!(lines[8], "Report: first/report.html");
    // Each command offered is one a shell can run.
    let next: Vec<&str> = lines[9..].iter().map(|line| line.trim_start_matches("Next:").trim()).collect();
    assert_eq!(next.len(), 2, "{text}");
    for offered in next {
        let ran = finish(std::process::Command::new("sh").args(["-c", offered]).current_dir(folder.path()));
        assert_eq!(ran.code, 0, "{offered}: {ran:?}");
    }
}

#[test]
fn digits_are_hard_for_a_linear_model() {
    let folder = tempfile::tempdir().unwrap();
    let events =
        run(folder.path(), "train --dataset digits --hidden none --epochs 10 --format json").objects();
    let accuracy = last(&events, "end", "test_accuracy");
    assert!((0.5..0.95).contains(&accuracy), "{accuracy}");
}

#[test]
fn mnist_reaches_its_accuracy_in_little_time_and_memory() {
    let Some(data) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["train", "--dataset", "mnist", "--data-dir", data.to_str().unwrap(), "--format", "json"];
    let events = plangrad(folder.path(), arguments).objects();
    assert_eq!(select(&events, "start")[0]["train_samples"], 60_000);
    assert_eq!(select(&events, "start")[0]["parameters"], 101_770);
    assert!(last(&events, "end", "test_accuracy") >= 0.973, "{events:?}");
    // A release build on an idle machine keeps 0.3 s and 130 MB; this may be neither.
    assert!(last(&events, "end", "startup_seconds") < 2.0, "{events:?}");
    assert!(last(&events, "epoch", "peak_resident_bytes") < 130e6, "{events:?}");
    let sentence = run(folder.path(), "train --dataset mnist").refused(1);
    assert!(sentence.contains("plangrad download mnist"), "{sentence}");
}

#[test]
fn a_partial_cifar10_trains_with_a_warning() {
    let Some(data) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let run = finish(command(folder.path()).env("PLANGRAD_DATA", data).args([
        "train",
        "--dataset",
        "cifar10",
        "--epochs",
        "3",
        "--format",
        "json",
    ]));
    assert!(
        run.stderr.contains("warning: cifar10 is partial: ") && run.stderr.contains(" of 50,000 "),
        "{run:?}"
    );
    let events = run.objects();
    assert!(last(&events, "end", "test_accuracy") > 0.3, "{events:?}");
}

#[test]
fn the_lessons_toy_learns_to_add() {
    let folder = tempfile::tempdir().unwrap();
    write_sums(folder.path());
    let trained = run(folder.path(), &format!("{SUMS} --out sums")).succeeded();
    assert!(!trained.contains("accuracy") && !trained.contains("test loss"), "{trained}");
    let answer = run(folder.path(), "predict sums --values 10,11 --format json").object();
    let value = answer["value"].as_f64().unwrap();
    assert!((19.5..=22.0).contains(&value), "{answer}");
    assert_eq!(answer["class"], Value::Null);
    let events = run(folder.path(), &format!("{SUMS} --out again --format json")).objects();
    let end = select(&events, "end")[0];
    assert_eq!(
        (&end["test_accuracy"], &select(&events, "epoch")[49]["test_loss"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn the_toy_learns_to_add_whatever_its_seed() {
    // Of the eight units PyTorch's initialisation draws, half are dead on these inputs, and one network in 150 has no other;
    // about as many live on a single unit and have not finished after 50 epochs. All others must get there.
    let off: Vec<(u64, f32)> = (1..=200)
        .map(|seed| (seed, toy::train_and_ask(seed, [10.0, 11.0]).unwrap()))
        .filter(|(_, sum)| !(19.5..=22.0).contains(sum))
        .collect();
    assert!(off.len() <= 6, "{off:?}");
    assert!(off.iter().all(|(seed, _)| *seed > 20 && *seed != 42), "{off:?}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_the_threads_and_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    for options in
        ["--hidden 64", "--hidden 48,32 --dropout 0.3 --batch-size 100 --optimizer sgd --momentum 0.9"]
    {
        let arguments = format!("train --dataset digits --epochs 2 {options} --overwrite");
        run(folder.path(), &format!("{arguments} --threads 1 --out one")).succeeded();
        let expected = model(&folder.path().join("one"));
        for threads in [2, 3] {
            run(elsewhere.path(), &format!("{arguments} --threads {threads} --out another/place"))
                .succeeded();
            assert!(
                model(&elsewhere.path().join("another/place")) == expected,
                "{options}, {threads} threads"
            );
        }
        run(folder.path(), &format!("{arguments} --seed 43 --out other")).succeeded();
        assert!(model(&folder.path().join("other")) != expected, "{options}: the seed changes nothing");
    }
}

#[test]
fn a_models_bytes_hold_no_path_and_no_time() {
    let folder = tempfile::tempdir().unwrap();
    write_sums(folder.path());
    for (arguments, out) in [(SUMS, "first"), ("train --dataset digits --max-steps 5", "second")] {
        run(folder.path(), &format!("{arguments} --threads 2 --out {out}")).succeeded();
        let model = model(&folder.path().join(out));
        let length = u64::from_le_bytes(model[..8].try_into().unwrap()) as usize;
        let header = String::from_utf8(model[8..8 + length].to_vec()).unwrap();
        for word in ["sums.csv", folder.path().to_str().unwrap(), out, "/", "thread", "time", "seed"] {
            assert!(!header.contains(word), "{word} in {header}");
        }
    }
}

#[test]
fn each_event_has_values_of_the_documented_types() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "train --dataset digits --epochs 2 --hidden 16 --log-every 150 --out it --format json";
    let events = run(folder.path(), arguments).objects();
    let kinds: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let epoch = ["step", "step", "step", "epoch"];
    assert_eq!(kinds, [&["start"][..], &epoch, &epoch, &["end"]].concat());
    let text = ["event", "dataset", "device", "model", "run"];
    let fraction = ["loss", "train_loss", "test_loss", "test_accuracy", "samples_per_second"];
    for event in &events {
        for (key, value) in event.as_object().unwrap() {
            let right = match key.as_str() {
                key if text.contains(&key) => value.is_string(),
                "micro_batch_size" | "gpu_memory" | "is_best" | "best" => value.is_null(),
                "validation_loss" | "validation_accuracy" => value.is_null(),
                "stopped_early" => value.is_boolean(),
                key if fraction.contains(&key) || key.ends_with("_seconds") => {
                    value.is_f64() && value.as_f64() >= Some(0.0)
                }
                _ => value.is_u64(), // counts and bytes
            };
            assert!(right, "{key} is {value} in {event}");
        }
    }
    assert!((0.0..=1.0).contains(&last(&events, "end", "test_accuracy")));
    let end = select(&events, "end")[0];
    assert_eq!((end["model"].as_str(), end["run"].as_str()), (Some("it/model.safetensors"), Some("it")));
    assert_eq!(select(&events, "epoch")[1]["planned_bytes"], select(&events, "epoch")[1]["measured_bytes"]);
    // The run's own log tells the same.
    let log = fs::read_to_string(folder.path().join("it/metrics.jsonl")).unwrap();
    let logged: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(logged, events);
}

#[test]
fn a_step_event_has_the_loss_of_its_own_batch_before_the_update() {
    let folder = tempfile::tempdir().unwrap();
    let events = |options: &str| {
        let arguments = format!("train --dataset digits --epochs 2 --hidden 16 --format json {options}");
        run(folder.path(), &arguments).objects()
    };
    let every = events("--log-every 1 --out every");
    let steps = select(&every, "step");
    assert_eq!(steps.len(), 2 * 313);
    // Untrained, ten classes are equally likely.
    assert!((steps[0]["loss"].as_f64().unwrap() - 10f64.ln()).abs() < 0.3, "{}", steps[0]);
    for sparse in [7, 100] {
        let expected: Vec<&Value> =
            steps.iter().filter(|event| event["step"].as_u64().unwrap() % sparse == 0).copied().collect();
        let found = events(&format!("--log-every {sparse} --out every{sparse}"));
        assert_eq!(select(&found, "step"), expected);
        assert_eq!(model(&folder.path().join("every")), model(&folder.path().join(format!("every{sparse}"))));
    }
    // The epoch's loss is the mean over samples: 312 batches of 64 and one of 32.
    let first = steps[..313].iter().map(|event| event["loss"].as_f64().unwrap());
    let mean =
        first.enumerate().map(|(i, loss)| loss * if i == 312 { 32.0 } else { 64.0 }).sum::<f64>() / 20_000.0;
    let told = select(&every, "epoch")[0]["train_loss"].as_f64().unwrap();
    assert!((mean - told).abs() < 1e-9, "{mean} and {told}");
}

#[test]
fn the_evaluation_batch_changes_no_bit_of_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let mut results = Vec::new();
    for size in
        ["", "--eval-batch-size 1", "--eval-batch-size 64", "--eval-batch-size 999", "--eval-batch-size 5000"]
    {
        let arguments =
            "train --dataset digits --max-steps 40 --hidden 24 --overwrite --out one --format json";
        let events = run(folder.path(), &format!("{arguments} {size}")).objects();
        let epoch = select(&events, "epoch")[0].clone();
        results.push((
            epoch["test_loss"].clone(),
            epoch["test_accuracy"].clone(),
            model(&folder.path().join("one")),
        ));
    }
    assert!(results.iter().all(|result| *result == results[0]));
}

#[test]
fn batches_may_be_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..7).map(|i| format!("{i},{},{}\n", i % 3, ["x", "y"][i % 2])).collect();
    fs::write(folder.path().join("rows.csv"), format!("a,b,class\n{rows}")).unwrap();
    for (size, batches) in [(1, 7), (2, 4), (3, 3), (6, 2), (7, 1), (8, 1), (1_000_000_000, 1)] {
        let arguments = format!(
            "train --dataset csv:rows.csv --test-fraction 0 --epochs 2 --log-every 1 --batch-size {size} --overwrite \
             --out one --format json"
        );
        let events = run(folder.path(), &arguments).objects();
        assert_eq!(select(&events, "step").len(), 2 * batches, "batches of {size}");
        assert_eq!(select(&events, "start")[0]["batch_size"], size);
    }
}

#[test]
fn without_shuffling_batches_come_in_the_order_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ramp.csv"), "x,y\n0,0\n0,1\n0,2\n0,3\n0,4\n0,5\n").unwrap();
    let losses = |options: &str| -> Vec<f64> {
        let arguments = format!(
            "train --dataset csv:ramp.csv --loss mse --hidden none --optimizer sgd --lr 0 --batch-size 1 --epochs 2 \
             --test-fraction 0 --normalize none --log-every 1 --overwrite --out one --format json {options}"
        );
        let events = run(folder.path(), &arguments).objects();
        select(&events, "step").iter().map(|step| step["loss"].as_f64().unwrap().sqrt()).collect()
    };
    // Nothing is learnt: the answer is the bias b, the loss of row y is (b − y)².
    let ordered = losses("--no-shuffle");
    let steps: Vec<f64> = ordered[1..6].windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|step| (step - 1.0).abs() < 1e-4), "{ordered:?}");
    assert_eq!(ordered[..6], ordered[6..]);
    let shuffled = losses("");
    assert_ne!(shuffled[..6], ordered[..6]);
    assert_ne!(shuffled[..6], shuffled[6..], "each epoch has its own order");
    let mut sorted = shuffled[..6].to_vec();
    let mut expected = ordered[..6].to_vec();
    sorted.sort_by(f64::total_cmp);
    expected.sort_by(f64::total_cmp);
    assert_eq!(sorted, expected, "every row once");
}

#[test]
fn max_steps_ends_in_mid_epoch_with_a_test_and_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "train --dataset digits --max-steps 500 --hidden 16 --epochs 9 --out it --format json";
    let events = run(folder.path(), arguments).objects();
    let epochs = select(&events, "epoch");
    assert_eq!(epochs.len(), 2);
    assert!(epochs[1]["test_accuracy"].as_f64().unwrap() > 0.5);
    assert_eq!(select(&events, "step").last().unwrap()["step"], 100); // of epoch 2, which has 187 steps then
    assert_eq!(run(folder.path(), "eval it --format json").object()["accuracy"], epochs[1]["test_accuracy"]);
    assert_eq!(metrics(&folder.path().join("it")).len(), events.len());
}

#[test]
fn memory_does_not_grow_with_the_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "train --dataset digits --epochs 5 --hidden 128 --checkpoint-every 100 --format json";
    let events = run(folder.path(), arguments).objects();
    let peaks: Vec<u64> =
        select(&events, "epoch").iter().map(|epoch| epoch["peak_resident_bytes"].as_u64().unwrap()).collect();
    assert!(peaks[4] - peaks[0] <= 1 << 20, "{peaks:?}");
}
