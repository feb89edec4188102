//! What the steps of `run.sh` found out: checked, and written as a page, in docs/benchmarks.md.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::bench::replace_between;
use crate::command::{Result, root};

/// Largest relative difference between losses on the GPU and on the CPU over the first 100 steps.
const LOSS_TOLERANCE: f64 = 1e-3;
/// Accuracy that five epochs reach, of MNIST and of the smaller digits.
const ACCURACY: [(&str, f64); 2] = [("mnist", 0.973), ("digits", 0.95)];
/// The targets of docs/gpu.md, for an H200.
const EPOCH_SECONDS: f64 = 0.025;
const STEPS_OF_AN_EPOCH: f64 = 938.0;
const TIMES_EAGER: f64 = 10.0;
const TIMES_GRAPH: f64 = 1.0;
const SHARE_OF_RATE: f64 = 0.6;

/// A network at a batch size, as the names of its steps end.
const SMALL: &str = "784-128-64";
const LARGE: &str = "784-4096-8192";

/// Why something is not as it should be.
#[derive(Debug)]
enum Problem {
    Failed(String),
    /// Not run, not finished in time, or not possible there.
    Unknown(String),
}

type Outcome<T> = std::result::Result<T, Problem>;

/// The folder that `run.sh` fills.
struct Outputs<'a>(&'a Path);

impl Outputs<'_> {
    /// What a step printed that succeeded.
    fn text(&self, name: &str) -> Outcome<String> {
        let read = |ending: &str| fs::read_to_string(self.0.join(format!("{name}.{ending}")));
        let status = read("status").map_err(|_| Problem::Unknown("not run".into()))?;
        match status.trim() {
            "0" => read("out").map_err(|error| Problem::Failed(format!("{name}.out: {error}"))),
            "124" | "137" => Err(Problem::Unknown("took longer than its time limit".into())),
            code => Err(Problem::Failed(format!("exit code {code}; see {name}.err"))),
        }
    }

    /// The JSON objects among it.
    fn objects(&self, name: &str) -> Outcome<Vec<Value>> {
        let text = self.text(name)?;
        let values = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(values.filter(Value::is_object).collect())
    }

    /// The last of them.
    fn object(&self, name: &str) -> Outcome<Value> {
        self.objects(name)?.pop().ok_or_else(|| Problem::Failed(format!("{name} printed no result")))
    }

    fn number(&self, step: &str, key: &str) -> Outcome<f64> {
        let number = self.object(step)?[key].as_f64().filter(|number| *number > 0.0);
        number.ok_or_else(|| Problem::Failed(format!("{step} has no {key}")))
    }
}

/// A row of the first table: what was checked, and the outcome.
type Check = (&'static str, fn(&Outputs<'_>) -> Outcome<String>);

const CHECKS: [Check; 19] = [
    ("operations, kernels and steps against the CPU", operations),
    ("losses of a run against the CPU", losses),
    ("five epochs", epochs),
    ("largest batch in a budget", |outputs| fit(outputs, "fit-budget")),
    ("largest batch in the GPU's memory", |outputs| fit(outputs, "fit-card")),
    ("training after a refused size", sweep),
    ("training after running out of memory", ladder),
    ("memcheck of a small run", |outputs| sanitizer(outputs, "memcheck")),
    ("racecheck of a small run", |outputs| sanitizer(outputs, "racecheck")),
    ("synccheck of a small run", |outputs| sanitizer(outputs, "synccheck")),
    ("initcheck of a small run", |outputs| sanitizer(outputs, "initcheck")),
    ("memcheck of every kernel", |outputs| sanitizer(outputs, "memcheck-kernels")),
    ("memcheck on tensor cores", |outputs| sanitizer(outputs, "memcheck-tensor-cores")),
    ("racecheck on tensor cores", |outputs| sanitizer(outputs, "racecheck-tensor-cores")),
    ("target: an MNIST epoch at batch 64 in at most 25 ms", epoch_target),
    ("target: ten times as fast as PyTorch eager", |outputs| peer_target(outputs, "eager", TIMES_EAGER)),
    ("target: as fast as PyTorch with CUDA graphs", |outputs| peer_target(outputs, "graph", TIMES_GRAPH)),
    ("target: 60 % of cuBLAS's f32 rate in a step", |outputs| rate_target(outputs, "f32")),
    ("target: 60 % of cuBLAS's tf32 rate in a step", |outputs| rate_target(outputs, "tf32")),
];

fn verdict(is_fine: bool, text: String) -> Outcome<String> {
    if is_fine { Ok(text) } else { Err(Problem::Failed(text)) }
}

fn operations(outputs: &Outputs<'_>) -> Outcome<String> {
    let text = outputs.text("tensor-tests")?;
    let result = text.lines().rev().find_map(|line| line.strip_prefix("test result: "));
    Ok(result.unwrap_or("no result").to_owned())
}

fn losses(outputs: &Outputs<'_>) -> Outcome<String> {
    let of = |name: &str| {
        let events = outputs.objects(name)?;
        let steps = events.iter().filter(|event| event["event"] == "step");
        Ok(steps.filter_map(|event| event["loss"].as_f64()).collect::<Vec<f64>>())
    };
    let (gpu, cpu) = (of("losses-cuda")?, of("losses-cpu")?);
    let worst = gpu.iter().zip(&cpu).map(|(a, b)| (a - b).abs() / b.abs()).fold(0.0, f64::max);
    let is_fine = gpu.len() == 100 && cpu.len() == 100 && worst <= LOSS_TOLERANCE;
    verdict(is_fine, format!("at most {worst:.1e} apart over {} and {} steps", gpu.len(), cpu.len()))
}

fn epochs(outputs: &Outputs<'_>) -> Outcome<String> {
    let events = outputs.objects("epochs")?;
    let start = events.iter().find(|event| event["event"] == "start");
    let dataset = start.and_then(|event| event["dataset"].as_str()).unwrap_or("mnist");
    let expected = ACCURACY.iter().find(|(name, _)| *name == dataset).map_or(1.0, |(_, accuracy)| *accuracy);
    let last = events.iter().rfind(|event| event["event"] == "epoch").cloned().unwrap_or_default();
    let accuracy = last["test_accuracy"].as_f64().unwrap_or(0.0);
    let [planned, measured] = [&last["planned_bytes"], &last["measured_bytes"]];
    let text =
        format!("{:.2} % of {dataset}; {planned} bytes planned, {measured} measured", 100.0 * accuracy);
    verdict(accuracy >= expected && planned == measured, text)
}

/// The largest batch takes what was planned, the next one is refused, and the same process trains afterwards.
fn fit(outputs: &Outputs<'_>, name: &str) -> Outcome<String> {
    let found = outputs.object(name)?;
    let timed = found["throughput"].as_array().map_or(0, Vec::len);
    let [size, planned, measured] =
        ["max_batch_size", "total_bytes", "measured_bytes"].map(|key| &found[key]);
    let text =
        format!("{size} samples: {planned} bytes planned, {measured} measured; then {timed} sizes timed");
    verdict(found["next_total_bytes"].is_u64() && planned == measured && timed > 0, text)
}

fn sweep(outputs: &Outputs<'_>) -> Outcome<String> {
    let rows = outputs.objects("sweep")?;
    let [refused, trained] = &rows[..] else {
        return Err(Problem::Failed(format!("{} rows instead of 2", rows.len())));
    };
    let [planned, measured] = [&trained["planned_bytes"], &trained["measured_bytes"]];
    let needed = &refused["out_of_memory"]["needed_bytes"];
    let text = format!("{needed} bytes refused; then {planned} bytes planned, {measured} measured");
    verdict(needed.is_u64() && trained["samples_in_equal_time"].is_u64() && planned == measured, text)
}

fn ladder(outputs: &Outputs<'_>) -> Outcome<String> {
    let events = outputs.objects("ladder")?;
    let rungs: Vec<&str> = events.iter().filter_map(|event| event["rung"].as_str()).collect();
    let start = events.iter().find(|event| event["event"] == "start").cloned().unwrap_or_default();
    let is_fine = start["device"] == "cuda:0" && rungs == ["dataset-on-host", "micro-batches"];
    verdict(is_fine, format!("{} on {}", rungs.join(", "), start["device"]))
}

fn sanitizer(outputs: &Outputs<'_>, name: &str) -> Outcome<String> {
    let text = outputs.text(name)?;
    if text.contains("Device not supported") {
        return Err(Problem::Unknown("compute-sanitizer cannot watch this GPU".into()));
    }
    let summary = text.lines().rev().find_map(|line| line.split_once("SUMMARY: "));
    let summary = summary.map_or("no summary", |(_, summary)| summary);
    // A program that never reaches the GPU has no errors either.
    let has_watched = !text.contains("before first instrumented API call");
    verdict(has_watched && summary.starts_with("0 "), summary.to_owned())
}

fn epoch_target(outputs: &Outputs<'_>) -> Outcome<String> {
    let step = outputs.number(&format!("time-plangrad-f32-{SMALL}"), "step_seconds")?;
    let seconds = STEPS_OF_AN_EPOCH * step;
    let text = format!("{STEPS_OF_AN_EPOCH} steps of {:.1} µs are {:.2} ms", 1e6 * step, 1e3 * seconds);
    verdict(seconds <= EPOCH_SECONDS, text)
}

fn peer_target(outputs: &Outputs<'_>, way: &str, times: f64) -> Outcome<String> {
    let ours = outputs.number(&format!("time-plangrad-f32-{SMALL}"), "step_seconds")?;
    let theirs = outputs.number(&format!("time-{way}-f32-{SMALL}"), "step_seconds")?;
    let text = format!(
        "{:.1} µs a step against {:.1}: {:.2} times as fast",
        1e6 * ours,
        1e6 * theirs,
        theirs / ours
    );
    verdict(theirs >= times * ours, text)
}

fn rate_target(outputs: &Outputs<'_>, precision: &str) -> Outcome<String> {
    let rate = |program: &str| {
        outputs.number(&format!("time-{program}-{precision}-{LARGE}"), "operations_per_second")
    };
    let (ours, theirs) = (rate("plangrad")?, rate("matmul")?);
    let text = format!(
        "{:.2} TFLOP/s at 784-4096-10, batch 8192, cuBLAS {:.2}: {:.1} %",
        1e-12 * ours,
        1e-12 * theirs,
        100.0 * ours / theirs
    );
    verdict(ours >= SHARE_OF_RATE * theirs, text)
}

/// Every measured step: network and batch size, program, seconds.
fn steps(outputs: &Outputs<'_>) -> Vec<(String, String, f64)> {
    let names = fs::read_dir(outputs.0).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let mut steps: Vec<_> = names
        .filter_map(|name| {
            let step = name.strip_suffix(".status")?;
            let (program, rest) = step.strip_prefix("time-")?.split_once('-')?;
            let (precision, network) = rest.split_once('-')?;
            let seconds = outputs.number(step, "step_seconds").ok()?;
            Some((network.to_owned(), format!("{program} {precision}"), seconds))
        })
        .collect();
    let sizes = |network: &str| network.split('-').map(|n| n.parse().unwrap_or(0)).collect::<Vec<usize>>();
    steps.sort_by(|a, b| sizes(&a.0).cmp(&sizes(&b.0)).then(a.2.total_cmp(&b.2)));
    steps
}

/// The page, and the checks that failed.
fn page(outputs: &Outputs<'_>) -> (String, Vec<&'static str>) {
    let gpu = outputs.object("devices").map_or(Value::Null, |devices| devices["gpus"][0].clone());
    let known = |key: &str| gpu[key].as_str().unwrap_or("unknown").to_owned();
    let mut page = format!(
        "Measured on {} by `cargo xtask gpu`: {}, compute capability {}, driver {}, CUDA {}.\n\n| check | outcome |\n| --- | --- |\n",
        fs::read_to_string(outputs.0.join("date")).unwrap_or_default().trim(),
        known("name"),
        known("compute_capability"),
        known("driver_version"),
        known("cuda_version"),
    );
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        let outcome = match check(outputs) {
            Ok(text) => text,
            Err(Problem::Unknown(reason)) => format!("not known: {reason}"),
            Err(Problem::Failed(reason)) => {
                failed.push(name);
                format!("**failed**: {reason}")
            }
        };
        page += &format!("| {name} | {} |\n", outcome.replace(['\n', '|'], " "));
    }
    page += "\n| inputs-hidden-batch | program | µs a step |\n| --- | --- | --- |\n";
    for (network, program, seconds) in steps(outputs) {
        page += &format!("| {network} | {program} | {:.1} |\n", 1e6 * seconds);
    }
    (page, failed)
}

/// Writes the page between the marks of docs/benchmarks.md.
pub(super) fn write(out: &Path) -> Result<()> {
    let (page, failed) = page(&Outputs(out));
    let path = root().join("docs/benchmarks.md");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (start, end) = ("<!-- measured on a gpu -->\n", "<!-- end of gpu -->");
    let text = replace_between(&text, start, end, &format!("\n{page}\n"))
        .ok_or_else(|| format!("{} lacks its marks {start} and {end}", path.display()))?;
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join("; "))) }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// A stub for every program: it prints what any of them may be asked for. `train` prints all events at once.
    const PROGRAM: &str = r#"#!/bin/sh
echo "$0 $*" >> calls
case "$*" in
devices*) echo '{"gpus":[{"name":"Imitated"}],"cuda_unavailable_because":null}' ;;
fit*) echo '{"total_bytes":7,"measured_bytes":7,"next_total_bytes":8,"max_batch_size":5,"throughput":[{}]}' ;;
sweep*) echo '{"out_of_memory":{"needed_bytes":9}}'
    echo '{"planned_bytes":7,"measured_bytes":7,"samples_in_equal_time":64}' ;;
*losses*) for i in $(seq 100); do echo '{"event":"step","loss":0.5}'; done ;;
*ladder*) echo '{"rung":"dataset-on-host"}'; echo '{"rung":"micro-batches"}'
    echo '{"event":"start","device":"cuda:0"}' ;;
train*) echo '{"event":"epoch","test_accuracy":0.98,"planned_bytes":7,"measured_bytes":7}' ;;
*matmul*) echo '{"operations_per_second":5e13}' ;;
*eager*) echo '{"step_seconds":0.0003}' ;;
*graph*|*compile*) echo '{"step_seconds":0.000025}' ;;
cuda*) echo '{"step_seconds":0.00002,"operations_per_second":4e13}' ;;
*) echo 'test result: ok. 9 passed'; echo '==== ERROR SUMMARY: 0 errors' ;;
esac
"#;

    /// A packed folder in which every program is `PROGRAM`.
    fn packed() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        // A shell writes them: a file that is open for writing in this process could not be run by another thread's.
        let script = "for name in plangrad tensor-tests step_time compute-sanitizer python; do
            printf %s \"$1\" > $name; chmod +x $name; done; cp \"$2\" run.sh";
        let run = root().join("xtask/gpu/run.sh");
        let written =
            Command::new("sh").args(["-c", script, "sh", PROGRAM]).arg(run).current_dir(&folder).status();
        assert!(written.unwrap().success());
        folder
    }

    /// Runs `run.sh`; returns the calls that it made.
    fn run(folder: &Path, stop_after: u32) -> Vec<String> {
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        command
            .arg(folder.join("run.sh"))
            .env("STOP_AFTER", stop_after.to_string())
            .env("PYTHON", "./python");
        assert!(command.env("PATH", path).output().unwrap().status.success());
        let calls = fs::read_to_string(folder.join("calls")).unwrap_or_default();
        fs::remove_file(folder.join("calls")).unwrap();
        calls.lines().map(str::to_owned).collect()
    }

    fn replace(folder: &Path, name: &str, text: &str) {
        fs::write(folder.join("out").join(name), text).unwrap();
    }

    #[test]
    fn steps_that_succeed_pass_every_check_and_are_not_repeated() {
        let folder = packed();
        let calls = run(folder.path(), 600);
        assert_eq!(calls.iter().filter(|call| call.contains("step_time")).count(), 24);
        assert_eq!(calls.iter().filter(|call| call.contains("gpu.py")).count(), 74);
        let out = folder.path().join("out");
        let (text, failed) = page(&Outputs(&out));
        assert_eq!(failed, [""; 0], "{text}");
        for expected in [
            "| five epochs | 98.00 % of mnist; 7 bytes planned, 7 measured |",
            "| target: an MNIST epoch at batch 64 in at most 25 ms | 938 steps of 20.0 µs are 18.76 ms |",
            "| target: ten times as fast as PyTorch eager | 20.0 µs a step against 300.0: 15.00 times as fast |",
            "batch 8192, cuBLAS 50.00: 80.0 % |",
            "| 784-128-64 | plangrad f32 | 20.0 |\n| 784-128-64 | plangrad tf32 | 20.0 |\n",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
        assert!(!text.contains("not known"), "{text}");
        // Only whether there is PyTorch is asked again.
        assert_eq!(run(folder.path(), 600), ["./python -c import torch"]);
    }

    #[test]
    fn a_start_without_time_runs_nothing_and_the_next_one_continues() {
        let folder = packed();
        run(folder.path(), 600);
        fs::remove_file(folder.path().join("out/epochs.status")).unwrap();
        assert_eq!(run(folder.path(), 0), ["./python -c import torch"]);
        let (text, failed) = page(&Outputs(&folder.path().join("out")));
        assert!(text.contains("| five epochs | not known: not run |") && failed.is_empty(), "{text}");
        assert!(run(folder.path(), 600).iter().any(|call| call.contains("--epochs 5")));
    }

    #[test]
    fn results_worse_than_promised_fail_and_timeouts_are_unknown() {
        let folder = packed();
        run(folder.path(), 600);
        replace(folder.path(), "time-plangrad-f32-784-128-64.out", "{\"step_seconds\":0.0000267}");
        replace(folder.path(), "losses-cpu.out", &"{\"event\":\"step\",\"loss\":0.501}\n".repeat(100));
        replace(folder.path(), "fit-card.status", "1");
        replace(folder.path(), "racecheck.status", "124");
        replace(folder.path(), "memcheck.out", "==== ERROR SUMMARY: 2 errors");
        let (text, failed) = page(&Outputs(&folder.path().join("out")));
        let expected = [
            "losses of a run against the CPU",
            "largest batch in the GPU's memory",
            "memcheck of a small run",
            "target: an MNIST epoch at batch 64 in at most 25 ms",
            "target: as fast as PyTorch with CUDA graphs",
        ];
        assert_eq!(failed, expected, "{text}");
        assert!(text.contains("| racecheck of a small run | not known: took longer than its time limit |"));
        assert!(text.contains("**failed**: exit code 1; see fit-card.err"), "{text}");
    }
}
