//! GPUs of all makers from the command line, on the software Vulkan of Debian's `mesa-vulkan-drivers`; and what is said where
//! there is none.

#![cfg(target_os = "linux")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::{command, finish, real_data, refusal, run, select, small_mnist};

const TRAIN: &str = "train --dataset mnist --hidden 16 --batch-size 32 --max-steps 30 --format json --log-every 1 --overwrite";

/// Whether there is an adapter; it is said where there is none.
fn has_adapter(folder: &Path) -> bool {
    let devices = run(folder, "devices --format json").object();
    let reason = &devices["adapters_unavailable_because"];
    if !reason.is_null() {
        assert!(!cfg!(feature = "wgpu") || std::env::var_os("PLANGRAD_CI").is_none(), "{reason}");
        eprintln!("SKIPPED: runs through wgpu: {reason}");
    }
    reason.is_null()
}

fn losses(events: &[Value]) -> Vec<f64> {
    select(events, "step").iter().map(|step| step["loss"].as_f64().unwrap()).collect()
}

#[test]
#[cfg(not(feature = "wgpu"))]
fn a_program_without_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for (device, name) in [("vulkan", "vulkan:0"), ("mps", "metal:0"), ("dx12:1", "dx12:1")] {
        let sentence = refusal(folder.path(), &["train", "--dataset", "digits", "--device", device], 1);
        let reason =
            "this program was built without GPUs other than NVIDIA's; build it with `--features wgpu`";
        assert_eq!(sentence, format!("{name}: {reason}; or compute on the cpu, with --device cpu"));
    }
}

#[test]
fn apis_of_other_systems_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    if !has_adapter(folder.path()) {
        return;
    }
    let sentence = refusal(folder.path(), &["train", "--dataset", "digits", "--device", "mps"], 1);
    assert_eq!(
        sentence,
        "metal:0: metal does not exist on this system; take vulkan; or compute on the cpu, with --device cpu"
    );
    let sentence = refusal(folder.path(), &["train", "--dataset", "digits", "--device", "vulkan:99"], 1);
    assert!(sentence.starts_with("vulkan:99: there is no adapter 99 of vulkan: it has "), "{sentence}");
}

/// The loader of Vulkan finds no driver where it is told to look for none.
#[test]
fn without_a_driver_auto_computes_on_the_cpu_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut without = command(folder.path());
    without.env("VK_DRIVER_FILES", "/nonexistent.json").env("VK_ICD_FILENAMES", "/nonexistent.json");
    without.env_remove("PLANGRAD_DEVICE");
    let run = finish(without.args("train --dataset digits --max-steps 1 --out run".split(' ')));
    assert_eq!(
        run.stderr.lines().filter(|line| line.contains("computing on the cpu")).count(),
        1,
        "{}",
        run.stderr
    );
    assert!(run.succeeded().contains("on cpu"));
}

#[test]
fn software_is_used_only_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let devices = run(folder.path(), "devices --format json").object();
    let is_real = |adapter: &Value| adapter["kind"] != "software on the CPU";
    if !has_adapter(folder.path()) || devices["adapters"].as_array().unwrap().iter().any(is_real) {
        return;
    }
    if !devices["gpus"].as_array().unwrap().is_empty() {
        return;
    }
    let sentence = refusal(folder.path(), &["train", "--dataset", "digits", "--device", "gpu"], 1);
    assert!(sentence.contains("there is no GPU but software ("), "{sentence}");
    assert!(sentence.ends_with("or compute on the cpu, with --device cpu"), "{sentence}");
}

#[test]
fn a_run_learns_what_the_cpu_learns_in_the_planned_bytes() {
    let folder = small_mnist();
    if !has_adapter(folder.path()) {
        return;
    }
    let events = |device: &str| {
        run(folder.path(), &format!("{TRAIN} --device {device} --out {}", device.replace(':', ""))).objects()
    };
    let (cpu, vulkan) = (events("cpu"), events("vulkan:0"));
    assert_eq!(select(&vulkan, "start")[0]["device"], "vulkan:0");
    for (found, expected) in losses(&vulkan).iter().zip(losses(&cpu)) {
        assert!((found / expected - 1.0).abs() < 1e-4, "{found} instead of {expected}");
    }
    let epoch = select(&vulkan, "epoch")[0];
    assert_eq!(epoch["planned_bytes"], epoch["measured_bytes"]);
    assert!(losses(&events("vulkan")) == losses(&vulkan), "two runs have the same bits");
}

#[test]
fn a_budget_too_small_for_the_dataset_is_met_by_the_ladder() {
    let folder = small_mnist();
    if !has_adapter(folder.path()) {
        return;
    }
    let planned =
        |more: &str| run(folder.path(), &format!("{TRAIN} --device vulkan {more} --out run")).objects();
    let whole = select(&planned(""), "epoch")[0]["planned_bytes"].as_u64().unwrap();
    let events = planned(&format!("--memory-budget {} --on-oom ladder", whole - 1));
    assert_eq!(select(&events, "oom")[0]["rung"], "stream", "{events:?}");
    assert!(select(&events, "epoch")[0]["measured_bytes"].as_u64().unwrap() < whole);
}

/// Five epochs of MNIST, which software takes minutes for.
#[test]
#[ignore = "takes minutes"]
fn mnist_is_learnt_as_on_the_cpu() {
    let folder = tempfile::tempdir().unwrap();
    let (Some(data), true) = (real_data(), has_adapter(folder.path())) else { return };
    let events = |device: &str, more: &str| {
        let data = data.display();
        let arguments = format!(
            "train --dataset mnist --data-dir {data} --seed 42 --format json --log-every 1 --out {device} --device {device} {more}"
        );
        run(folder.path(), &arguments).objects()
    };
    let (cpu, vulkan) = (events("cpu", "--max-steps 100"), events("vulkan", "--epochs 5"));
    let first = losses(&vulkan);
    for (found, expected) in first.iter().zip(losses(&cpu)) {
        assert!((found / expected - 1.0).abs() < 1e-3, "{found} instead of {expected}");
    }
    let accuracy = select(&vulkan, "epoch").last().unwrap()["test_accuracy"].as_f64().unwrap();
    assert!(accuracy >= 0.973, "{accuracy}");
}
