//! Recomputes the golden values with PyTorch, scikit-learn and Pillow in a virtual environment, and has other programs read what
//! leaves plangrad: ONNX Runtime and TensorBoard. PyTorch runs the code of the lessons.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::command::{self, program, root};

/// What the scripts import.
const PACKAGES: [&str; 12] = [
    "torch",
    "torchvision",
    "torchsummary",
    "matplotlib",
    "numpy",
    "safetensors",
    "pandas",
    "scikit-learn",
    "pillow",
    "onnx",
    "onnxruntime",
    "tensorboard",
];

/// Scripts, each with the folder of its committed values.
const SCRIPTS: [(&str, &str); 4] = [
    ("tests/golden/golden.py", "tests/golden"),
    ("tests/golden/quality.py", "tests/golden"),
    ("crates/data/tests/pillow.py", "crates/data/tests"),
    ("crates/formats/tests/pickles/pytorch.py", "crates/formats/tests/pickles"),
];

/// Tests that compare with the values in `PLANGRAD_GOLDEN`: a package, and which of its tests.
const TESTS: [(&str, [&str; 2]); 5] = [
    ("plangrad-nn", ["--test", "golden"]),
    ("plangrad-formats", ["--test", "torch"]),
    ("plangrad-data", ["--test", "golden"]),
    ("plangrad-data", ["--lib", "pillow"]),
    ("plangrad", ["--lib", "scikit_learn"]),
];

/// Tests of `plangrad` in which other programs read what it has written, and PyTorch runs the code of the lessons, with the
/// Python in `PLANGRAD_PYTHON`.
const READERS: [&str; 4] = ["export", "tensorboard", "interop", "docs"];

pub(crate) fn run(write: bool) -> Result<()> {
    let environment = root().join("target/golden-venv");
    let python = environment.join("bin/python").display().to_string();
    if !environment.exists() {
        command::run(program("python3", &["-m", "venv", &environment.display().to_string()]))?;
    }
    command::run(program(&python, &[&["-m", "pip", "install", "--quiet"], &PACKAGES[..]].concat()))?;
    let fresh = root().join("target/golden");
    fs::create_dir_all(&fresh).map_err(|error| format!("{}: {error}", fresh.display()))?;
    for (script, committed) in SCRIPTS {
        let folder = if write { Path::new(committed) } else { &fresh };
        command::run(program(&python, &[script, &folder.display().to_string()]))?;
    }
    if write {
        return Ok(());
    }
    for name in READERS {
        let mut tests = program("cargo", &["test", "--package", "plangrad", "--test", name]);
        tests.env("PLANGRAD_PYTHON", &python);
        command::run(tests)?;
    }
    // Other versions of the packages may round differently; the tests have the tolerances.
    for (package, which) in TESTS {
        let mut tests = program("cargo", &[&["test", "--package", package], &which[..]].concat());
        tests.env("PLANGRAD_GOLDEN", &fresh);
        command::run(tests)?;
    }
    Ok(())
}
