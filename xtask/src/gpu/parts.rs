//! The parts of a run on a GPU that tell whether all is right. Each is on its own: it starts programs, and tells how it went.

use std::time::Duration;

use serde_json::Value;

use super::findings::{Known, Trouble};
use super::machine::Turn;
use super::sanitizer;

/// How far losses on the GPU and on the processor may be apart, as a share, over so many steps.
const LOSS_TOLERANCE: f64 = 1e-3;
const STEPS: usize = 100;
/// Accuracy that five epochs of MNIST reach, and of digits, which are fewer.
const ACCURACY: f64 = 0.973;
const ACCURACY_OF_DIGITS: f64 = 0.95;
/// The part that looks for PyTorch, without which its times are not to be had.
pub(super) const PYTORCH: &str = "PyTorch";

/// A part: what it does, and how long it may take.
pub(super) struct Task {
    pub(super) name: &'static str,
    pub(super) limit: Duration,
    pub(super) run: Box<Run>,
}

type Run = dyn Fn(&Turn<'_>) -> Known<String>;

impl Task {
    fn new(name: &'static str, run: impl Fn(&Turn<'_>) -> Known<String> + 'static) -> Task {
        Task { name, limit: Duration::MAX, run: Box::new(run) }
    }
}

/// All of them, in order: the slowest come last.
pub(super) fn all() -> Vec<Task> {
    let mut tasks = vec![
        Task::new("operations, kernels and steps against the CPU", operations),
        Task::new("losses of a run against the CPU", losses),
        Task::new("five epochs", epochs),
        Task::new("the edge of a budget", |turn| fit(turn, "fit-budget", &["--memory-budget", "64MiB"])),
        Task::new("the edge of the card", |turn| {
            fit(turn, "fit-card", &["--hidden", "4096", "--synthetic", "--time-limit", "120"])
        }),
        Task::new("a size refused, then on", sweep),
        Task::new("out of memory, then on", ladder),
    ];
    tasks.extend(sanitizer::all());
    tasks.push(Task::new(PYTORCH, pytorch));
    tasks
}

/// Every test of the tensors, most of which use the GPU too where there is one.
fn operations(turn: &Turn<'_>) -> Known<String> {
    let text = turn.output("tensor-tests", "./tensor-tests", &[])?;
    let result = text.lines().rev().find(|line| line.starts_with("test result")).unwrap_or("no result");
    Ok(result.trim_start_matches("test result: ").to_owned())
}

/// The first steps from the same weights in the same order.
fn losses(turn: &Turn<'_>) -> Known<String> {
    let steps = STEPS.to_string();
    let run = |device: &str| {
        let out = format!("out/run-losses-{device}");
        let options = ["--max-steps", &steps, "--log-every", "1", "--device", device, "--out", &out];
        let events = turn.train(&format!("losses-{device}"), &options)?;
        let steps = events.iter().filter(|event| event["event"] == "step");
        Ok::<_, Trouble>(steps.filter_map(|event| event["loss"].as_f64()).collect::<Vec<f64>>())
    };
    let (gpu, cpu) = (run("cuda")?, run("cpu")?);
    if gpu.len() != STEPS || cpu.len() != STEPS {
        return Err(format!("{} and {} losses instead of {STEPS}", gpu.len(), cpu.len()).into());
    }
    let worst = gpu.iter().zip(&cpu).map(|(a, b)| (a - b).abs() / b.abs()).fold(0.0, f64::max);
    verdict(worst <= LOSS_TOLERANCE, format!("at most {worst:.1e} apart over {STEPS} steps"))
}

/// A whole run, in the memory that was planned.
fn epochs(turn: &Turn<'_>) -> Known<String> {
    let events = turn.train("epochs", &["--epochs", "5", "--device", "cuda", "--out", "out/run"])?;
    let epochs: Vec<&Value> = events.iter().filter(|event| event["event"] == "epoch").collect();
    let last = epochs.last().ok_or_else(|| "no epoch is told".to_owned())?;
    let accuracy = last["test_accuracy"].as_f64().unwrap_or(0.0);
    let seconds = epochs.iter().filter_map(|event| event["train_seconds"].as_f64());
    let fastest = seconds.fold(f64::INFINITY, f64::min);
    let dataset = turn.machine.dataset();
    let [planned, measured] = [&last["planned_bytes"], &last["measured_bytes"]];
    let text = format!(
        "{:.2} % after five epochs of {dataset}, the fastest in {:.1} ms; {planned} bytes planned, {measured} measured",
        100.0 * accuracy,
        1e3 * fastest,
    );
    let expected = if dataset == "mnist" { ACCURACY } else { ACCURACY_OF_DIGITS };
    verdict(accuracy >= expected && planned == measured, text)
}

/// The largest batch, the refusal of the next, and steps of smaller ones in the same process afterwards.
fn fit(turn: &Turn<'_>, name: &str, options: &[&str]) -> Known<String> {
    let arguments = ["fit", "--dataset", "digits", "--device", "cuda"];
    let found = turn.object(name, &[&arguments, options].concat())?;
    let afterwards = found["throughput"].as_array().map_or(0, Vec::len);
    let text = format!(
        "{} samples: {} bytes planned, {} measured, of {}; {} would take {}; stopped by {}; then {afterwards} sizes timed",
        found["max_batch_size"],
        found["total_bytes"],
        found["measured_bytes"],
        found["budget_bytes"],
        found["max_batch_size"].as_u64().unwrap_or(0) + 1,
        found["next_total_bytes"],
        found["stopped_by"],
    );
    let is_refused = found["next_total_bytes"].is_u64();
    verdict(is_refused && found["total_bytes"] == found["measured_bytes"] && afterwards > 0, text)
}

/// A size that is refused, and in the same process one that is trained with.
fn sweep(turn: &Turn<'_>) -> Known<String> {
    let sizes = ["--batch-sizes", "4096,64", "--memory-budget", "24MiB", "--seconds", "0.1"];
    let arguments = ["sweep", "--dataset", "digits", "--devices", "cuda"];
    let rows = turn.lines("sweep", &[&arguments[..], &sizes].concat())?;
    let [refused, trained] = &rows[..] else {
        return Err(format!("{} rows instead of 2", rows.len()).into());
    };
    let text = format!(
        "{} refused: {} bytes needed, {} free; then {} trained with, {} bytes planned, {} measured",
        refused["batch_size"],
        refused["out_of_memory"]["needed_bytes"],
        refused["out_of_memory"]["free_bytes"],
        trained["batch_size"],
        trained["planned_bytes"],
        trained["measured_bytes"],
    );
    let is_trained = trained["samples_in_equal_time"].is_u64();
    let is_refused = refused["out_of_memory"]["needed_bytes"].is_u64();
    verdict(is_refused && is_trained && trained["planned_bytes"] == trained["measured_bytes"], text)
}

/// A budget that is too small for dataset and batch: the run goes down the ladder and trains on the GPU.
fn ladder(turn: &Turn<'_>) -> Known<String> {
    let options =
        ["--max-steps", "20", "--device", "cuda", "--on-oom", "ladder", "--memory-budget", "1700KiB"];
    let events = turn.train("ladder", &[&options[..], &["--out", "out/run-ladder"]].concat())?;
    let rungs: Vec<&str> = events.iter().filter_map(|event| event["rung"].as_str()).collect();
    let start = events.iter().find(|event| event["event"] == "start");
    let device = &start.ok_or_else(|| "no start is told".to_owned())?["device"];
    let is_fine = device == "cuda:0" && rungs == ["dataset-on-host", "micro-batches"];
    verdict(is_fine, format!("{} on {device}", rungs.join(", ")))
}

/// Whether there is PyTorch, and which. A machine without it is none the worse.
fn pytorch(turn: &Turn<'_>) -> Known<String> {
    let code = "import torch; print(torch.__version__, torch.cuda.get_device_name(0))";
    let version = turn.output("pytorch", &turn.machine.python, &["-c", code]);
    version.map(|version| version.trim().to_owned()).map_err(|trouble| trouble.excused(|reason| reason))
}

/// What was found, which is either well or not.
pub(super) fn verdict(is_fine: bool, text: String) -> Known<String> {
    if is_fine { Ok(text) } else { Err(Trouble::Failed(text)) }
}
