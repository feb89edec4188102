//! The parts of a run on a GPU. Each is on its own: it starts programs, waits so long and no longer, and tells how it went.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::report::{self, Outcome, Part, Timing};
use crate::Result;

/// What is asked of the GPU: samples of MNIST's and CIFAR's size, and a wide network.
const NETWORKS: [(usize, usize); 3] = [(784, 128), (3072, 128), (784, 4096)];
const BATCH_SIZES: [usize; 4] = [64, 128, 1024, 8192];
/// How far losses on the GPU and on the processor may be apart, as a share, over so many steps.
const LOSS_TOLERANCE: f64 = 1e-3;
const STEPS: usize = 100;
/// Accuracy that five epochs of MNIST reach.
const ACCURACY: f64 = 0.973;

/// A part: what is done, and how it ended.
type Task = dyn Fn(&Machine) -> Result<Outcome>;

pub(super) fn run_all(folder: &Path, python: &str, time_limit: u64) -> Result<()> {
    let folder = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    let out = folder.join("out");
    fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let machine = Machine { folder, out, python: python.to_owned(), limit: Duration::from_secs(time_limit) };
    let devices = machine.json("devices", "./plangrad", &["devices", "--format", "json"])?;
    if let Some(reason) = devices["cuda_unavailable_because"].as_str() {
        return Err(format!("there is no GPU to test here: {reason}"));
    }
    let parts: [(&str, &Task); 8] = [
        ("operations, kernels and steps against the CPU", &Machine::operations),
        ("losses of a run against the CPU", &Machine::losses),
        ("five epochs", &Machine::epochs),
        ("the edge of a budget", &|machine| machine.fit("fit-budget", &["--memory-budget", "64MiB"])),
        ("the edge of the card", &|machine| {
            machine.fit("fit-card", &["--hidden", "4096", "--synthetic", "--time-limit", "60"])
        }),
        ("out of memory, then on", &Machine::ladder),
        ("compute-sanitizer", &Machine::sanitizer),
        ("PyTorch", &Machine::has_pytorch),
    ];
    let mut told = Vec::new();
    for (name, part) in parts {
        eprintln!("{name} ...");
        let started = Instant::now();
        let outcome = part(&machine).unwrap_or_else(Outcome::Failed);
        eprintln!("{name}: {outcome} ({:.0} s)", started.elapsed().as_secs_f64());
        told.push(Part { name, outcome });
        // Written down as it comes: what is known is kept if the machine is taken away.
        report::save(&machine.out, &devices, &told, &[])?;
    }
    let has_pytorch = told.last().is_some_and(|part| matches!(part.outcome, Outcome::Fine(_)));
    let mut timings = Vec::new();
    for network in NETWORKS {
        for batch_size in BATCH_SIZES {
            timings.push(machine.timing(network, batch_size, has_pytorch));
            report::save(&machine.out, &devices, &told, &timings)?;
        }
    }
    eprintln!("{}", machine.out.join("gpu.md").display());
    let failed: Vec<&str> =
        told.iter().filter(|part| matches!(part.outcome, Outcome::Failed(_))).map(|part| part.name).collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join("; "))) }
}

/// The machine with the GPU.
struct Machine {
    folder: PathBuf,
    out: PathBuf,
    python: String,
    limit: Duration,
}

impl Machine {
    /// Every test of the tensors, most of which use the GPU too where there is one.
    fn operations(&self) -> Result<Outcome> {
        let text = self.output("tensor-tests", "./tensor-tests", &[])?;
        let result = text.lines().rev().find(|line| line.starts_with("test result")).unwrap_or("no result");
        Ok(Outcome::Fine(result.trim_start_matches("test result: ").to_owned()))
    }

    /// The first steps from the same weights in the same order.
    fn losses(&self) -> Result<Outcome> {
        let steps = STEPS.to_string();
        let run = |device: &str| {
            let out = format!("out/run-losses-{device}");
            let options = ["--max-steps", &steps, "--log-every", "1", "--device", device, "--out", &out];
            let events = self.train(&format!("losses-{device}"), &options)?;
            let steps = events.iter().filter(|event| event["event"] == "step");
            Ok::<_, String>(steps.filter_map(|event| event["loss"].as_f64()).collect::<Vec<f64>>())
        };
        let (gpu, cpu) = (run("cuda")?, run("cpu")?);
        if gpu.len() != STEPS || cpu.len() != STEPS {
            return Err(format!("{} and {} losses instead of {STEPS}", gpu.len(), cpu.len()));
        }
        let worst = gpu.iter().zip(&cpu).map(|(a, b)| (a - b).abs() / b.abs()).fold(0.0, f64::max);
        let text = format!("at most {worst:.1e} apart over {STEPS} steps");
        if worst <= LOSS_TOLERANCE { Ok(Outcome::Fine(text)) } else { Err(text) }
    }

    /// A whole run, in the memory that was planned.
    fn epochs(&self) -> Result<Outcome> {
        let events = self.train("epochs", &["--epochs", "5", "--device", "cuda", "--out", "out/run"])?;
        let epochs: Vec<&Value> = events.iter().filter(|event| event["event"] == "epoch").collect();
        let last = epochs.last().ok_or("no epoch is told")?;
        let accuracy = last["test_accuracy"].as_f64().unwrap_or(0.0);
        let seconds: Vec<f64> = epochs.iter().filter_map(|event| event["train_seconds"].as_f64()).collect();
        let fastest = seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let memory = [&last["planned_bytes"], &last["measured_bytes"]];
        let text = format!(
            "{:.2} % after five epochs, the fastest in {:.1} ms; {} bytes planned, {} measured",
            100.0 * accuracy,
            1e3 * fastest,
            memory[0],
            memory[1]
        );
        let is_fine = accuracy >= ACCURACY && memory[0] == memory[1];
        if is_fine { Ok(Outcome::Fine(text)) } else { Err(text) }
    }

    /// The largest batch, the refusal of the next, and a run afterwards.
    fn fit(&self, name: &str, options: &[&str]) -> Result<Outcome> {
        let arguments = ["fit", "--dataset", "digits", "--device", "cuda", "--format", "json"];
        let found = self.json(name, "./plangrad", &[&arguments, options].concat())?;
        let text = format!(
            "{} samples: {} bytes planned, {} measured, of {}; {} would take {}; stopped by {}",
            found["max_batch_size"],
            found["total_bytes"],
            found["measured_bytes"],
            found["budget_bytes"],
            found["max_batch_size"].as_u64().unwrap_or(0) + 1,
            found["next_total_bytes"],
            found["stopped_by"],
        );
        let is_fine = found["total_bytes"] == found["measured_bytes"] && found["next_total_bytes"].is_u64();
        if is_fine { Ok(Outcome::Fine(text)) } else { Err(text) }
    }

    /// A budget that is too small for dataset and batch: the run goes down the ladder and trains on the GPU.
    fn ladder(&self) -> Result<Outcome> {
        let options =
            ["--max-steps", "20", "--device", "cuda", "--on-oom", "ladder", "--memory-budget", "1700KiB"];
        let events = self.train("ladder", &[&options[..], &["--out", "out/run-ladder"]].concat())?;
        let rungs: Vec<&str> = events.iter().filter_map(|event| event["rung"].as_str()).collect();
        let start = events.iter().find(|event| event["event"] == "start").ok_or("no start is told")?;
        let text = format!("{} on {}", rungs.join(", "), start["device"]);
        let is_fine = start["device"] == "cuda:0" && rungs == ["dataset-on-host", "micro-batches"];
        if is_fine { Ok(Outcome::Fine(text)) } else { Err(text) }
    }

    /// NVIDIA's tool that finds accesses out of bounds, races, and barriers that not all threads reach.
    fn sanitizer(&self) -> Result<Outcome> {
        if Command::new("compute-sanitizer").arg("--version").stdout(Stdio::null()).status().is_err() {
            return Ok(Outcome::Skipped("compute-sanitizer is not on this machine".into()));
        }
        for tool in ["memcheck", "racecheck", "synccheck", "initcheck"] {
            let sanitizer =
                ["--tool", tool, "--error-exitcode", "9", "./plangrad", "train", "--dataset", "digits"];
            let run = ["--device", "cuda", "--max-steps", "5", "--overwrite", "--out", "out/run-sanitizer"];
            let name = format!("sanitizer-{tool}");
            self.output(&name, "compute-sanitizer", &[&sanitizer[..], &run].concat())?;
        }
        Ok(Outcome::Fine("memcheck, racecheck, synccheck and initcheck find nothing".into()))
    }

    fn has_pytorch(&self) -> Result<Outcome> {
        let code = "import torch; print(torch.__version__, torch.cuda.get_device_name(0))";
        match self.output("pytorch", &self.python, &["-c", code]) {
            Ok(version) => Ok(Outcome::Fine(version.trim().to_owned())),
            Err(reason) => Ok(Outcome::Skipped(reason)),
        }
    }

    /// One network at one batch size, in all ways there are.
    fn timing(&self, network: (usize, usize), batch_size: usize, has_pytorch: bool) -> Timing {
        let (inputs, hidden) = network;
        let [inputs, hidden, batch] = [inputs, hidden, batch_size].map(|n| n.to_string());
        let mut rows: Vec<(String, Result<Value>)> = Vec::new();
        for device in ["cuda", "cuda-tf32"] {
            let name = format!("time-{device}-{inputs}-{hidden}-{batch}");
            rows.push((
                format!("plangrad {device}"),
                self.last_json(&name, "./step_time", &[device, &batch, &inputs, &hidden]),
            ));
        }
        let peers = ["eager", "compile", "graph"].into_iter().filter(|_| has_pytorch);
        for (peer, more) in peers.flat_map(|peer| [(peer, None), (peer, Some("--tf32"))]) {
            let arguments =
                ["gpu.py", peer, "--batch-size", &batch, "--inputs", &inputs, "--hidden", &hidden];
            let arguments: Vec<&str> = arguments.into_iter().chain(more).collect();
            let label = format!("torch {peer}{}", more.map_or("", |_| " tf32"));
            let name = format!("{}-{inputs}-{hidden}-{batch}", label.replace(' ', "-"));
            rows.push((label, self.last_json(&name, &self.python, &arguments)));
        }
        // How fast the card multiplies at all, in the same minutes.
        for more in [None, Some("--tf32")].into_iter().filter(|_| has_pytorch && batch_size == 8192) {
            let arguments: Vec<&str> = ["gpu.py", "matmul"].into_iter().chain(more).collect();
            let label = format!("cuBLAS 8192³{}", more.map_or("", |_| " tf32"));
            rows.push((
                label,
                self.last_json(&format!("matmul-{inputs}-{hidden}"), &self.python, &arguments),
            ));
        }
        eprintln!("{inputs}-{hidden}-10, batch {batch}: {} programs", rows.len());
        Timing { network, batch_size, rows }
    }

    fn train(&self, name: &str, options: &[&str]) -> Result<Vec<Value>> {
        let dataset = if self.folder.join("data/mnist").is_dir() { "mnist" } else { "digits" };
        let arguments =
            ["train", "--dataset", dataset, "--data-dir", "data", "--format", "json", "--overwrite"];
        let text = self.output(name, "./plangrad", &[&arguments, options].concat())?;
        text.lines()
            .map(|line| serde_json::from_str(line).map_err(|error| format!("{name}: {error}")))
            .collect()
    }

    fn json(&self, name: &str, program: &str, arguments: &[&str]) -> Result<Value> {
        let text = self.output(name, program, arguments)?;
        serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))
    }

    /// The last line that is JSON.
    fn last_json(&self, name: &str, program: &str, arguments: &[&str]) -> Result<Value> {
        let text = self.output(name, program, arguments)?;
        let mut lines = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(Value::is_object).ok_or_else(|| format!("{name} printed no result"))
    }

    /// Runs a program within the time limit, and returns its standard output. All it prints is kept in `out/`.
    fn output(&self, name: &str, program: &str, arguments: &[&str]) -> Result<String> {
        let open = |ending: &str| {
            let path = self.out.join(format!("{name}.{ending}"));
            File::create(&path)
                .map(|file| (file, path.clone()))
                .map_err(|error| format!("{}: {error}", path.display()))
        };
        let ((stdout, told), (stderr, _)) = (open("out")?, open("err")?);
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        let deadline = Instant::now() + self.limit;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|error| format!("{program}: {error}"))? {
                break status;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{name} took longer than {} s", self.limit.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let text = fs::read(&told).map_err(|error| format!("{}: {error}", told.display()))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        if status.success() {
            Ok(text)
        } else {
            Err(format!("{name} ended with {status}; see out/{name}.err"))
        }
    }
}

/// What is saved beside the page, for programs.
pub(super) fn object(devices: &Value, parts: &[Part], timings: &[Timing]) -> Value {
    let parts: Vec<Value> =
        parts.iter().map(|part| json!({ "part": part.name, "outcome": part.outcome.to_string() })).collect();
    let timing = |timing: &Timing| {
        let rows = timing.rows.iter().map(|(name, result)| match result {
            Ok(value) => json!({ "program": name, "result": value }),
            Err(reason) => json!({ "program": name, "failed": reason }),
        });
        let (inputs, hidden) = timing.network;
        json!({ "inputs": inputs, "hidden": hidden, "batch_size": timing.batch_size, "rows": rows.collect::<Vec<_>>() })
    };
    json!({ "devices": devices, "parts": parts, "timings": timings.iter().map(timing).collect::<Vec<_>>() })
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder whose `plangrad` is a script.
    fn packed(script: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("plangrad");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    #[test]
    fn a_machine_without_a_gpu_is_told_as_such_before_anything_runs() {
        let folder = packed(r#"echo '{"gpus":[],"cuda_unavailable_because":"no driver"}'"#);
        let refused = run_all(folder.path(), "python3", 9).unwrap_err();
        assert_eq!(refused, "there is no GPU to test here: no driver");
        assert!(!folder.path().join("out/gpu.md").exists());
    }

    #[test]
    fn a_program_that_hangs_or_fails_is_ended_and_told() {
        let folder = packed("echo something; if [ \"$1\" = hang ]; then sleep 60; fi; exit 3");
        let machine = Machine {
            folder: folder.path().to_owned(),
            out: folder.path().to_owned(),
            python: String::new(),
            limit: Duration::from_millis(300),
        };
        let refused = machine.output("it", "./plangrad", &["hang"]).unwrap_err();
        assert!(refused.starts_with("it took longer than"), "{refused}");
        let refused = machine.output("it", "./plangrad", &[]).unwrap_err();
        assert_eq!(refused, "it ended with exit status: 3; see out/it.err");
        assert!(machine.output("it", "./nothing", &[]).unwrap_err().starts_with("./nothing: "));
        assert_eq!(fs::read_to_string(folder.path().join("it.out")).unwrap(), "");
    }
}
