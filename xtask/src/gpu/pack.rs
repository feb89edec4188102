//! The folder for a machine with a GPU: programs, scripts, and MNIST if it is there.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{Result, output, program, root};

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

/// Builds a program; returns its path.
fn built(command: &[&str], target: &str) -> Result<PathBuf> {
    eprintln!("\n$ cargo {}", command.join(" "));
    let mut cargo = program("cargo", command);
    cargo.arg("--message-format=json-render-diagnostics");
    executable(&output(cargo)?, target).ok_or_else(|| format!("cargo built no program for `{target}`"))
}

/// The program of a target in cargo's messages.
fn executable(messages: &str, target: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut paths = messages.filter_map(|message| {
        let is_it = message["target"]["name"] == target;
        message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
    });
    paths.next()
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(drop).map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::executable;

    #[test]
    fn the_program_of_a_target_is_found_in_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"a"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"a"},"executable":"/x/a"}
{"reason":"compiler-artifact","target":{"name":"b"},"executable":"/x/b"}
no message
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "a"), Some("/x/a".into()));
        assert_eq!(executable(messages, "b"), Some("/x/b".into()));
        assert_eq!(executable(messages, "c"), None);
    }
}
