//! Regressions at any scale of their target, and classes that the accuracy does not tell of, through the program.

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use plangrad_nn::checkpoint;
use serde_json::{Value, json};
use support::{refusal, run};

/// Numbers between −1 and 1 that look random.
fn noise(count: usize) -> Vec<f64> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Writes a table whose last column is `price` of 5a − 3b + c.
fn write_prices(folder: &Path, name: &str, price: impl Fn(f64) -> f64) {
    let mut text = "a,b,c,price\n".to_owned();
    for x in noise(3000).chunks_exact(3) {
        let y = price(5.0 * x[0] - 3.0 * x[1] + x[2]);
        writeln!(text, "{:.4},{:.4},{:.4},{y}", x[0], x[1], x[2]).unwrap();
    }
    fs::write(folder.join(name), text).unwrap();
}

/// A price near 200,000, to the cent.
fn price(y: f64) -> f64 {
    (20_000_000.0 + 1_000_000.0 * y).round() / 100.0
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn weights(folder: &Path, name: &str) -> Vec<f32> {
    let loaded = checkpoint::read(&folder.join(name).join("model.safetensors")).unwrap();
    let tensors: Vec<_> =
        loaded.tensors().map(|tensor| (tensor.name.clone(), tensor.shape.clone())).collect();
    tensors.iter().flat_map(|(name, shape)| loaded.values(name, shape).unwrap().into_iter()).collect()
}

#[test]
fn a_target_near_200000_is_learnt_as_well_as_one_near_0() {
    let folder = tempfile::tempdir().unwrap();
    write_prices(folder.path(), "raw.csv", price);
    write_prices(folder.path(), "small.csv", |y| y);
    let options = "--loss mse --epochs 20 --test-fraction 0.25";
    // The same rows for testing: parts are dealt by cells, so the split is given by the rows' own hash; compare R².
    let r2 = |name: &str, more: &str| {
        run(
            folder.path(),
            &format!("train --dataset csv:{name}.csv {options} {more} --out {name}{}", more.len()),
        )
        .succeeded();
        let found = run(folder.path(), &format!("eval {name}{} --format json", more.len())).object();
        assert!((number(&found["rmse"]).powi(2) / number(&found["loss"]) - 1.0).abs() < 1e-4, "{found}");
        (number(&found["r2"]), found)
    };
    let ((raw, found), (small, _)) = (r2("raw", ""), r2("small", ""));
    assert!(raw > 0.98 && small > 0.98 && (raw - small).abs() < 0.01, "{raw} and {small}");
    // 10,000 is a unit of `y`, whose standard deviation is √((25 + 9 + 1)/3).
    let expected = 10_000.0 * (35.0_f64 / 3.0).sqrt();
    assert!((number(&found["baseline_rmse"]) / expected - 1.0).abs() < 0.1, "{found}");
    assert!(number(&found["mae"]) < number(&found["rmse"]) && number(&found["rmse"]) < 0.15 * expected);
    let (as_it_is, _) = r2("raw", "--target-scale none");
    assert!(as_it_is < 0.0, "without a scale it is not learnt at all: {as_it_is}");
    r2("raw", "--optimizer sgd"); // and does not diverge
    let middle = run(folder.path(), "predict raw0 --values 0,0,0 --format json").object();
    assert!((number(&middle["value"]) - 200_000.0).abs() < 5_000.0, "{middle}");
}

#[test]
fn losses_of_training_are_in_units_of_the_file_and_resuming_keeps_the_bits() {
    let folder = tempfile::tempdir().unwrap();
    write_prices(folder.path(), "raw.csv", price);
    let options = "train --dataset csv:raw.csv --loss mse --hidden 8 --format json";
    let straight = run(folder.path(), &format!("{options} --epochs 2 --out straight")).objects();
    run(folder.path(), &format!("{options} --max-steps 20 --epochs 2 --out it")).succeeded();
    let resumed = run(folder.path(), "train --resume it --max-steps 1000 --format json").objects();
    let epochs = |events: &[Value]| -> Vec<Value> {
        let is_last = |event: &&Value| event["event"] == "epoch" && event["epoch"] == 2;
        let keys = ["train_loss", "test_loss"];
        events.iter().filter(is_last).map(|event| json!(keys.map(|key| event[key].clone()))).collect()
    };
    assert_eq!(epochs(&straight), epochs(&resumed));
    assert_eq!(weights(folder.path(), "straight"), weights(folder.path(), "it"));
    let first = straight.iter().find(|event| event["event"] == "step").unwrap();
    // Before the first step the answers are near the mean, so the loss is near the variance.
    let variance = 1e8 * 35.0 / 3.0;
    assert!((0.3..3.0).contains(&(number(&first["loss"]) / variance)), "{first}");
    let test = straight.iter().rfind(|event| event["event"] == "epoch").unwrap();
    let loss = number(&run(folder.path(), "eval straight --format json").object()["loss"]);
    assert!((number(&test["test_loss"]) / loss - 1.0).abs() < 1e-12, "{test} and {loss}");
}

#[test]
fn without_normalisation_the_target_is_learnt_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sums.csv"), "a,b,sum\n1,2,3\n3,4,7\n5,6,11\n7,8,15\n").unwrap();
    let options = "train --dataset csv:sums.csv --loss mse --normalize none --test-fraction 0 --hidden 8 \
                   --optimizer sgd --lr 0.001 --batch-size 2 --epochs 50";
    run(folder.path(), &format!("{options} --out auto")).succeeded();
    run(folder.path(), &format!("{options} --target-scale none --out none")).succeeded();
    assert_eq!(weights(folder.path(), "auto"), weights(folder.path(), "none"));
    let answer = run(folder.path(), "predict auto --values 10,11").succeeded();
    assert!(answer.ends_with("sum = 21.0569\n"), "{answer}");
    let evaluated = run(folder.path(), "eval auto --dataset csv:sums.csv --format json").object();
    // The mean of 3, 7, 11, 15 is 9, and their variance 20.
    assert_eq!(evaluated["baseline_rmse"], json!(20.0_f64.sqrt()));
}

#[test]
fn a_target_that_keeps_its_digits_is_shown_and_evaluated_as_the_file_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String =
        (0..200).map(|row| format!("{row},{}\n", 1_700_000_000_000_u64 + row * 1001)).collect();
    fs::write(folder.path().join("t.csv"), format!("x,ms\n{rows}")).unwrap();
    let shown = run(folder.path(), "show --dataset csv:t.csv --features x --loss mse --format json").object();
    assert!(
        number(&shown["value"]) >= 1.7e12 && number(&shown["value"]) % 1001.0 == 1.7e12 % 1001.0,
        "{shown}"
    );
    let options = "train --dataset csv:t.csv --features x --loss mse --lr 0.01 --epochs 60 --out run";
    run(folder.path(), options).succeeded();
    let found = run(folder.path(), "eval run --format json").object();
    assert!(number(&found["r2"]) > 0.9 && number(&found["rmse"]) < 30_000.0, "{found}");
    let answers = run(folder.path(), "predict run --dataset csv:t.csv --format json").objects();
    assert_eq!(answers[3]["label"], json!(1_700_000_003_003_u64));
    run(folder.path(), "predict run --dataset csv:t.csv --out answers.csv").succeeded();
    let written = fs::read_to_string(folder.path().join("answers.csv")).unwrap();
    assert!(written.lines().nth(4).unwrap().ends_with(",1700000003003"), "{written}");
}

#[test]
fn a_divergence_says_what_would_help_here() {
    let folder = tempfile::tempdir().unwrap();
    write_prices(folder.path(), "raw.csv", price);
    let diverged = |options: &str| {
        let arguments = format!("train --dataset csv:raw.csv --loss mse --optimizer sgd {options} --out run");
        let ended = run(folder.path(), &arguments);
        assert_eq!(ended.code, 1, "{ended:?}");
        ended.stderr.trim_end().to_owned()
    };
    let unscaled = diverged("--target-scale none --overwrite");
    assert!(unscaled.contains("try --target-scale auto, or a smaller --lr"), "{unscaled}");
    assert!(unscaled.contains("the numbers to predict, of mean "), "{unscaled}");
    let raw = diverged("--normalize none --overwrite");
    assert!(raw.ends_with("try a smaller --lr, or --normalize dataset"), "{raw}");
    let fast = diverged("--lr 1e9 --overwrite");
    assert!(fast.ends_with("try a smaller --lr, or --clip-norm 1"), "{fast}");
    let clipped = diverged("--lr 1e38 --clip-norm 1e9 --overwrite");
    assert!(clipped.ends_with("try a smaller --lr"), "{clipped}");
}

#[test]
fn a_scale_of_targets_is_for_numbers_of_tables() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.csv"), "a,y\n1,u\n2,v\n").unwrap();
    let cases: [(&[&str], &str); 3] = [
        (&["train", "--dataset", "csv:t.csv", "--target-scale", "auto"], "is for numbers (--loss mse)"),
        (&["train", "--dataset", "digits", "--target-scale", "none"], "is for tables (--dataset csv:FILE)"),
        (&["train", "--target-scale", "half"], "expected auto or none, found `half`"),
    ];
    for (arguments, expected) in cases {
        let sentence = refusal(folder.path(), arguments, 2);
        assert!(sentence.contains(expected), "{arguments:?}: {sentence}");
    }
}

#[test]
fn a_class_that_is_never_found_is_not_silent() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "a,b,kind\n".to_owned();
    for (row, x) in noise(1600).chunks_exact(2).enumerate() {
        let kind = if row % 40 == 0 { "rare" } else { "common" };
        writeln!(text, "{:.4},{:.4},{kind}", x[0], x[1]).unwrap();
    }
    fs::write(folder.path().join("t.csv"), text).unwrap();
    let trained = run(folder.path(), "train --dataset csv:t.csv --hidden 4 --epochs 30 --out run");
    let evaluated = run(folder.path(), "eval run --format json");
    let stderrs = [trained.stderr, evaluated.stderr.clone()];
    let found = evaluated.object();
    assert_eq!(
        (found["per_class"][1]["recall"].as_f64(), &found["per_class"][1]["name"]),
        (Some(0.0), &json!("rare"))
    );
    assert_eq!(found["accuracy"], found["baseline_accuracy"]);
    let rare = found["per_class"][1]["support"].as_u64().unwrap();
    for stderr in stderrs {
        let score = 100.0 * number(&found["accuracy"]);
        let dominance = format!("have the label `common`: always predicting that would score {score:.2} %");
        assert!(stderr.contains(&dominance), "{stderr}");
        assert!(stderr.contains(&format!("the model found none of {rare} sample")), "{stderr}");
        assert!(stderr.contains("--class-weights balanced"), "{stderr}");
    }
    let weighted =
        run(folder.path(), "train --dataset csv:t.csv --epochs 2 --class-weights balanced --out weighted");
    let judged = run(folder.path(), "eval weighted").stderr;
    assert!(judged.contains("have the label `common`") && !judged.contains("--class-weights"), "{judged}");
    assert!(!weighted.stderr.contains("--class-weights"), "{weighted:?}");
    let trial = run(folder.path(), "train --dataset csv:t.csv --max-steps 3 --out trial");
    assert!(!trial.stderr.contains("found none"), "{trial:?}");
}
