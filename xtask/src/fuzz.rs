//! Runs every fuzz target, starting from its corpus.

use std::fs;

use crate::Result;
use crate::command::{self, exists, output, program, root, skip};

fn run_target(target: &str, seconds: u32) -> Result<()> {
    let found = format!("fuzz/found/{target}");
    fs::create_dir_all(root().join(&found)).map_err(|error| format!("{found}: {error}"))?;
    let (corpus, limit) = (format!("fuzz/corpus/{target}"), format!("-max_total_time={seconds}"));
    let arguments =
        ["fuzz", "run", "--fuzz-dir", "fuzz", target, &found, &corpus, "--", &limit, "-verbosity=0"];
    let mut command = program("cargo", &arguments);
    command.env("RUSTC_BOOTSTRAP", "1");
    command::run(command)
}

pub(crate) fn run(seconds: u32) -> Result<()> {
    if !exists("cargo", &["fuzz", "--version"]) {
        skip("fuzzing (cargo-fuzz is not installed: cargo install cargo-fuzz)");
        return Ok(());
    }
    let targets = output(program("cargo", &["fuzz", "list", "--fuzz-dir", "fuzz"]))?;
    targets.lines().try_for_each(|target| run_target(target.trim(), seconds))
}
