//! The folder for a machine with a GPU: programs, scripts, and MNIST if it is there.

use std::fs;
use std::path::Path;

use crate::command::{Result, built, root};

/// Programs by their name in the folder: the cargo command that builds each, and its target.
const PROGRAMS: [(&str, &[&str], &str); 3] = [
    ("plangrad", &["build", "--release", "--package", "plangrad"], "plangrad"),
    (
        "tensor-tests",
        &["test", "--no-run", "--release", "--package", "plangrad-tensor", "--lib"],
        "plangrad_tensor",
    ),
    ("step_time", &["build", "--release", "--package", "plangrad-nn", "--example", "step_time"], "step_time"),
];

/// Files that are copied.
const SCRIPTS: [(&str, &str); 2] = [("run.sh", "xtask/gpu/run.sh"), ("gpu.py", "bench/gpu.py")];

/// The files of MNIST.
const MNIST: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

pub(super) fn pack(data: Option<&Path>) -> Result<()> {
    let folder = root().join("target/gpu");
    let _ = fs::remove_dir_all(&folder);
    create(&folder)?;
    for (name, command, target) in PROGRAMS {
        copy(&built(command, target)?, &folder.join(name))?;
    }
    SCRIPTS.iter().try_for_each(|(name, from)| copy(&root().join(from), &folder.join(name)))?;
    match data.map(|data| data.join("mnist")).filter(|mnist| mnist.is_dir()) {
        Some(mnist) => pack_mnist(&mnist, &folder.join("data/mnist"))?,
        None => {
            eprintln!("no mnist found (--data-dir or PLANGRAD_DATA): the built-in digits will be trained on")
        }
    }
    eprintln!("{} is ready: copy it to a machine with a GPU and run ./run.sh in it", folder.display());
    Ok(())
}

fn pack_mnist(from: &Path, to: &Path) -> Result<()> {
    create(to)?;
    MNIST.iter().try_for_each(|name| copy(&from.join(name), &to.join(name)))
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}
