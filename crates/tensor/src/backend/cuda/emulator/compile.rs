//! Compiles the kernels for the emulator, once for each state of their sources.
//!
//! Never part of a build: only tests do this, so building plangrad needs no C++ compiler. The library lies beside the
//! running program, where no other user can put one.

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// If set to `1`, the kernels are compiled with the address sanitizer, whose library must then be loaded first.
const SANITIZE: &str = "PLANGRAD_EMULATOR_SANITIZE";

/// The compiled library.
///
/// # Errors
/// Why there is none.
pub(super) fn library() -> Result<PathBuf, String> {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
    let compiler = compiler()?;
    let flags = flags();
    let program = std::env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
    let folder = program.parent().ok_or("this program lies in no folder")?;
    let name = format!("plangrad-emulator-{:016x}.so", fingerprint(&kernels, &compiler, &flags)?);
    let library = folder.join(&name);
    if !library.exists() {
        // Under another name, then renamed: several processes may do this at once.
        let unfinished = folder.join(format!("{name}.{}", std::process::id()));
        compile(&compiler.program, &flags, &kernels, &unfinished)?;
        fs::rename(&unfinished, &library).map_err(|error| format!("{}: {error}", library.display()))?;
    }
    Ok(library)
}

/// A C++ compiler and its version.
struct Compiler {
    program: OsString,
    version: Vec<u8>,
}

fn compiler() -> Result<Compiler, String> {
    let named = std::env::var_os("CXX").filter(|name| !name.is_empty());
    let candidates =
        named.map_or_else(|| vec!["g++".into(), "c++".into(), "clang++".into()], |name| vec![name]);
    let answers = |program: &OsString| {
        let output = Command::new(program).arg("--version").output().ok()?;
        output.status.success().then(|| Compiler { program: program.clone(), version: output.stdout })
    };
    candidates.iter().find_map(answers).ok_or_else(|| format!("no C++ compiler (tried {candidates:?})"))
}

/// Multiply-adds are fused only where the kernels say so, as results must not depend on a compiler's choice.
fn flags() -> Vec<&'static str> {
    let mut flags =
        vec!["-std=c++17", "-O2", "-shared", "-fPIC", "-fno-strict-aliasing", "-ffp-contract=off"];
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        flags.extend(["-mavx2", "-mfma"]);
    }
    if std::env::var_os(SANITIZE).is_some_and(|value| value == "1") {
        flags.extend(["-fsanitize=address", "-g", "-fno-omit-frame-pointer"]);
    }
    flags
}

/// A number for the sources, the compiler and its flags together.
fn fingerprint(kernels: &Path, compiler: &Compiler, flags: &[&str]) -> Result<u64, String> {
    let mut hasher = DefaultHasher::new();
    (&compiler.program, &compiler.version, flags).hash(&mut hasher);
    for folder in [kernels.to_path_buf(), kernels.join("emulator")] {
        let reading = |error: std::io::Error| format!("{}: {error}", folder.display());
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder).map_err(reading)? {
            files.push(entry.map_err(reading)?.path());
        }
        files.sort();
        for file in files.iter().filter(|file| file.is_file()) {
            (file, fs::read(file).map_err(reading)?).hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}

fn compile(compiler: &OsString, flags: &[&str], kernels: &Path, to: &Path) -> Result<(), String> {
    let emulator = kernels.join("emulator");
    let mut command = Command::new(compiler);
    command.args(flags).arg("-include").arg(emulator.join("cuda.h"));
    command.arg(emulator.join("scheduler.cpp")).arg("-o").arg(to);
    let Output { status, stderr, .. } =
        command.output().map_err(|error| format!("{}: {error}", compiler.display()))?;
    if status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&stderr).into_owned()) }
}
