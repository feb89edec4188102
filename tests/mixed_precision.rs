//! Training in bfloat16: planned and measured to the byte, resumed, split and computed again to the same bits, evaluated as it was
//! trained, and refused where there is none.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Left, metrics, real_data, run, select, small_mnist, undisturbed};

const NETWORK: &str = "--dataset mnist --hidden 96,80 --precision bf16";

fn train(options: &str) -> String {
    format!("train {NETWORK} --batch-size 256 --epochs 9 --max-steps 40 {options}")
}

fn planned(folder: &Path, options: &str) -> Value {
    let plan = format!("plan --dataset mnist --device cpu {options} --format json");
    run(folder, &plan).object()["rows"][0].clone()
}

fn number(object: &Value, key: &str) -> u64 {
    object[key].as_u64().unwrap_or_else(|| panic!("{key} of {object}"))
}

#[test]
fn a_run_ends_with_the_same_bytes_resumed_in_parts_and_with_activations_computed_again() {
    let folder = small_mnist();
    let expected = undisturbed(folder.path(), &train("--threads 1"));
    let first = train("--out parts --accumulate 4 --threads 2").replace("--max-steps 40", "--max-steps 15");
    run(folder.path(), &first).succeeded();
    run(folder.path(), "train --resume parts --max-steps 28 --recompute all").succeeded();
    run(folder.path(), "train --resume parts --max-steps 40 --keep-gradients --keep-inputs").succeeded();
    assert!(Left::by(&folder.path().join("parts")).has_the_bytes_of(&expected));
    let config = fs::read_to_string(folder.path().join("parts/config.toml")).unwrap();
    assert!(config.contains("precision = \"bf16\""), "{config}");
    run(folder.path(), "train --resume parts --epochs 12 --precision f32").refused(2);
}

#[test]
fn the_ladder_leads_to_the_same_bytes_and_what_is_planned_is_measured() {
    const DEEP: &str = "--hidden 96,80,96,80,96,80 --activation gelu --dropout 0.1";
    let folder = small_mnist();
    let train = |options: &str| train(&format!("{options} --device cpu")).replace("--hidden 96,80", DEEP);
    let expected = undisturbed(folder.path(), &train(""));
    let least = format!("{DEEP} --precision bf16 --batch-sizes 256 --recompute all");
    let budget = number(&planned(folder.path(), &least), "total_bytes");
    run(folder.path(), &train(&format!("--out ladder --on-oom ladder --memory-budget {budget}"))).succeeded();
    assert!(Left::by(&folder.path().join("ladder")).has_the_bytes_of(&expected));
    let events = metrics(&folder.path().join("ladder"));
    assert!(!select(&events, "oom").is_empty());
    for epoch in select(&events, "epoch") {
        assert_eq!(epoch["measured_bytes"], epoch["planned_bytes"]);
        assert!(number(epoch, "measured_bytes") <= budget);
    }
}

/// 19,021,184 B in f32 with what other programs keep. Weights and moments are as large as ever.
#[test]
fn plans_halve_batch_and_activations() {
    let folder = small_mnist();
    let kept = "--batch-sizes 4096 --keep-inputs";
    let [wide, narrow] =
        ["f32", "bf16"].map(|format| planned(folder.path(), &format!("{kept} --precision {format}")));
    for key in ["parameters_bytes", "optimizer_state_bytes"] {
        assert_eq!(number(&wide, key), number(&narrow, key), "{key}");
    }
    for key in ["batch_bytes", "activations_bytes"] {
        assert!(number(&narrow, key) <= number(&wide, key) / 2 + 4096, "{key}: {wide} {narrow}");
    }
    assert!(number(&narrow, "total_bytes") <= 10_400_000, "{narrow}");
    let in_place = planned(folder.path(), "--batch-sizes 4096 --precision bf16");
    assert!(number(&in_place, "total_bytes") < 3_671_872, "{in_place}");
}

#[test]
fn a_model_is_evaluated_as_its_run_was_trained_or_as_asked() {
    let folder = small_mnist();
    run(folder.path(), &train("--out run")).succeeded();
    let of_run = select(&metrics(&folder.path().join("run")), "epoch").last().unwrap()["test_loss"].clone();
    let loss = |options: &str| {
        run(folder.path(), &format!("eval run {options} --format json")).object()["loss"].clone()
    };
    assert_eq!([loss(""), loss("--precision bf16")], [of_run.clone(), of_run.clone()]);
    let (exact, rounded) = (loss("--precision f32").as_f64().unwrap(), of_run.as_f64().unwrap());
    assert!(exact != rounded && (exact - rounded).abs() < 0.01 * exact, "{exact} and {rounded}");
}

#[test]
fn a_gpu_refuses_it_in_a_sentence_and_fit_proves_a_larger_batch() {
    let folder = small_mnist();
    for command in ["train", "plan", "sweep --devices cuda --batch-sizes 8"] {
        let device = if command.starts_with("sweep") { "" } else { "--device cuda" };
        let options = format!("{command} --dataset digits --precision bf16 {device}");
        let message = run(folder.path(), &options).refused(2);
        assert!(message.contains("--precision: bf16 is not built for GPUs"), "{message}");
    }
    let fit = |format: &str| {
        let options = format!(
            "fit --dataset mnist --memory-budget 3MiB --device cpu --synthetic --precision {format} --format json"
        );
        number(&run(folder.path(), &options).object(), "max_batch_size")
    };
    assert!(fit("bf16") as f64 > 1.5 * fit("f32") as f64);
}

/// Takes minutes: run by hand, with `--ignored`.
#[test]
#[ignore = "trains six times on all of MNIST"]
fn accuracy_on_mnist_is_within_two_tenths_of_a_point_of_f32() {
    let Some(data) = real_data() else { return };
    let (folder, data) = (tempfile::tempdir().unwrap(), data.display().to_string());
    let mut means = [0.0; 2];
    for seed in 1..=3 {
        for (mean, format) in means.iter_mut().zip(["f32", "bf16"]) {
            let train = format!(
                "train --dataset mnist --data-dir {data} --seed {seed} --precision {format} --out {format}-{seed}"
            );
            run(folder.path(), &train).succeeded();
            let events = metrics(&folder.path().join(format!("{format}-{seed}")));
            let accuracy = select(&events, "epoch").last().unwrap()["test_accuracy"].as_f64().unwrap();
            println!("seed {seed}, {format}: {accuracy}");
            *mean += accuracy / 3.0;
        }
    }
    assert!((means[0] - means[1]).abs() <= 0.002, "{means:?}");
}
