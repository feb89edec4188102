//! Other frameworks: how they are installed, and how they are run.
//!
//! Those in Python are `bench/peers.py`, those in Rust `bench/rust/`, which is built for this very processor. All of them get
//! memory from an allocator that keeps what is freed, which makes those faster that allocate in every step.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::measured::Report;
use super::work::Work;
use crate::Result;
use crate::command::{self, built_with, output, program, root, target};

/// All that can be compared with.
pub(super) const ALL_PEERS: [&str; 6] =
    ["torch-eager", "torch-compile", "torch-manual", "jax", "candle", "burn"];

/// The fastest of them, as a rule.
pub(super) const QUICK_PEERS: [&str; 2] = ["torch-manual", "jax"];

/// Versions of what runs in Python.
const PYTHON_PACKAGES: [&str; 3] = ["torch", "jax", "numpy"];

/// Settings of glibc's allocator: it maps nothing for large blocks, and keeps what is freed.
const ALLOCATOR: [(&str, &str); 2] = [("MALLOC_MMAP_MAX_", "0"), ("MALLOC_TRIM_THRESHOLD_", "1000000000000")];

/// A framework that is ready to run.
pub(super) struct Peer {
    pub(super) name: &'static str,
    program: PathBuf,
    /// What stands before the work: nothing, or a script and the way.
    arguments: Vec<&'static str>,
}

/// Installs or builds what these peers need.
pub(super) fn prepare(names: &[&'static str], python: Option<&Path>) -> Result<Vec<Peer>> {
    let (rust, scripts): (Vec<_>, Vec<_>) =
        names.iter().copied().partition(|name| ["candle", "burn"].contains(name));
    let interpreter = if scripts.is_empty() { PathBuf::new() } else { interpreter(python)? };
    let scripts = scripts
        .into_iter()
        .map(|name| Ok(Peer { name, program: interpreter.clone(), arguments: vec!["bench/peers.py", name] }));
    let rust = rust.into_iter().map(|name| Ok(Peer { name, program: compiled(name)?, arguments: vec![] }));
    scripts.chain(rust).collect()
}

/// A Python with the packages.
fn interpreter(python: Option<&Path>) -> Result<PathBuf> {
    if let Some(python) = python {
        return Ok(python.to_path_buf());
    }
    let environment = target().join("bench-venv");
    let python = environment.join("bin/python");
    if !python.exists() {
        command::run(program("python3", &["-m", "venv", &environment.display().to_string()]))?;
        let install = [&["-m", "pip", "install", "--quiet"][..], &PYTHON_PACKAGES].concat();
        command::run(program(&python.display().to_string(), &install))?;
    }
    Ok(python)
}

/// A peer in Rust, built with all that this processor has.
fn compiled(name: &str) -> Result<PathBuf> {
    let package = format!("{name}-peer");
    let manifest = root().join("bench/rust/Cargo.toml").display().to_string();
    let mut build =
        vec!["build", "--release", "--locked", "--manifest-path", &manifest, "--package", &package];
    if std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|info| info.contains("avx512f")) {
        build.extend(["--features", "avx512"]);
    }
    built_with(&build, &package, |cargo| {
        cargo.env("RUSTFLAGS", "-C target-cpu=native").env("CARGO_TARGET_DIR", target().join("bench-peers"));
    })
    .map_err(|sentence| format!("{sentence}; without {name}: --peers with the others' names"))
}

impl Peer {
    pub(super) fn measure(&self, work: &Work, data: &Path, epochs: usize, round: usize) -> Result<Report> {
        let mut command = program(&self.program.display().to_string(), &self.arguments);
        command.envs(ALLOCATOR).env("BENCH_START", now().to_string());
        describe(&mut command, work, data, epochs, round);
        let text = output(command)?;
        let result = text.lines().rev().find_map(|line| serde_json::from_str(line).ok());
        let result = result.ok_or_else(|| format!("{} printed no result", self.name))?;
        report(&result, work).ok_or_else(|| format!("{} reported no epochs", self.name))
    }
}

fn describe(command: &mut Command, work: &Work, data: &Path, epochs: usize, round: usize) {
    command.args(["--data", work.data.name(), "--hidden", &work.hidden_list(), "--data-dir"]).arg(data);
    for (option, value) in [
        ("--inputs", work.data.inputs()),
        ("--rows", work.rows()),
        ("--batch-size", work.batch),
        ("--threads", work.threads),
        ("--epochs", epochs),
        ("--seed", round + 1),
    ] {
        command.arg(option).arg(value.to_string());
    }
}

fn report(result: &Value, work: &Work) -> Option<Report> {
    let epochs = result["epoch_seconds"].as_array()?.iter().skip(1).filter_map(Value::as_f64);
    Some(Report {
        seconds: epochs.map(|seconds| work.unit_seconds(seconds)).collect(),
        first_step: result["first_step_seconds"].as_f64(),
        evaluation: result["evaluation_seconds"].as_f64(),
        peak_mebibytes: result["peak_mebibytes"].as_f64(),
        accuracy: result["accuracy"].as_f64(),
        version: result["version"].as_str().map(str::to_owned),
    })
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
