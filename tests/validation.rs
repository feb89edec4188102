//! Samples kept to compare epochs by: what is reported, which model is kept, when a run ends early, and that none of it changes
//! with an interruption.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{plangrad, run, select};

const TRAIN: &str = "train --dataset digits --hidden 8 --validation-fraction 0.1 --format json";

fn train(folder: &Path, options: &str) -> Vec<Value> {
    run(folder, &format!("{TRAIN} {options}")).objects()
}

fn number(object: &Value, key: &str) -> f64 {
    object[key].as_f64().unwrap_or_else(|| panic!("{key} of {object}"))
}

fn evaluation(folder: &Path, options: &str) -> Value {
    run(folder, &format!("eval run {options} --format json")).object()
}

#[test]
fn epochs_are_compared_by_the_validation_part_and_the_test_part_once_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let events = train(folder.path(), "--lr 0.1 --epochs 4 --keep best --out run");
    let start = &events[0];
    let (learnt, kept) = (number(start, "train_samples"), number(start, "validation_samples"));
    assert_eq!((learnt + kept, number(start, "test_samples")), (20_000.0, 4_000.0));
    assert!((1_800.0..2_200.0).contains(&kept), "{kept}");
    let mut best = (0, 0.0);
    for epoch in select(&events, "epoch") {
        assert!(epoch["test_loss"].is_null() && epoch["test_accuracy"].is_null());
        let accuracy = number(epoch, "validation_accuracy");
        assert_eq!(epoch["is_best"], accuracy > best.1);
        if accuracy > best.1 {
            best = (epoch["epoch"].as_u64().unwrap(), accuracy);
        }
    }
    let end = events.last().unwrap();
    let kept = &end["best"];
    assert_eq!((kept["epoch"].as_u64(), kept["value"].as_f64()), (Some(best.0), Some(best.1)));
    assert_eq!((&kept["criterion"], &kept["part"]), (&"accuracy".into(), &"validation".into()));
    for (options, evaluated) in [("", end), ("--best", kept)] {
        let evaluation = evaluation(folder.path(), options);
        assert_eq!(evaluation["accuracy"], evaluated["test_accuracy"]);
        assert!((number(&evaluation, "loss") - number(evaluated, "test_loss")).abs() < 1e-12);
    }
    let again = evaluation(folder.path(), "--best --split validation");
    assert_eq!(
        (number(&again, "accuracy"), number(&again, "samples")),
        (best.1, number(start, "validation_samples"))
    );
    let learnt_from = evaluation(folder.path(), "--split train");
    assert_eq!(number(&learnt_from, "samples"), learnt);
}

#[test]
fn an_interruption_changes_neither_the_best_model_nor_its_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let options = "--lr 0.1 --epochs 3 --keep best --best-by loss";
    let whole = train(folder.path(), &format!("{options} --out whole"));
    train(folder.path(), &format!("{options} --out parts --max-steps 300"));
    for steps in ["500", "900"] {
        run(folder.path(), &format!("train --resume parts --max-steps {steps}")).succeeded();
    }
    let parts = fs::read_to_string(folder.path().join("parts/metrics.jsonl")).unwrap();
    let end: Value = serde_json::from_str(parts.lines().last().unwrap()).unwrap();
    for key in ["epoch", "value", "test_loss", "test_accuracy"] {
        assert_eq!(end["best"][key], whole.last().unwrap()["best"][key], "{key}");
    }
    for file in ["best.safetensors", "model.safetensors"] {
        let read = |run: &str| fs::read(folder.path().join(run).join(file)).unwrap();
        assert_eq!(read("whole"), read("parts"), "{file}");
    }
}

#[test]
fn patience_ends_a_run_that_gets_no_better_and_resuming_it_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let events = train(folder.path(), "--lr 0 --epochs 9 --patience 2 --out run");
    assert_eq!(select(&events, "epoch").len(), 3, "one that is the best, and two that are not better");
    let end = events.last().unwrap();
    assert_eq!((&end["stopped_early"], &end["best"]), (&true.into(), &Value::Null));
    let model = fs::read(folder.path().join("run/model.safetensors")).unwrap();
    let again = run(folder.path(), "train --resume run --epochs 20");
    assert!(again.stderr.contains("run has ended early after 3 epochs"), "{}", again.stderr);
    assert!(again.succeeded().contains("early"));
    assert_eq!(fs::read(folder.path().join("run/model.safetensors")).unwrap(), model);
}

#[test]
fn a_table_keeps_its_validation_rows_out_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..400)
        .map(|i| format!("{},{},{}\n", i % 37, i % 11, if i % 37 > 18 { "a" } else { "b" }))
        .collect();
    fs::write(folder.path().join("t.csv"), format!("x,y,class\n{rows}")).unwrap();
    let options =
        "train --dataset csv:t.csv --epochs 2 --validation-fraction 0.25 --keep best --out run --format json";
    let start = run(folder.path(), options).objects().swap_remove(0);
    let parts = ["train", "validation", "test"].map(|part| number(&start, &format!("{part}_samples")));
    assert_eq!(parts.iter().sum::<f64>(), 400.0);
    for (part, samples) in ["train", "validation", "test"].iter().zip(parts) {
        let named = evaluation(folder.path(), &format!("--dataset csv:t.csv --split {part}"));
        assert_eq!(number(&named, "samples"), samples, "{part}");
        assert_eq!(
            number(&evaluation(folder.path(), &format!("--split {part}")), "samples"),
            samples,
            "{part}"
        );
    }
}

#[test]
fn what_cannot_be_compared_is_refused_and_choosing_by_the_test_part_is_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.csv"), "x,y\n1,a\n2,b\n3,a\n").unwrap();
    let refused = |arguments: &str, expected: &str| {
        let error = run(folder.path(), arguments);
        assert_ne!(error.code, 0, "{arguments}");
        assert!(error.stderr.contains(expected), "{arguments}: {}", error.stderr);
    };
    refused(
        "train --dataset csv:t.csv --test-fraction 0 --keep best",
        "neither a validation part nor a test part",
    );
    refused("train --dataset digits --best-by loss", "--best-by: is for --keep best and --patience");
    refused("train --dataset csv:t.csv --loss mse --keep best --best-by accuracy", "mse has a loss alone");
    refused("train --dataset digits --validation-fraction 1", "--validation-fraction");
    run(folder.path(), "train --dataset digits --epochs 1 --out run --hidden none").succeeded();
    refused("eval run --best", "run has no best.safetensors, which train --keep best keeps");
    refused("eval run --split validation", "not a run that kept samples of digits for validation");
    let told = run(folder.path(), "train --dataset digits --epochs 1 --out best --hidden none --keep best");
    assert!(told.stderr.contains("compared by the test part, whose figures then flatter"), "{}", told.stderr);
    let again = plangrad(folder.path(), ["train", "--resume", "best", "--keep", "last"]);
    assert_eq!(again.code, 2, "what a run keeps is settled when it begins");
}

#[test]
fn an_epoch_that_is_cut_short_is_not_compared_and_that_is_said() {
    let folder = support::small_mnist();
    let train = |options: &str, out: &str| {
        let options = format!("--hidden 8 --validation-fraction 0.2 --keep best {options} --out {out}");
        run(folder.path(), &format!("train --dataset mnist {options}"))
    };
    let first = train("--max-steps 3", "first");
    assert!(first.stderr.contains("only whole epochs are compared: there is no best one"), "{first:?}");
    assert!(first.succeeded().lines().any(|line| line.ends_with("eval first")), "and not eval first --best");
    assert!(!folder.path().join("first/best.safetensors").exists());
    let second = train("--max-steps 30", "second");
    assert!(second.stderr.contains("the last epoch was not taken whole"), "{second:?}");
    assert!(second.succeeded().contains("eval second --best"));
    let whole = train("--epochs 1", "whole");
    assert!(!whole.stderr.contains("whole epochs") && !whole.stderr.contains("taken whole"), "{whole:?}");
}
