//! Class weights, label smoothing, clipping, warm-up and one cycle from the command line: runs keep them, resumed and in parts,
//! and they do what they are for. That their numbers are PyTorch's is tested in `crates/nn/tests/golden.rs`.

mod support;

use std::fs;
use std::path::Path;

use serde_json::json;
use support::run;

const ALL: &str =
    "--class-weights balanced --label-smoothing 0.1 --clip-norm 0.5 --warmup 7 --schedule one-cycle";

fn model(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name).join("model.safetensors")).unwrap()
}

/// 190 rows of one class and 10 of the other, which one feature tells apart but for noise.
fn rare_class(folder: &Path) {
    let mut rows = "x,noise,class\n".to_owned();
    for i in 0..200_u32 {
        let rare = i % 20 == 7;
        let noise = f64::from(i * 37 % 101) / 50.0 - 1.0;
        let x = if rare { 1.2 + noise } else { noise };
        rows += &format!("{x},{},{}\n", f64::from(i * 53 % 97) / 48.0, if rare { "rare" } else { "usual" });
    }
    fs::write(folder.join("rare.csv"), rows).unwrap();
}

#[test]
fn a_run_keeps_its_levers_when_it_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let train = format!("train --dataset digits --hidden 16 --epochs 1 {ALL}");
    run(folder.path(), &format!("{train} --out whole")).succeeded();
    run(folder.path(), &format!("{train} --out halved --max-steps 150")).succeeded();
    let config = fs::read_to_string(folder.path().join("halved/config.toml")).unwrap();
    for kept in
        ["warmup_steps = 7", "label_smoothing = 0.1", "clip_norm = 0.5", "class_weights = [", "\"one-cycle\""]
    {
        assert!(config.contains(kept), "{kept} in {config}");
    }
    // The cycle of a run that ends early is as short as the run.
    assert!(config.contains("steps = 143"), "{config}");
    let resumed = run(folder.path(), "train --resume halved --max-steps 200");
    assert!(resumed.stderr.contains("the cycle ends at step 150"), "{}", resumed.stderr);

    run(folder.path(), &format!("{train} --out cut --checkpoint-every 100 --max-steps 300")).succeeded();
    let again = run(folder.path(), &format!("{train} --out again --max-steps 300"));
    again.succeeded();
    assert_eq!(model(folder.path(), "cut"), model(folder.path(), "again"));
}

#[test]
fn averages_are_evaluated_saved_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let train = "train --dataset digits --hidden 16 --lr 0.01 --weight-decay 0.1 --decay-of matrices --ema 0.99 --format json";
    let events = run(path, &format!("{train} --max-steps 300 --out whole")).objects();
    run(path, &format!("{train} --max-steps 150 --out halved")).succeeded();
    run(path, "train --resume halved --max-steps 300").succeeded();
    assert_eq!(model(path, "whole"), model(path, "halved"));
    let config = fs::read_to_string(path.join("whole/config.toml")).unwrap();
    assert!(config.contains("ema = 0.99") && config.contains("decay_of = \"matrices\""), "{config}");

    let end = events.last().unwrap();
    let eval = run(path, "eval whole --format json").object();
    assert_eq!(eval["accuracy"], end["test_accuracy"]);
    let options = "plan --dataset digits --hidden 16 --decay-of matrices --ema 0.99 --batch-sizes 64";
    let plan = run(path, &format!("{options} --explain")).succeeded();
    assert!(plan.contains("averages"), "{plan}");
    let planned = run(path, &format!("{options} --format json")).object();
    assert_eq!(planned["rows"][0]["total_bytes"], events[0]["planned_bytes"]);
    // The last step's weights are others, and so is a model without averages.
    let plain = train.replace(" --ema 0.99", "");
    run(path, &format!("{plain} --max-steps 300 --out plain")).succeeded();
    assert_ne!(model(path, "whole"), model(path, "plain"));
    run(path, "train --resume plain --max-steps 301 --ema 0.5").refused(2);
}

#[test]
fn without_them_a_run_says_nothing_of_them() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "train --dataset digits --hidden none --max-steps 2 --label-smoothing 0 --out run")
        .succeeded();
    let config = fs::read_to_string(folder.path().join("run/config.toml")).unwrap();
    for name in ["warmup", "smoothing", "clip", "weights"] {
        assert!(!config.contains(name), "{name} in {config}");
    }
}

#[test]
fn balanced_weights_find_the_rare_class() {
    let folder = tempfile::tempdir().unwrap();
    rare_class(folder.path());
    let accuracy = |weights: &str, name: &str| {
        let train = format!(
            "train --dataset csv:rare.csv --hidden none --test-fraction 0 --epochs 30 --lr 0.05 {weights} --out {name}"
        );
        run(folder.path(), &train).succeeded();
        let eval = run(folder.path(), &format!("eval {name} --split train --format json")).object();
        eval["accuracy"].as_f64().unwrap()
    };
    let [plain, balanced] = [accuracy("", "plain"), accuracy("--class-weights balanced", "balanced")];
    // Some of the usual ones are taken for rare ones, which is the price.
    assert!(balanced < plain, "{balanced} and {plain}");
    let weights = fs::read_to_string(folder.path().join("balanced/config.toml")).unwrap();
    assert!(weights.contains("class_weights = [10.0, 0.526"), "{weights}");
}

#[test]
fn only_the_ratios_of_weights_matter() {
    let folder = tempfile::tempdir().unwrap();
    rare_class(folder.path());
    let loss = |weights: &str, name: &str| {
        let train = format!(
            "train --dataset csv:rare.csv --hidden none --test-fraction 0 --epochs 3 --class-weights {weights} --out {name} --format json"
        );
        let events = run(folder.path(), &train).objects();
        events.iter().rev().find(|event| event["event"] == "epoch").unwrap()["train_loss"].as_f64().unwrap()
    };
    let [one, other] = [loss("4,1", "one"), loss("400,100", "other")];
    assert!((one / other - 1.0).abs() < 1e-6, "{one} and {other}");
}

#[test]
fn a_step_in_parts_takes_the_weights_of_the_whole_batch() {
    let folder = tempfile::tempdir().unwrap();
    let train =
        format!("train --dataset digits --hidden 16 --max-steps 40 --batch-size 64 {ALL} --format json");
    let loss = |options: &str, name: &str| {
        let events = run(folder.path(), &format!("{train} {options} --out {name}")).objects();
        let epoch = events.iter().rev().find(|event| event["event"] == "epoch").unwrap().clone();
        epoch["test_loss"].as_f64().unwrap()
    };
    let [whole, parts] = [loss("", "whole"), loss("--accumulate 5", "parts")];
    assert!((whole / parts - 1.0).abs() < 1e-5, "{whole} and {parts}");
    // Their last bits differ, so the run is not continued in other parts.
    let refused = run(folder.path(), "train --resume parts --max-steps 50").refused(1);
    assert!(
        refused.contains("summed in parts of 13 samples; now they would be in whole batches"),
        "{refused}"
    );
}

#[test]
fn plan_fit_and_sweep_answer_for_the_run_of_the_same_options() {
    let folder = support::small_mnist();
    let options = "--dataset idx:data/mnist --hidden 8 --class-weights balanced --label-smoothing 0.1 --clip-norm 1 \
                   --validation-fraction 0.3 --format json";
    let events = run(folder.path(), &format!("train {options} --epochs 1 --out run")).objects();
    let planned = &events[0]["planned_bytes"];
    let epoch = support::select(&events, "epoch")[0];
    let planned_rows = run(folder.path(), &format!("plan {options} --batch-sizes 64")).object();
    assert_eq!(&planned_rows["rows"][0]["total_bytes"], planned);
    let fitted = run(folder.path(), &format!("fit {options} --max-batch 64 --no-speed")).object();
    assert_eq!((&fitted["max_batch_size"], &fitted["total_bytes"]), (&json!(64), planned));
    let swept = run(folder.path(), &format!("sweep {options} --batch-sizes 64 --seconds 0.01")).object();
    assert_eq!(&swept["planned_bytes"], planned);
    assert_eq!(swept["accuracy_after_epochs"], epoch["validation_accuracy"]);
    assert_eq!(swept["loss_after_epochs"], epoch["validation_loss"]);
}
