//! GPUs from the command line: why none can be used, and with a stand-in for NVIDIA's driver, everything that uses one.

#![cfg(target_os = "linux")]

#[path = "gpu/machine.rs"]
mod machine;
mod support;

use std::fs;
use std::path::Path;

use machine::Machine;
use serde_json::Value;
use support::{Run, command, documented, finish, keys, refusal, run, select, small_mnist};

const NO_LIBRARY: &str = "NVIDIA's driver library (libcuda.so.1) cannot be loaded; with a GPU of NVIDIA's, install its driver, 520 or later (those \
     of other makers are for --device gpu)";

/// Trains a small network on [`small_mnist`].
const TRAIN: &str = "train --dataset mnist --hidden 16 --batch-size 32 --max-steps 12 --format json --log-every 1 \
                     --overwrite --out run";

/// Runs `arguments` where only they choose a device.
fn unled(folder: &Path, arguments: &str) -> Run {
    finish(command(folder).env_remove("PLANGRAD_DEVICE").args(arguments.split_whitespace()))
}

/// Whether this machine has a driver, so that its absence cannot be tested.
fn has_driver(folder: &Path) -> bool {
    let devices = run(folder, "devices --format json").object();
    let is_there = devices["cuda_unavailable_because"] != NO_LIBRARY;
    if is_there {
        eprintln!("SKIPPED: this machine has a driver of NVIDIA's");
    }
    is_there
}

#[test]
fn without_a_driver_cuda_is_an_error_with_a_remedy_and_auto_uses_the_cpu() {
    let folder = tempfile::tempdir().unwrap();
    if has_driver(folder.path()) {
        return;
    }
    for device in ["cuda", "cuda:1"] {
        let arguments = ["train", "--dataset", "digits", "--device", device, "--max-steps", "1"];
        let sentence = refusal(folder.path(), &arguments, 1);
        let name = if device == "cuda" { "cuda:0" } else { device };
        assert_eq!(sentence, format!("{name}: {NO_LIBRARY}; or compute on the cpu, with --device cpu"));
    }
    assert!(support::files(folder.path()).is_empty(), "nothing is left behind");
    let run = unled(folder.path(), "train --dataset digits --max-steps 1 --out run");
    let told: Vec<&str> = run.stderr.lines().filter(|line| line.contains("GPU")).collect();
    let said = "computing on the cpu: no GPU is set up here (`plangrad devices` says more)";
    assert_eq!(told, [said]);
    assert!(!unled(folder.path(), "eval run").stderr.contains("GPU"), "it is reported where time is spent");
    assert!(run.succeeded().contains("on cpu, 1.21 MiB planned"));
}

#[test]
fn devices_reports_why_there_is_no_gpu() {
    let folder = tempfile::tempdir().unwrap();
    if has_driver(folder.path()) {
        return;
    }
    let devices = run(folder.path(), "devices --format json").object();
    assert_eq!(devices["gpus"].as_array().unwrap().len(), 0);
    assert!(run(folder.path(), "devices").succeeded().contains(&format!("gpu\n  none: {NO_LIBRARY}\n")));
}

#[test]
fn a_gpu_can_be_planned_for_without_having_one() {
    let folder = tempfile::tempdir().unwrap();
    let plan = |device: &str| {
        let arguments = format!(
            "plan --dataset digits --keep-gradients --keep-inputs --device {device} --batch-sizes 64 --format json"
        );
        run(folder.path(), &arguments).object()
    };
    let (gpu, stand_in) = (plan("cuda:1"), plan("accelerator"));
    assert_eq!(gpu["device"], "cuda:1");
    assert_eq!(gpu["rows"], stand_in["rows"]);
}

#[test]
fn the_program_is_linked_with_nothing_of_nvidias() {
    let output = std::process::Command::new("ldd").arg(env!("CARGO_BIN_EXE_plangrad")).output();
    let Ok(output) = output else { return eprintln!("SKIPPED: no ldd on this machine") };
    let libraries = String::from_utf8(output.stdout).unwrap();
    assert!(libraries.contains("libc.so") || libraries.contains("not a dynamic"), "{libraries}");
    for name in ["cuda", "nvidia", "nvrtc", "cublas"] {
        assert!(!libraries.contains(name), "{libraries}");
    }
}

#[test]
fn exactly_the_committed_kernels_are_in_the_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/tensor/kernels/ptx");
    let program = fs::read(env!("CARGO_BIN_EXE_plangrad")).unwrap();
    let files = support::files(&folder);
    assert_eq!(
        files,
        ["stage.ptx.gz", "stage_large.ptx.gz", "stage_tensor.ptx.gz"].map(|name| folder.join(name))
    );
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let is_embedded = program.windows(bytes.len()).any(|window| window == bytes);
        assert!(is_embedded, "{} is not in the program", file.display());
    }
}

#[test]
fn the_guide_names_the_driver_that_messages_name() {
    let guide = include_str!("../docs/gpu.md");
    let driver = NO_LIBRARY.split("install its driver, ").nth(1).unwrap().split(" (").next().unwrap();
    assert!(guide.contains(&format!("but the driver, {driver}.")), "{driver}");
}

#[test]
fn each_reason_for_an_unusable_gpu_is_reported() {
    let Some(machine) = Machine::with_gpu() else { return };
    let folder = small_mnist();
    let cases = [
        (
            machine.but("FAKE_CUDA_VERSION", 11070),
            "cuda",
            "it has CUDA 11.7, and 11.8 is needed; install driver 520",
        ),
        (
            machine.but("FAKE_CUDA_COUNT", 0),
            "cuda",
            "NVIDIA's driver finds no GPU; see what `nvidia-smi` says",
        ),
        (
            machine.but("FAKE_CUDA_INIT", 100),
            "cuda",
            "NVIDIA's driver finds no GPU; see what `nvidia-smi` says",
        ),
        (
            machine.but("FAKE_CUDA_INIT", 803),
            "cuda",
            "NVIDIA's driver cannot start: system has unsupported display driver / cuda driver combination \
             (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803); see what `nvidia-smi` says",
        ),
        (machine.clone(), "cuda:3", "there is no GPU 3: NVIDIA's driver finds 1, counted from 0"),
        (
            machine.but("FAKE_CUDA_CAPABILITY", 70),
            "cuda:0",
            "GPU 0, Emulated GPU, has compute capability 7.0, and 7.5 is needed",
        ),
        (machine.but("FAKE_CUDA_MEMORY", 1 << 20), "cuda", "cannot open the GPU: out of memory"),
    ];
    for (machine, device, reason) in cases {
        let error = machine.run(folder.path(), &format!("{TRAIN} --device {device}"));
        assert_eq!(error.code, 1, "{error:?}");
        let event: Value = serde_json::from_str(error.stdout.trim()).unwrap();
        assert_eq!(event["kind"], "device");
        assert!(event["message"].as_str().unwrap().contains(reason), "{event}");
        if device == "cuda" {
            let automatic = machine.run(folder.path(), TRAIN);
            assert!(automatic.stderr.contains("computing on the cpu"));
            let is_missing = reason.contains("finds no GPU");
            assert_eq!(automatic.stderr.contains(reason), !is_missing, "{}", automatic.stderr);
            assert_eq!(select(&automatic.objects(), "start")[0]["device"], "cpu");
        }
    }
}

#[test]
fn a_library_that_is_not_a_driver_is_reported_as_such() {
    let folder = tempfile::tempdir().unwrap();
    // Any library will do; the loader takes it by its file.
    let Some(library) = some_library() else { return eprintln!("SKIPPED: no shared library found by ldd") };
    for name in ["libcuda.so", "libcuda.so.1"] {
        std::os::unix::fs::symlink(&library, folder.path().join(name)).unwrap();
    }
    let mut command = command(folder.path());
    command.args(["devices", "--format", "json"]).env("LD_LIBRARY_PATH", folder.path());
    let devices = finish(&mut command).object();
    let reason = devices["cuda_unavailable_because"].as_str().unwrap();
    assert_eq!(
        reason,
        "the library libcuda.so.1 is not NVIDIA's driver: it lacks cuInit; install NVIDIA's driver, 520 or later"
    );
}

/// A library that this test is linked with and that is not part of the C library.
fn some_library() -> Option<String> {
    let output = std::process::Command::new("ldd").arg(env!("CARGO_BIN_EXE_plangrad")).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().find(|line| line.contains("libgcc_s"))?;
    Some(line.split("=> ").nth(1)?.split(' ').next()?.to_owned())
}

#[test]
fn devices_reports_a_gpu_and_its_memory() {
    let Some(machine) = Machine::with_gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let devices = machine.but("FAKE_CUDA_COUNT", 2).run(folder.path(), "devices --format json").object();
    assert_eq!(devices["cuda_unavailable_because"], Value::Null);
    let gpus = devices["gpus"].as_array().unwrap();
    assert_eq!(gpus.len(), 2);
    assert_eq!(keys(&gpus[0]), documented()["gpu"]);
    let mebibytes = |key: &str| gpus[1][key].as_u64().map(|bytes| bytes >> 20);
    assert_eq!([mebibytes("total"), mebibytes("used"), mebibytes("free")], [Some(512), Some(12), Some(500)]);
    assert_eq!(
        [mebibytes("others"), mebibytes("context"), mebibytes("reserved")],
        [Some(4), Some(8), Some(8)]
    );
    assert_eq!(gpus[1]["allocated"], 0);
    let text = |key: &str| gpus[1][key].as_str().unwrap_or_default().to_owned();
    assert_eq!([text("name"), text("compute_capability")], ["Emulated GPU", "9.0"]);
    assert_eq!([text("driver_version"), text("cuda_version")], ["570.1.2", "12.8"]);
    let people = machine.run(folder.path(), "devices").succeeded();
    for line in
        ["gpu 0", "  name      Emulated GPU", "  compute   9.0 (driver 570.1.2, CUDA 12.8)", "    others "]
    {
        assert!(people.lines().any(|found| found.starts_with(line)), "{line} in {people}");
    }
    let old = machine.but("FAKE_CUDA_CAPABILITY", 61).run(folder.path(), "devices --format json").object();
    assert!(old["gpus"][0]["unusable_because"].as_str().unwrap().contains("compute capability 6.1"));
    assert_eq!((&old["gpus"][0]["free"], &old["gpus"][0]["reserved"]), (&Value::Null, &Value::from(0)));
}

#[test]
fn a_gpu_run_matches_the_cpu_run_within_the_planned_memory() {
    let Some(machine) = Machine::with_gpu() else { return };
    let folder = small_mnist();
    let expected = machine.run(folder.path(), &format!("{TRAIN} --device cpu")).objects();
    for options in ["", "--device cuda:0", "--device cuda --on-oom ladder --memory-budget 400KiB"] {
        let events = machine.run(folder.path(), &format!("{TRAIN} {options}")).objects();
        let start = select(&events, "start")[0];
        assert_eq!(start["device"], "cuda:0");
        let memory = &start["gpu_memory"];
        assert_eq!(keys(memory), documented()["memory of a gpu"]);
        assert_eq!(
            (&memory["total"], &memory["allocated"]),
            (&Value::from(512 << 20), &start["planned_bytes"])
        );
        assert_eq!(select(&events, "oom").len(), usize::from(options.contains("400KiB")), "{options}");
        let (found, expected) = (select(&events, "step"), select(&expected, "step"));
        assert_eq!(found.len(), 12);
        for (found, expected) in found.iter().zip(expected) {
            let [found, expected] = [found, expected].map(|step| step["loss"].as_f64().unwrap());
            assert!((found - expected).abs() <= 1e-4 * expected.abs(), "{found} instead of {expected}");
        }
        let epoch = select(&events, "epoch")[0];
        assert_eq!(epoch["planned_bytes"], epoch["measured_bytes"], "{epoch}");
    }
}

#[test]
fn a_model_trained_on_the_gpu_evaluates_and_resumes_anywhere() {
    let Some(machine) = Machine::with_gpu() else { return };
    let folder = small_mnist();
    machine.run(folder.path(), &format!("{TRAIN} --device cuda")).succeeded();
    let evaluate = |device: &str| {
        machine.run(folder.path(), &format!("eval run --device {device} --format json")).object()
    };
    let (gpu, cpu) = (evaluate("cuda"), evaluate("cpu"));
    assert_eq!(gpu["confusion"], cpu["confusion"]);
    let resumed = machine
        .run(folder.path(), "train --resume run --max-steps 14 --device cuda --format json --log-every 1");
    assert_eq!(select(&resumed.objects(), "step").len(), 2);
}

#[test]
fn tf32_needs_ampere_and_is_kept_when_resuming() {
    let Some(machine) = Machine::with_gpu() else { return };
    let folder = small_mnist();
    let old = machine.but("FAKE_CUDA_CAPABILITY", 75);
    old.run(folder.path(), &format!("{TRAIN} --device cuda")).succeeded();
    let refused = old.run(folder.path(), &format!("{TRAIN} --device cuda --precision tf32"));
    assert!(refused.stderr.contains("has compute capability 7.5, and 8.0 is needed"), "{refused:?}");
    let train = format!("{TRAIN} --device cuda --precision tf32").replace("--format json", "");
    let told = machine.run(folder.path(), &train).succeeded();
    assert!(told.contains("; on cuda:0 in TF32, "), "{told}");
    let config = fs::read_to_string(folder.path().join("run/config.toml")).unwrap();
    assert!(config.contains("precision = \"tf32\""), "{config}");
    machine.run(folder.path(), "train --resume run --max-steps 14 --device cuda").succeeded();
    let elsewhere = machine.run(folder.path(), "train --resume run --max-steps 16 --device cpu");
    assert!(elsewhere.stderr.contains("continuing in f32: TF32 needs a GPU"), "{elsewhere:?}");
    assert!(elsewhere.succeeded().contains("; on cpu, "));
    let config = fs::read_to_string(folder.path().join("run/config.toml")).unwrap();
    assert!(config.contains("precision = \"tf32\""), "{config}");
}

#[test]
fn eval_and_predict_fall_back_to_the_cpu_when_an_unnamed_gpu_is_full() {
    let Some(machine) = Machine::with_gpu() else { return };
    let folder = small_mnist();
    machine.run(folder.path(), &format!("{TRAIN} --device cuda")).succeeded();
    // The context has room, and nothing else.
    let full = machine.but("FAKE_CUDA_MEMORY", 30 << 20);
    for command in ["eval run", "predict run --index 0"] {
        let run = full.run(folder.path(), command);
        assert!(run.stderr.contains("computing on the cpu: cuda:0 has 0 bytes free, and "), "{run:?}");
        run.succeeded();
        assert_eq!(full.run(folder.path(), &format!("{command} --device cuda")).code, 1);
    }
}

#[test]
fn out_of_memory_beside_the_dataset_advises_only_what_the_command_can_do() {
    let Some(machine) = Machine::with_gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    for command in ["fit", "sweep --batch-sizes 1"] {
        let run = machine
            .run(folder.path(), &format!("{command} --dataset digits --device cuda --memory-budget 4MiB"));
        assert_eq!(run.code, 1);
        let advice = "not even a batch of 1 fits beside the dataset; take a smaller network or dataset";
        assert!(run.stderr.contains(advice) && !run.stderr.contains("--on-oom"), "{run:?}");
    }
}

#[test]
fn a_sweep_whose_gpu_fails_prints_the_rows_it_has() {
    let Some(machine) = Machine::with_gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let sweep = "sweep --dataset digits --hidden 16 --devices cpu,cuda --batch-sizes 1024 --seconds 0.01";
    let run = machine.but("FAKE_CUDA_FAIL", 2).run(folder.path(), sweep);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("cuda:0 cannot be used any more"), "{run:?}");
    let rows: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("cpu ")).collect();
    assert!(rows.len() == 1 && rows[0].contains(" % "), "{run:?}");
}

#[test]
fn a_run_whose_gpu_fails_resumes_from_its_checkpoint() {
    let Some(machine) = Machine::with_gpu() else { return };
    let folder = small_mnist();
    let train = format!("{TRAIN} --device cuda --checkpoint-every 4");
    let model = || fs::read(folder.path().join("run/model.safetensors")).unwrap();
    machine.run(folder.path(), &train).succeeded();
    let expected = model();
    let error = machine.but("FAKE_CUDA_FAIL", 10).run(folder.path(), &train);
    assert_eq!(error.code, 1, "{error:?}");
    let event: Value = serde_json::from_str(error.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(event["kind"], "device", "{error:?}");
    let message = event["message"].as_str().unwrap();
    assert!(message.starts_with("cuda:0 cannot be used any more: NVIDIA's driver cannot "), "{message}");
    assert!(message.contains("unspecified launch failure (CUDA_ERROR_LAUNCH_FAILED, 719)"), "{message}");
    let resume = "train --resume run --max-steps 12 --device cuda --format json --log-every 1";
    let resumed = machine.run(folder.path(), resume).objects();
    assert_eq!(select(&resumed, "step").len(), 4, "from step 8 on: {resumed:?}");
    assert!(model() == expected);
}

/// Steps without output between them are replayed in series: those of the evaluation, and of training after the first.
#[test]
fn steps_replayed_in_series_equal_single_steps() {
    let Some(machine) = Machine::with_gpu() else { return };
    let folder = small_mnist();
    let train = TRAIN.replace("--max-steps 12", "--max-steps 50").replace("--log-every 1", "--log-every 50");
    let run = |machine: &Machine, device: &str| {
        let events = machine.run(folder.path(), &format!("{train} --device {device}")).objects();
        let epoch = select(&events, "epoch")[0];
        let figures = ["train_loss", "test_loss", "test_accuracy"].map(|key| epoch[key].as_f64().unwrap());
        (figures, fs::read(folder.path().join("run/model.safetensors")).unwrap())
    };
    let (found, model) = run(&machine, "cuda");
    for series in [2, 4, 6] {
        let one_by_one = run(&machine.but("FAKE_CUDA_REFUSE_GRAPH", series), "cuda");
        assert!(one_by_one == (found, model.clone()), "without series {series}: {one_by_one:?}");
    }
    let (expected, _) = run(&machine, "cpu");
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-4 * expected, "{found} instead of {expected}");
    }
}

#[test]
fn missing_driver_features_and_copy_timing_do_not_change_the_run() {
    let Some(machine) = Machine::with_gpu() else { return };
    let folder = small_mnist();
    let model = |machine: &Machine, options: &str| {
        let train = TRAIN.replace("--log-every 1", "--log-every 5");
        let run = machine.run(folder.path(), &format!("{train} --device cuda {options}"));
        assert_eq!(select(&run.objects(), "start")[0]["device"], "cuda:0");
        fs::read(folder.path().join("run/model.safetensors")).unwrap()
    };
    let expected = model(&machine, "");
    let lacks = [("FAKE_CUDA_REFUSE_PINNED", 1), ("FAKE_CUDA_NO_CHAINS", 1), ("FAKE_CUDA_CAPABILITY", 75)];
    for (setting, value) in lacks {
        assert!(model(&machine.but(setting, value), "") == expected, "{setting}");
    }
    let streamed = "--on-oom ladder --memory-budget 400KiB";
    for machine in [&machine, &machine.but("FAKE_CUDA_EAGER_COPIES", 1)] {
        assert!(model(machine, streamed) == expected);
    }
}

#[test]
fn refused_memory_or_graphs_are_out_of_memory_and_leave_the_gpu_usable() {
    let Some(machine) = Machine::with_gpu() else { return };
    let folder = small_mnist();
    // Of the graphs every other one is a series, and can be done without.
    let graphs = "FAKE_CUDA_REFUSE_GRAPH";
    for (what, which) in [("FAKE_CUDA_REFUSE", 1), ("FAKE_CUDA_REFUSE", 2), (graphs, 1), (graphs, 3)] {
        let machine = machine.but(what, which);
        let error = machine.run(folder.path(), &format!("{TRAIN} --device cuda"));
        assert_eq!(error.code, 1, "{what} {which}: {error:?}");
        let event: Value = serde_json::from_str(error.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(event["kind"], "out-of-memory", "{what} {which}: {error:?}");
        let events = machine.run(folder.path(), &format!("{TRAIN} --device cuda --on-oom ladder")).objects();
        assert_eq!(select(&events, "start")[0]["device"], "cuda:0", "{what} {which}");
        assert_eq!((select(&events, "oom").len(), select(&events, "step").len()), (1, 12), "{what} {which}");
    }
}

#[test]
fn fit_finds_the_largest_batch_in_the_gpus_free_memory() {
    let Some(machine) = Machine::with_gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    // 12 MiB are taken by others and the context, and 32 are left to the driver.
    let machine = machine.but("FAKE_CUDA_MEMORY", (12 + 32 + 24) << 20);
    let fit = "fit --dataset digits --hidden 16 --device cuda --method solve --format json";
    let found = machine.run(folder.path(), fit).object();
    let number = |key: &str| found[key].as_u64().unwrap();
    assert_eq!(found["device"], "cuda:0");
    assert_eq!(number("budget_bytes"), 24 << 20);
    assert_eq!(number("total_bytes"), number("measured_bytes"));
    assert!(number("total_bytes") <= 24 << 20 && number("next_total_bytes") > 24 << 20, "{found}");
    assert_eq!(found["gpu_memory"]["context"], 8 << 20);
}
