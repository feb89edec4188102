//! Runs that an earlier version wrote can still be evaluated, used for predictions and resumed.
//!
//! `tests/runs/1f462ae/` was written by commit 1f462ae, in `/srv/plangrad/1f462ae`:
//!
//! ```text
//! plangrad train --dataset digits --data-dir /srv/plangrad/1f462ae/data --hidden 8,6 --dropout 0.1 --epochs 2 \
//!     --log-every 50 --checkpoint-every 100 --out digits-complete
//! … --out digits-killed                 the same, killed at step 100 of the second epoch, after the checkpoint there
//! plangrad train --dataset csv:table.csv --data-dir /srv/plangrad/1f462ae/data --loss mse --hidden 4 --optimizer sgd \
//!     --momentum 0.9 --lr 0.02 --schedule step --lr-every 20 --batch-size 10 --epochs 40 --max-steps 33 \
//!     --out table-stopped
//! ```
//!
//! The values below are what that version computed. Summation order may have changed since, so they are compared with
//! tolerances: 1e-5 for one pass forward, 1e-3 for what hundreds of steps made of such differences.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Run, files, run};

/// A copy of the kept runs. Only the table's absolute path is rewritten: nothing else in them depends on the machine.
fn kept_runs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/runs/1f462ae");
    for file in files(&kept).iter().filter(|file| file.is_file()) {
        let copy = folder.path().join(file.strip_prefix(&kept).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(file, copy).unwrap();
    }
    let config = folder.path().join("table-stopped/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let here = folder.path().to_str().unwrap();
    assert!(text.contains("/srv/plangrad/1f462ae/table.csv"), "{text}");
    fs::write(&config, text.replace("/srv/plangrad/1f462ae", here)).unwrap();
    folder
}

#[track_caller]
fn assert_near(found: &Value, expected: f64, tolerance: f64) {
    let number = found.as_f64().unwrap();
    assert!((number - expected).abs() <= tolerance * expected.abs(), "{number} instead of {expected}");
}

fn resume(folder: &Path, arguments: &str) -> Run {
    run(folder, &format!("train --resume {arguments}"))
}

#[test]
fn a_kept_classifier_evaluates_to_its_recorded_loss_and_accuracy() {
    let folder = kept_runs();
    let found = run(folder.path(), "eval digits-complete --format json").object();
    assert_near(&found["loss"], 0.8653475102068624, 1e-5);
    // One of 4,000 samples may lie on the boundary between two classes.
    assert_near(&found["accuracy"], 0.77825, 1.5 / 3113.0);
}

#[test]
fn a_kept_classifier_predicts_what_it_predicted() {
    let folder = kept_runs();
    let found = run(folder.path(), "predict digits-complete --index 3 --format json").object();
    assert_eq!((&found["class"], &found["label"]), (&Value::from(5), &Value::from(8)));
    assert_near(&found["probabilities"][5], 0.43110684, 1e-5);
    assert_near(&found["probabilities"][8], 0.3857015, 1e-5);
}

#[test]
fn a_kept_killed_run_resumes_at_its_checkpoint_and_ends_where_the_whole_run_ended() {
    let folder = kept_runs();
    let resumed = resume(folder.path(), "digits-killed");
    assert!(resumed.stderr.contains("400 steps"), "{resumed:?}");
    resumed.succeeded();
    let found = run(folder.path(), "eval digits-killed --format json").object();
    assert_near(&found["loss"], 0.8653475102068624, 1e-3);
    assert_near(&found["accuracy"], 0.77825, 1e-3);
}

#[test]
fn a_kept_complete_run_can_be_given_another_epoch() {
    let folder = kept_runs();
    resume(folder.path(), "digits-complete --epochs 3").succeeded();
    let found = run(folder.path(), "eval digits-complete --format json").object();
    assert!(found["loss"].as_f64().unwrap() < 0.8, "a third epoch lowers the loss: {found}");
}

#[test]
fn a_kept_regression_evaluates_predicts_and_resumes() {
    let folder = kept_runs();
    let loss = || run(folder.path(), "eval table-stopped --format json").object()["loss"].clone();
    let price = || {
        let answer = run(folder.path(), "predict table-stopped --values 5,2 --format json");
        answer.object()["value"].clone()
    };
    assert_near(&loss(), 26.991482427498948, 1e-5);
    assert_near(&price(), 13.114075, 1e-5);
    resume(folder.path(), "table-stopped --max-steps 1000").succeeded();
    assert_near(&loss(), 3.0727298396329084, 1e-3);
    assert_near(&price(), 13.987023, 1e-3);
}
