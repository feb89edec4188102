//! NVIDIA's compute-sanitizer, which finds accesses out of bounds, races, and barriers that not all threads reach.
//!
//! It makes programs slower by a factor that nobody knows before, and has seconds of its own for each: a run that takes
//! longer tells nothing, and is none the worse. Nor is a machine without it, or one whose GPU it cannot watch.

use std::time::Duration;

use super::findings::{Known, Trouble};
use super::machine::Turn;
use super::parts::{Task, verdict};

/// The exit code of the tool when it found something.
const FOUND: &str = "9";

/// A run, of which more is to be said.
const TRAIN: [&str; 9] = [
    "./plangrad",
    "train",
    "--dataset",
    "digits",
    "--device",
    "cuda",
    "--overwrite",
    "--out",
    "out/run-sanitizer",
];
/// A few small steps.
const SMALL: [&str; 1] = ["--max-steps=5"];
/// Large tiles, on tensor cores, of both kinds of products: large enough for them (a test of the tensors says so).
const TENSOR_CORES: [&str; 4] = ["--max-steps=2", "--precision=tf32", "--hidden=4096", "--batch-size=1024"];
/// Every kernel on many shapes, its arrays side by side in an allocation of their size.
const KERNELS: [&str; 4] = ["./tensor-tests", "backend::cuda::tests::kernels", "--test-threads", "1"];

/// The parts that it has.
pub(super) fn all() -> [Task; 7] {
    [
        train("memcheck of a small run", "memcheck", &SMALL, 60),
        train("racecheck of a small run", "racecheck", &SMALL, 60),
        train("synccheck of a small run", "synccheck", &SMALL, 60),
        train("initcheck of a small run", "initcheck", &SMALL, 60),
        task("memcheck of every kernel", "memcheck", KERNELS.to_vec(), 120),
        train("memcheck on tensor cores", "memcheck", &TENSOR_CORES, 90),
        train("racecheck on tensor cores", "racecheck", &TENSOR_CORES, 90),
    ]
}

fn train(name: &'static str, tool: &'static str, options: &[&'static str], seconds: u64) -> Task {
    task(name, tool, [&TRAIN, options].concat(), seconds)
}

fn task(name: &'static str, tool: &'static str, program: Vec<&'static str>, seconds: u64) -> Task {
    let run = move |turn: &Turn<'_>| sanitize(turn, name, tool, &program);
    Task { name, limit: Duration::from_secs(seconds), run: Box::new(run) }
}

fn sanitize(turn: &Turn<'_>, name: &str, tool: &str, program: &[&str]) -> Known<String> {
    let name = name.replace(' ', "-");
    let sanitizer = &*turn.machine.compute_sanitizer;
    let there = turn.output(&name, sanitizer, &["--version"]);
    there.map_err(|trouble| trouble.excused(|_| "compute-sanitizer is not on this machine".into()))?;
    let shell = ["-c", "export PROPTEST_CASES=20; exec \"$@\" 2>&1", "sh"];
    let options = [sanitizer, "--tool", tool, "--error-exitcode", FOUND];
    let (status, text) = match turn.call(&name, "sh", &[&shell[..], &options, program].concat()) {
        Err(late @ Trouble::Late(_)) => return Err(Trouble::Skipped(late.reason())),
        ended => ended?,
    };
    if text.contains("Device not supported") {
        return Err(Trouble::Skipped("compute-sanitizer cannot watch this GPU".into()));
    }
    let summary = text.lines().rev().find_map(|line| line.split_once("SUMMARY: "));
    let summary = summary.map_or("no summary", |(_, summary)| summary);
    // A program that never comes to the GPU is told with no errors as well.
    let has_watched = !text.contains("before first instrumented API call");
    let is_fine = status.success() && has_watched && summary.starts_with("0 ");
    let place = if is_fine { String::new() } else { format!(", {status}; see out/{name}.out") };
    verdict(is_fine, format!("{summary}{place}"))
}
