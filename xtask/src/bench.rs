//! `cargo xtask bench`: plangrad's speed and memory, beside other frameworks', written to docs/benchmarks.md.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::Result;
use crate::command::{self, output, program, root};

/// Options of the benchmark.
#[derive(Args)]
pub(crate) struct Options {
    /// Folder with mnist/ in it
    #[arg(long, env = "PLANGRAD_DATA", default_value = "data")]
    data_dir: PathBuf,
    /// A program that runs the peers and plangrad in interleaved rounds and prints a line for each; see bench/README.md
    #[arg(long)]
    peers: Option<PathBuf>,
    /// Which of the peers
    #[arg(long, default_value = "jax,torch_manual,torch_compiled")]
    only: String,
    /// Rounds, of which medians are taken
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Where to write
    #[arg(long, default_value = "docs/benchmarks.md")]
    out: PathBuf,
}

/// A batch size and a number of threads.
const SETTINGS: [(u32, u32); 5] = [(64, 2), (64, 1), (16, 2), (128, 2), (1024, 2)];

pub(crate) fn run(options: &Options) -> Result<()> {
    command::run(program("cargo", &["build", "--release", "--package", "plangrad"]))?;
    let data = std::path::absolute(&options.data_dir).map_err(|error| format!("--data-dir: {error}"))?;
    let mut sections = String::new();
    for (batch, threads) in SETTINGS {
        let table = match &options.peers {
            Some(peers) => with_peers(options, peers, &data, batch, threads)?,
            None => alone(&data, batch, threads)?,
        };
        let noun = if threads == 1 { "thread" } else { "threads" };
        sections += &format!("### Batch {batch}, {threads} {noun}\n\n```text\n{}\n```\n\n", table.trim_end());
    }
    let path = root().join(&options.out);
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let text = replace_between(&text, "<!-- measured -->\n", "<!-- end -->", &format!("\n{}\n\n{sections}", machine()?))
        .ok_or_else(|| format!("{} lacks its marks <!-- measured --> and <!-- end -->", path.display()))?;
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn plangrad(data: &Path, batch: &str, threads: &str, seed: &str, epochs: &str) -> String {
    format!(
        "{} train --dataset mnist --data-dir {} --epochs {epochs} --batch-size {batch} --threads {threads} --seed {seed} \
         --format json --out {} --overwrite",
        root().join("target/release/plangrad").display(),
        data.display(),
        root().join("target/bench-run").display(),
    )
}

fn with_peers(options: &Options, peers: &Path, data: &Path, batch: u32, threads: u32) -> Result<String> {
    let extra = format!("plangrad={}", plangrad(data, "{batch}", "{threads}", "{seed}", "{epochs}"));
    let (batch, threads, rounds) = (batch.to_string(), threads.to_string(), options.rounds.to_string());
    let peers = peers.display().to_string();
    let arguments =
        [&peers, "--batch", &batch, "--threads", &threads, "--rounds", &rounds, "--only", &options.only, "--extra", &extra];
    let mut command = program("python3", &arguments.map(|argument| argument as &str));
    command.env("PLANGRAD_DATA", data);
    output(command)
}

fn alone(data: &Path, batch: u32, threads: u32) -> Result<String> {
    let line = plangrad(data, &batch.to_string(), &threads.to_string(), "42", "5");
    let words: Vec<&str> = line.split_whitespace().collect();
    let events = output(program(words[0], &words[1..]))?;
    let kept = events.lines().filter(|line| line.contains("\"event\":\"epoch\"") || line.contains("\"event\":\"end\""));
    Ok(kept.collect::<Vec<_>>().join("\n"))
}

/// Processor and date, without which no figure means anything.
fn machine() -> Result<String> {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| info.lines().find(|line| line.starts_with(name)).and_then(|line| line.split(": ").nth(1));
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let wide = if info.contains("avx512f") { ", AVX-512" } else { "" };
    let date = output(program("date", &["-u", "+%Y-%m-%d"]))?;
    let rustc = output(program("rustc", &["--version"]))?;
    let processor = format!("{} family {} model {}", field("model name").unwrap_or("unknown"), field("cpu family").unwrap_or("?"), field("model\t").unwrap_or("?"));
    Ok(format!("Measured on {} by `cargo xtask bench`: {processor}, {cores} cores{wide}; {}.", date.trim(), rustc.trim()))
}

fn replace_between(text: &str, start: &str, end: &str, content: &str) -> Option<String> {
    let from = text.find(start)? + start.len();
    let to = from + text[from..].find(end)?;
    Some(format!("{}{content}{}", &text[..from], &text[to..]))
}

#[cfg(test)]
mod tests {
    use super::replace_between;

    #[test]
    fn what_stands_between_the_marks_is_replaced() {
        assert_eq!(replace_between("a[old]b", "[", "]", "new").unwrap(), "a[new]b");
        assert_eq!(replace_between("no marks", "[", "]", "new"), None);
    }
}
