//! How many instructions a training step takes, counted by valgrind: a number that does not depend on what else the machine does.
//!
//! Counted are the instructions of a run with one epoch and of one with two; their difference is that of an epoch's steps, without
//! start and end. One thread, so that none waits, and AVX2, which valgrind knows. The figures that hold are in
//! `bench/instructions.json`: a step that has become 5 % dearer fails, until the new figure is recorded on purpose.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::command::{built, exists, output, output_of_errors, program, root, skip};

/// Options of the count.
#[derive(Args)]
pub(crate) struct Options {
    /// Write today's figures to bench/instructions.json
    #[arg(long)]
    record: bool,
}

/// The steps that are counted: name, batch size, inputs, hidden units, steps in an epoch.
const STEPS: [(&str, [usize; 3], usize); 3] = [
    ("784-128-10, batch 64", [64, 784, 128], 6),
    ("784-128-10, batch 16", [16, 784, 128], 12),
    ("256-512-10, batch 256", [256, 256, 512], 2),
];

/// By how much a step may become dearer unnoticed.
const TOLERANCE: f64 = 0.05;

const NAME: &str = "bench/instructions.json";

/// The figures that hold, and what they were compiled with.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Recorded {
    compiler: String,
    instructions_per_step: BTreeMap<String, u64>,
}

/// As a check of all changes: left out, and said so, where it cannot be done.
pub(crate) fn check() -> Result<()> {
    run(&Options { record: false })
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if let Some(reason) = impossible() {
        if options.record {
            return Err(format!("instructions cannot be counted: {reason}"));
        }
        skip(&format!("instruction counts of a step ({reason})"));
        return Ok(());
    }
    let build = ["build", "--release", "--package", "plangrad-nn", "--example", "step_time"];
    let step_time = built(&build, "step_time")?;
    let counted = STEPS.iter().map(|(name, sizes, steps)| {
        let instructions = per_step(&step_time, *sizes, *steps)?;
        eprintln!("{name}: {instructions} instructions a step");
        Ok(((*name).to_owned(), instructions))
    });
    let compiler = output(program("rustc", &["--version"]))?.trim().to_owned();
    let counted = Recorded { compiler, instructions_per_step: counted.collect::<Result<_>>()? };
    if options.record { counted.write() } else { judge(&counted, &Recorded::read()?) }
}

/// Why instructions cannot be counted here, if they cannot.
fn impossible() -> Option<&'static str> {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if !exists("valgrind", &["--version"]) {
        Some("valgrind is not installed: apt-get install valgrind")
    } else if !info.contains("avx2") {
        Some("this processor has no AVX2")
    } else {
        None
    }
}

fn per_step(step_time: &Path, sizes: [usize; 3], steps: usize) -> Result<u64> {
    let [one, two] = [1, 2].map(|epochs| instructions(step_time, sizes, steps, epochs));
    Ok(two?.saturating_sub(one?) / steps as u64)
}

/// Instructions of a whole run.
fn instructions(
    step_time: &Path,
    [batch, inputs, hidden]: [usize; 3],
    steps: usize,
    epochs: usize,
) -> Result<u64> {
    let mut valgrind = program("valgrind", &["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(step_time).arg("1");
    valgrind.args([batch, inputs, hidden].map(|number| number.to_string()));
    valgrind.args(["set=avx2".to_owned(), format!("rows={}", steps * batch), format!("epochs={epochs}")]);
    let text = output_of_errors(valgrind)?;
    collected(&text).ok_or_else(|| format!("valgrind printed no count: {text}"))
}

/// The count in what callgrind prints: `==123== Collected : 456`.
fn collected(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.split_once("Collected : "))?;
    line.1.split_whitespace().next()?.parse().ok()
}

/// Compares with what holds: dearer is an error, much cheaper a remark.
fn judge(counted: &Recorded, recorded: &Recorded) -> Result<()> {
    let mut dearer = Vec::new();
    for (name, &now) in &counted.instructions_per_step {
        let Some(&before) = recorded.instructions_per_step.get(name) else {
            dearer.push(format!("{name} has no figure in {NAME}"));
            continue;
        };
        let change = now as f64 / before as f64 - 1.0;
        let told =
            format!("{name} takes {now} instructions a step instead of {before}, {:+.1} %", 100.0 * change);
        if change >= TOLERANCE {
            dearer.push(told);
        } else if change <= -TOLERANCE {
            eprintln!("{told}: record it (cargo xtask instructions --record), so that it stays so");
        }
    }
    if dearer.is_empty() {
        return Ok(());
    }
    let compilers = if counted.compiler == recorded.compiler {
        String::new()
    } else {
        format!(" The figures were recorded with {}, and this is {}.", recorded.compiler, counted.compiler)
    };
    Err(format!(
        "{}. Find out why (valgrind --tool=callgrind, callgrind_annotate); if it is meant to be so, run \
         `cargo xtask instructions --record`, commit {NAME} and say in the commit what is gained.{compilers}",
        dearer.join("; ")
    ))
}

impl Recorded {
    fn path() -> PathBuf {
        root().join(NAME)
    }

    fn read() -> Result<Recorded> {
        let text = fs::read_to_string(Recorded::path()).map_err(|error| format!("{NAME}: {error}"))?;
        serde_json::from_str(&text).map_err(|error| format!("{NAME}: {error}"))
    }

    fn write(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        fs::write(Recorded::path(), text + "\n").map_err(|error| format!("{NAME}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(compiler: &str, figures: &[(&str, u64)]) -> Recorded {
        let figures = figures.iter().map(|(name, figure)| ((*name).to_owned(), *figure));
        Recorded { compiler: compiler.to_owned(), instructions_per_step: figures.collect() }
    }

    #[test]
    fn the_count_is_found_in_callgrinds_words() {
        let text =
            "==7== Events    : Ir\n==7== Collected : 2469135\n==7== \n==7== I   refs:      2,469,135\n";
        assert_eq!(collected(text), Some(2_469_135));
        assert_eq!(collected("==7== nothing"), None);
    }

    #[test]
    fn a_step_that_is_five_percent_dearer_fails_with_figures_and_remedy() {
        let recorded = figures("rustc 1", &[("a", 1000), ("b", 1000)]);
        assert_eq!(judge(&figures("rustc 1", &[("a", 1049), ("b", 500)]), &recorded), Ok(()));
        let error = judge(&figures("rustc 1", &[("a", 1050), ("b", 1000)]), &recorded).unwrap_err();
        assert!(error.starts_with("a takes 1050 instructions a step instead of 1000, +5.0 %. "), "{error}");
        assert!(error.contains("cargo xtask instructions --record"), "{error}");
        assert!(!error.contains("rustc"), "{error}");
        let error = judge(&figures("rustc 2", &[("a", 2000)]), &recorded).unwrap_err();
        assert!(error.contains("recorded with rustc 1, and this is rustc 2"), "{error}");
    }

    #[test]
    fn a_step_without_a_figure_fails() {
        let error = judge(&figures("", &[("new", 1)]), &figures("", &[])).unwrap_err();
        assert!(error.starts_with("new has no figure"), "{error}");
    }

    #[test]
    fn the_committed_figures_are_those_of_the_steps_that_are_counted() {
        let recorded: Vec<String> = Recorded::read().unwrap().instructions_per_step.into_keys().collect();
        let mut counted = STEPS.map(|(name, ..)| name.to_owned());
        counted.sort();
        assert_eq!(recorded, counted);
    }
}
