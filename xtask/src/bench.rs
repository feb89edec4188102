//! `cargo xtask bench`: speed and memory compared with other frameworks, written to docs/benchmarks.md.
//!
//! Rounds are interleaved (each peer and plangrad in turn, then all again), so that drift of the machine affects all alike.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::Value;

use crate::Result;
use crate::command::{self, output, program, root};

/// Options of the benchmark.
#[derive(Args)]
pub(crate) struct Options {
    /// Folder with mnist/ in it
    #[arg(long, env = "PLANGRAD_DATA", default_value = "data")]
    data_dir: PathBuf,
    /// Frameworks to compare with in the same run; `none` for plangrad alone
    #[arg(long, value_delimiter = ',', default_value = "torch-eager,torch-compile,torch-manual,jax")]
    peers: Vec<String>,
    /// Python interpreter that has them; by default a virtual environment under target/
    #[arg(long)]
    python: Option<PathBuf>,
    /// Rounds; the tables have medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Epochs per round; the first is a warm-up
    #[arg(long, default_value_t = 5)]
    epochs: usize,
    /// Batch sizes, each measured with two threads, the first also with one
    #[arg(long, value_delimiter = ',', default_value = "64,16,128,1024")]
    batch_sizes: Vec<usize>,
    /// Only print the tables
    #[arg(long)]
    dry_run: bool,
}

/// Measurements of one program.
#[derive(Default)]
struct Measured {
    epochs: Vec<f64>,
    first_step: Vec<f64>,
    peak: Vec<f64>,
    accuracy: Vec<f64>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    command::run(program("cargo", &["build", "--release", "--package", "plangrad"]))?;
    let data = std::path::absolute(&options.data_dir).map_err(|error| format!("--data-dir: {error}"))?;
    let peers: Vec<&String> = options.peers.iter().filter(|peer| *peer != "none").collect();
    let python = if peers.is_empty() { PathBuf::new() } else { python(options)? };
    let first = options.batch_sizes.iter().take(1).map(|&batch| (batch, 1));
    let settings = options.batch_sizes.iter().map(|&batch| (batch, 2)).chain(first);
    let mut tables = String::new();
    for (batch, threads) in settings {
        let mut measured: BTreeMap<String, Measured> = BTreeMap::new();
        for round in 0..options.rounds {
            for peer in &peers {
                let result = run_peer(&python, peer, &data, batch, threads, options.epochs, round)?;
                measured.entry((*peer).clone()).or_default().add_peer(&result)?;
            }
            let events = run_plangrad(&data, batch, threads, options.epochs, round)?;
            measured.entry("plangrad".into()).or_default().add_plangrad(&events)?;
        }
        tables += &table(batch, threads, &measured);
        eprint!("{}", table(batch, threads, &measured));
    }
    if options.dry_run { Ok(()) } else { write_down(&tables) }
}

/// A Python with the peers installed.
fn python(options: &Options) -> Result<PathBuf> {
    if let Some(python) = &options.python {
        return Ok(python.clone());
    }
    let environment = root().join("target/bench-venv");
    let python = environment.join("bin/python");
    if !python.exists() {
        command::run(program("python3", &["-m", "venv", &environment.display().to_string()]))?;
        let install = ["-m", "pip", "install", "--quiet", "torch", "jax", "numpy"];
        command::run(program(&python.display().to_string(), &install))?;
    }
    Ok(python)
}

fn run_peer(
    python: &Path,
    peer: &str,
    data: &Path,
    batch: usize,
    threads: usize,
    epochs: usize,
    round: usize,
) -> Result<Value> {
    let mut command = program(&python.display().to_string(), &["bench/peers.py", peer]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    command.env("BENCH_START", now.to_string()).arg("--data-dir").arg(data);
    for (option, value) in
        [("--batch-size", batch), ("--threads", threads), ("--epochs", epochs), ("--seed", round + 1)]
    {
        command.arg(option).arg(value.to_string());
    }
    let text = output(command)?;
    text.lines()
        .rev()
        .find_map(|line| serde_json::from_str(line).ok())
        .ok_or_else(|| format!("{peer} printed no result"))
}

fn run_plangrad(
    data: &Path,
    batch: usize,
    threads: usize,
    epochs: usize,
    round: usize,
) -> Result<Vec<Value>> {
    let mut command = program(&root().join("target/release/plangrad").display().to_string(), &["train"]);
    command.args(["--dataset", "mnist", "--format", "json", "--overwrite", "--data-dir"]).arg(data);
    command.arg("--out").arg(root().join("target/bench-run"));
    for (option, value) in
        [("--batch-size", batch), ("--threads", threads), ("--epochs", epochs), ("--seed", round + 1)]
    {
        command.arg(option).arg(value.to_string());
    }
    let text = output(command)?;
    text.lines()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("plangrad: {error}: {line}")))
        .collect()
}

impl Measured {
    fn add_peer(&mut self, result: &Value) -> Result<()> {
        let epochs = result["epoch_seconds"].as_array().ok_or("a peer reported no epochs")?;
        self.epochs.extend(epochs.iter().skip(1).filter_map(Value::as_f64));
        self.first_step.extend(result["first_step_seconds"].as_f64());
        self.peak.extend(result["peak_mebibytes"].as_f64());
        self.accuracy.extend(result["accuracy"].as_f64());
        Ok(())
    }

    fn add_plangrad(&mut self, events: &[Value]) -> Result<()> {
        let of = |kind: &'static str| events.iter().filter(move |event| event["event"] == kind);
        self.epochs.extend(of("epoch").skip(1).filter_map(|event| event["train_seconds"].as_f64()));
        let mut peaks = of("epoch").filter_map(|event| event["peak_resident_bytes"].as_f64());
        self.peak.extend(peaks.next_back().map(|bytes| bytes / f64::from(1 << 20)));
        let end = of("end").next().ok_or("plangrad reported no end event")?;
        self.first_step.extend(end["startup_seconds"].as_f64());
        self.accuracy.extend(end["test_accuracy"].as_f64());
        Ok(())
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A table of one setting, fastest first.
fn table(batch: usize, threads: usize, measured: &BTreeMap<String, Measured>) -> String {
    let own = measured.get("plangrad").map_or(f64::NAN, |own| median(&own.epochs));
    let mut rows: Vec<(&String, &Measured)> = measured.iter().collect();
    rows.sort_by(|a, b| median(&a.1.epochs).total_cmp(&median(&b.1.epochs)));
    let noun = if threads == 1 { "thread" } else { "threads" };
    let mut text = format!("### Batch {batch}, {threads} {noun}\n\n");
    text += "| program | s/epoch, median | fastest–slowest | ratio | first step, s | peak MiB | accuracy |\n";
    text += "| --- | --- | --- | --- | --- | --- | --- |\n";
    for (name, m) in rows {
        let (low, high) = m.epochs.iter().fold((f64::MAX, 0f64), |(low, high), &x| (low.min(x), high.max(x)));
        let seconds = median(&m.epochs);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {name} | {seconds:.4} | {low:.3}–{high:.3} | {:.2} | {:.2} | {:.0} | {:.2} % |",
            seconds / own,
            median(&m.first_step),
            median(&m.peak),
            100.0 * median(&m.accuracy),
        );
    }
    text + "\n"
}

/// Puts the tables between the marks of docs/benchmarks.md.
fn write_down(tables: &str) -> Result<()> {
    let path = root().join("docs/benchmarks.md");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let content = format!("\n{}\n\n{tables}", machine("bench")?);
    let text = replace_between(&text, "<!-- measured -->\n", "<!-- end -->", &content)
        .ok_or_else(|| format!("{} lacks its marks <!-- measured --> and <!-- end -->", path.display()))?;
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Processor, date and compiler.
pub(crate) fn machine(task: &str) -> Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.split(':').next().map(str::trim) == Some(name));
        line.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown").to_owned()
    };
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let wide = if info.contains("avx512f") { ", AVX-512" } else { "" };
    let date = output(program("date", &["-u", "+%Y-%m-%d"]))?;
    let rustc = output(program("rustc", &["--version"]))?;
    let processor =
        format!("{}, family {}, model {}", field("model name"), field("cpu family"), field("model"));
    Ok(format!(
        "Measured on {} by `cargo xtask {task}`: {processor}, {cores} cores{wide}; {}.",
        date.trim(),
        rustc.trim()
    ))
}

pub(crate) fn replace_between(text: &str, start: &str, end: &str, content: &str) -> Option<String> {
    let from = text.find(start)? + start.len();
    let to = from + text[from..].find(end)?;
    Some(format!("{}{content}{}", &text[..from], &text[to..]))
}

#[cfg(test)]
mod tests {
    use super::{median, replace_between};

    #[test]
    fn the_text_between_the_marks_is_replaced() {
        assert_eq!(replace_between("a[old]b", "[", "]", "new").unwrap(), "a[new]b");
        assert_eq!(replace_between("no marks", "[", "]", "new"), None);
    }

    #[test]
    fn a_median_is_a_measured_value() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 4.0);
        assert!(median(&[]).is_nan());
    }
}
