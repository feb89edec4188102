//! NVIDIA's compiler and assemblers, pinned versions from Python packages, installed below `target/`.
//!
//! The machine needs nothing of CUDA, only a Python that can make virtual environments.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::command::{self, exists, output, program, root};

/// Names, versions and hashes of the packages.
const REQUIREMENTS: &str = "xtask/kernels/requirements.txt";

/// The installed tools.
pub(super) struct Toolchain {
    python: String,
    nvrtc: PathBuf,
    /// Those of the oldest drivers that plangrad works with, and of recent ones.
    pub(super) assemblers: [Assembler; 2],
}

/// One version of `ptxas`, which a driver has inside as well.
pub(super) struct Assembler {
    pub(super) version: &'static str,
    pub(super) path: PathBuf,
}

impl Toolchain {
    /// Installs what is missing.
    pub(super) fn ready() -> Result<Toolchain> {
        let environment = root().join("target/kernels-venv");
        let python = environment.join("bin/python").display().to_string();
        let wanted = read(&root().join(REQUIREMENTS))?;
        let installed = environment.join("installed.txt");
        if fs::read_to_string(&installed).ok().as_ref() != Some(&wanted) {
            install(&environment, &python)?;
            fs::write(&installed, wanted).map_err(|error| format!("{}: {error}", installed.display()))?;
        }
        let find = "import sysconfig; print(sysconfig.get_path('purelib'))";
        let packages = PathBuf::from(output(program(&python, &["-c", find]))?.trim()).join("nvidia");
        let nvrtc = packages.join("cuda_nvrtc/lib/libnvrtc.so.11.2");
        let assemblers = [("11.8", "cuda_nvcc/bin/ptxas"), ("13.0", "cu13/bin/ptxas")]
            .map(|(version, path)| Assembler { version, path: packages.join(path) });
        let files = assemblers.iter().map(|assembler| &assembler.path).chain([&nvrtc]);
        if let Some(missing) = files.into_iter().find(|file| !file.exists()) {
            let missing = missing.display();
            return Err(format!("{missing} is missing; remove target/kernels-venv and try again"));
        }
        Ok(Toolchain { python, nvrtc, assemblers })
    }

    /// Compiles `source` for a virtual architecture into `to`.
    pub(super) fn compile(&self, source: &Path, architecture: u32, to: &Path) -> Result<()> {
        let mut command = program(&self.python, &["xtask/kernels/nvrtc.py"]);
        command.arg(&self.nvrtc).arg(source).arg(architecture.to_string()).arg(to);
        output(command).map(drop)
    }
}

fn install(environment: &Path, python: &str) -> Result<()> {
    if !exists("python3", &["-c", "import ensurepip, venv"]) {
        return Err(
            "NVRTC is a Python package, and this machine has no Python with venv and pip; install one \
             (Debian: apt-get install python3-venv)"
                .into(),
        );
    }
    command::run(program("python3", &["-m", "venv", "--clear", &environment.display().to_string()]))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
    let mut command = program(python, &pip);
    command.args(["--only-binary", ":all:", "--require-hashes", "--requirement", REQUIREMENTS]);
    command::run(command).map_err(|sentence| format!("NVRTC cannot be installed: {sentence}"))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
