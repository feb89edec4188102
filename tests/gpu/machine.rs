//! Machines that seem to have a GPU: `driver.cpp`, compiled with the emulator of the kernels, takes the place of NVIDIA's
//! libraries.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::{Run, finish};

/// A machine with the stand-in for a driver.
#[derive(Clone)]
pub(crate) struct Machine {
    libraries: &'static Path,
    settings: Vec<(&'static str, String)>,
}

impl Machine {
    /// One with a GPU; `None`, loudly, if there is no C++ compiler. In CI that is a failure.
    pub(crate) fn with_gpu() -> Option<Machine> {
        static LIBRARIES: OnceLock<Option<PathBuf>> = OnceLock::new();
        let libraries = LIBRARIES.get_or_init(libraries).as_deref()?;
        Some(Machine { libraries, settings: Vec::new() })
    }

    /// The same machine with one setting of `driver.cpp` changed.
    pub(crate) fn but(&self, name: &'static str, value: impl ToString) -> Machine {
        let mut machine = self.clone();
        machine.settings.push((name, value.to_string()));
        machine
    }

    /// Runs the program there, with arguments separated by spaces.
    pub(crate) fn run(&self, folder: &Path, arguments: &str) -> Run {
        let mut command = crate::support::command(folder);
        command.args(arguments.split_whitespace()).env("LD_LIBRARY_PATH", self.libraries);
        command.env_remove("PLANGRAD_DEVICE").envs(self.settings.iter().cloned());
        let run = finish(&mut command);
        assert!(!run.stderr.contains("fake driver"), "{run:?}");
        run
    }
}

/// A folder with the libraries, compiled once for each state of their sources.
fn libraries() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let kernels = root.join("crates/tensor/kernels");
    let sources = [root.join("tests/gpu/driver.cpp"), kernels.join("emulator/scheduler.cpp")];
    let mut hasher = DefaultHasher::new();
    for folder in [kernels.clone(), kernels.join("emulator"), root.join("tests/gpu")] {
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().filter(|file| file.is_file()).for_each(|file| fs::read(file).unwrap().hash(&mut hasher));
    }
    let beside = Path::new(env!("CARGO_BIN_EXE_plangrad")).parent().unwrap();
    let folder = beside.join(format!("plangrad-driver-{:016x}", hasher.finish()));
    if !folder.exists() {
        let unfinished = tempfile::tempdir_in(beside).unwrap();
        let library = unfinished.path().join("libcuda.so.1");
        let objects = [unfinished.path().join("driver.o"), unfinished.path().join("scheduler.o")];
        let header = ["-include".into(), kernels.join("emulator/cuda.h")];
        compile(&sources[0], &objects[0], &[])?;
        compile(&sources[1], &objects[1], &header)?;
        let mut link = Command::new("g++");
        let linked = link.arg("-shared").args(&objects).arg("-o").arg(&library).status();
        assert!(linked.unwrap().success());
        // The names under which drivers are looked for before the one that all of them have.
        for name in ["libcuda.so", "libnvidia-ml.so.1"] {
            std::os::unix::fs::symlink("libcuda.so.1", unfinished.path().join(name)).unwrap();
        }
        let _ = fs::rename(unfinished.path(), &folder); // another process may have been faster
    }
    Some(folder)
}

fn compile(source: &Path, object: &Path, more: &[PathBuf]) -> Option<()> {
    let mut command = Command::new("g++");
    command.args(["-std=c++17", "-O2", "-fPIC", "-fno-strict-aliasing", "-ffp-contract=off", "-c"]);
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        command.args(["-mavx2", "-mfma"]);
    }
    match command.args(more).arg(source).arg("-o").arg(object).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(())
        }
        Err(error) => {
            assert!(std::env::var_os("PLANGRAD_CI").is_none(), "g++: {error}");
            eprintln!("SKIPPED: no C++ compiler for the stand-in of a driver (g++: {error})");
            None
        }
    }
}
