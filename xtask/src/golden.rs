//! Recomputes the golden values with PyTorch in a virtual environment.

use std::fs;

use crate::Result;
use crate::command::{self, program, root};

pub(crate) fn run(write: bool) -> Result<()> {
    let environment = root().join("target/golden-venv");
    let python = environment.join("bin/python").display().to_string();
    if !environment.exists() {
        command::run(program("python3", &["-m", "venv", &environment.display().to_string()]))?;
        command::run(program(
            &python,
            &["-m", "pip", "install", "--quiet", "torch", "numpy", "safetensors"],
        ))?;
    }
    let committed = root().join("tests/golden");
    let fresh = if write { committed.clone() } else { root().join("target/golden") };
    fs::create_dir_all(&fresh).map_err(|error| format!("{}: {error}", fresh.display()))?;
    command::run(program(&python, &["tests/golden/golden.py", &fresh.display().to_string()]))?;
    if write {
        return Ok(());
    }
    // Other versions of PyTorch may round differently; the tests have the tolerances.
    let mut tests = program("cargo", &["test", "--package", "plangrad-nn", "--test", "golden"]);
    tests.env("PLANGRAD_GOLDEN", &fresh);
    command::run(tests)
}
