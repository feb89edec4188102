//! `cargo xtask python`: builds the wheel of `crates/python`, installs it in a virtual environment and tries it there: its tests, its
//! types, the notebook.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::Result;
use crate::command::{exists, output, program, root, run, target};

const CRATE: &str = "crates/python";
const NOTEBOOK: &str = "docs/lessons.ipynb";

/// Options of the task.
#[derive(Args)]
pub(crate) struct Options {
    /// Build the wheel as it is published, into target/wheels
    #[arg(long)]
    release: bool,
    /// Write what is made of the program: the types of options, and the notebook's outputs
    #[arg(long)]
    write: bool,
}

pub(crate) fn perform(options: &Options) -> Result<()> {
    let environment = Environment::ready()?;
    let wheel = environment.wheel(if options.release { "python" } else { "dev" })?;
    environment.install(&wheel)?;
    if options.write {
        return environment.write();
    }
    environment.check(&wheel)
}

/// Builds the wheel and tries it, as CI does.
pub(crate) fn check() -> Result<()> {
    perform(&Options { release: false, write: false })
}

/// Builds the wheel as it is published; returns its path.
pub(crate) fn published() -> Result<PathBuf> {
    Environment::ready()?.wheel("python")
}

/// A virtual environment with what builds and tries the wheel.
struct Environment(PathBuf);

impl Environment {
    /// Makes it, or brings it up to date.
    fn ready() -> Result<Environment> {
        if !exists("python3", &["-c", "import ensurepip, venv"]) {
            return Err(
                "the wheel needs Python with venv and pip (Debian: apt-get install python3-venv)".into()
            );
        }
        let environment = Environment(target().join("python-venv"));
        if !environment.0.join("bin/pip").exists() {
            run(program("python3", &["-m", "venv", "--clear", &environment.0.display().to_string()]))?;
        }
        environment.pip(&["--requirement", &format!("{CRATE}/tests/requirements.txt")])?;
        Ok(environment)
    }

    fn program(&self, name: &str, arguments: &[&str]) -> Command {
        program(&self.0.join("bin").join(name).display().to_string(), arguments)
    }

    fn pip(&self, arguments: &[&str]) -> Result<()> {
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(self.program("python", &[&install, arguments].concat()))
    }

    /// Builds the wheel with this profile, into a folder of its own; returns its path.
    fn wheel(&self, profile: &str) -> Result<PathBuf> {
        let folder = target().join(if profile == "dev" { "wheels-dev" } else { "wheels" });
        let _ = fs::remove_dir_all(&folder); // of earlier builds
        let out = folder.display().to_string();
        let manifest = format!("{CRATE}/Cargo.toml");
        let build = ["build", "--profile", profile, "--manifest-path", &manifest, "--out", &out, "--locked"];
        run(self.program("maturin", &build))?;
        only_file(&folder)
    }

    fn install(&self, wheel: &Path) -> Result<()> {
        self.pip(&["--force-reinstall", "--no-deps", &wheel.display().to_string()])
    }

    fn check(&self, wheel: &Path) -> Result<()> {
        run(self.program("twine", &["check", "--strict", &wheel.display().to_string()]))?;
        run(self.program("mypy", &["--strict", "--package", "plangrad"]))?;
        run(self.program("stubtest", &["plangrad"]))?;
        let mut tests = self.program("pytest", &["--quiet", &format!("{CRATE}/tests")]);
        tests.env("PLANGRAD_NOTEBOOK", root().join(NOTEBOOK));
        run(tests)
    }

    fn write(&self) -> Result<()> {
        let types = output(self.program("python", &[&format!("{CRATE}/tests/write_options.py")]))?;
        let file = root().join(CRATE).join("python/plangrad/_options.py");
        fs::write(&file, types).map_err(|error| format!("{}: {error}", file.display()))?;
        run(self.program("python", &[&format!("{CRATE}/tests/notebook.py"), NOTEBOOK]))
    }
}

/// The file in a folder that has one.
fn only_file(folder: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    match files.as_slice() {
        [file] => Ok(file.clone()),
        _ => Err(format!("{}: expected one wheel, found {}", folder.display(), files.len())),
    }
}
