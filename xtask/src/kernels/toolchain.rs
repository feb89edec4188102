//! NVIDIA's compiler and assembler of pinned versions, from Python packages, below `target/`.
//!
//! Nothing of CUDA need be on the machine; only a Python that can make virtual environments.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::command::{self, exists, output, program, root};

/// What is installed: names, versions and the bytes they must have.
const REQUIREMENTS: &str = "xtask/kernels/requirements.txt";

/// The tools, installed.
pub(super) struct Toolchain {
    python: String,
    nvrtc: PathBuf,
    pub(super) ptxas: PathBuf,
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
        let nvrtc = packages.join("cuda_nvrtc/lib/libnvrtc.so.12");
        let ptxas = packages.join("cuda_nvcc/bin/ptxas");
        for file in [&nvrtc, &ptxas] {
            if !file.exists() {
                return Err(format!(
                    "{} is missing; remove target/kernels-venv and try again",
                    file.display()
                ));
            }
        }
        Ok(Toolchain { python, nvrtc, ptxas })
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
            "NVRTC comes as a Python package, and this machine has no Python with venv and pip; install it \
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
