//! `cargo xtask kernels`: compiles the CUDA kernels to PTX, which is committed and travels in the program, so that building
//! plangrad and running it need nothing of CUDA but a driver.
//!
//! The same sources and the same pinned compiler give the same text on any machine; `--check` compares that with what is
//! committed. The header that kernels share with plangrad-tensor is written and compared likewise.

mod toolchain;
mod usage;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use plangrad_tensor::backend::cuda::{ComputeCapability, header, ptx};

use crate::Result;
use crate::command::root;
use toolchain::Toolchain;
use usage::Usage;

/// The GPUs that kernels are compiled for, oldest first. The last one's text is committed; the others are derived from it
/// when a program loads a kernel.
const GPUS: [ComputeCapability; 3] =
    [ComputeCapability::NEEDED, ComputeCapability::TF32, ComputeCapability::CHAINS];

/// Options of the task.
#[derive(Args)]
pub(crate) struct Options {
    /// Change nothing; fail if the committed files are not what the sources give
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    build(options.check)
}

/// Whether the committed files are what the sources give, and all kernels keep their numbers in registers.
pub(crate) fn check() -> Result<()> {
    build(true)
}

fn build(check: bool) -> Result<()> {
    let keep = if check { compare } else { replace };
    keep(&header::text(), &sources().join("generated.cuh"))?; // which the sources include
    let toolchain = Toolchain::ready()?;
    let folder = root().join("target/kernels");
    create(&folder)?;
    let modules = ptx::modules().map(|(name, oldest)| Module { name, oldest, folder: &folder });
    for module in modules {
        let text = module.compile(&toolchain)?;
        module.assemble(&toolchain)?;
        keep(&text, &sources().join(format!("ptx/{}.ptx.gz", module.name)))?;
    }
    Ok(())
}

fn sources() -> PathBuf {
    root().join("crates/tensor/kernels")
}

/// One `.cu` file on its way.
struct Module<'a> {
    name: &'static str,
    /// The oldest GPU it is for.
    oldest: ComputeCapability,
    /// Where results go.
    folder: &'a Path,
}

impl Module<'_> {
    fn gpus(&self) -> impl Iterator<Item = ComputeCapability> {
        GPUS.into_iter().filter(|&gpu| gpu >= self.oldest)
    }

    /// Compiles for all GPUs, and returns the text that is committed.
    fn compile(&self, toolchain: &Toolchain) -> Result<String> {
        let source = sources().join(format!("{}.cu", self.name));
        let committed = self.compile_for(toolchain, &source, ComputeCapability::CHAINS)?;
        for gpu in self.gpus() {
            let text = self.compile_for(toolchain, &source, gpu)?;
            if code(&text) != code(&ptx::for_gpus_from(gpu, &committed)) {
                return Err(format!(
                    "{} gives other code for compute capability {gpu} than what is loaded there; \
                     ptx.rs of plangrad-tensor derives it",
                    source.display(),
                ));
            }
        }
        Ok(committed)
    }

    fn compile_for(&self, toolchain: &Toolchain, source: &Path, gpu: ComputeCapability) -> Result<String> {
        let to = self.file(gpu, "ptx");
        toolchain.compile(source, gpu.architecture(), &to)?;
        fs::read_to_string(&to).map_err(|error| format!("{}: {error}", to.display()))
    }

    /// Assembles what has been compiled, as drivers do, and fails if registers are spilled to memory.
    fn assemble(&self, toolchain: &Toolchain) -> Result<()> {
        let mut spills = Vec::new();
        for gpu in self.gpus() {
            for assembler in &toolchain.assemblers {
                let (ptx, cubin) = (self.file(gpu, "ptx"), self.file(gpu, "cubin"));
                let usages = usage::assemble(&assembler.path, &ptx, gpu.architecture(), &cubin)?;
                let place = format!("compute capability {gpu}, assembled by CUDA {}", assembler.version);
                spills.extend(usages.iter().filter_map(|usage| report(usage, &place)));
            }
        }
        if spills.is_empty() {
            return Ok(());
        }
        Err(format!("registers are spilled to memory: {}", spills.join("; ")))
    }

    fn file(&self, gpu: ComputeCapability, extension: &str) -> PathBuf {
        self.folder.join(format!("{}_{}.{extension}", self.name, gpu.architecture()))
    }
}

/// Prints what a kernel takes. A clause if it spills.
fn report(usage: &Usage, place: &str) -> Option<String> {
    let Usage { kernel, registers, spilled_bytes, stack_bytes } = usage;
    eprintln!(
        "{kernel} for {place}: {registers} registers, {spilled_bytes} bytes spilled, {stack_bytes} bytes of stack"
    );
    (*spilled_bytes > 0).then(|| format!("{kernel} for {place}: {spilled_bytes} bytes"))
}

/// PTX without comments: the compiler marks where inline assembly was, even if it was empty.
fn code(ptx: &str) -> Vec<&str> {
    ptx.lines().filter(|line| !line.trim_start().starts_with("//")).collect()
}

/// Compares a file's text, as how it is compressed depends on the version of a library.
fn compare(text: &str, committed: &Path) -> Result<()> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", committed.display());
    let bytes = fs::read(committed).map_err(unreadable)?;
    let mut found = Vec::new();
    if is_compressed(committed) {
        GzDecoder::new(&*bytes).read_to_end(&mut found).map_err(unreadable)?;
    } else {
        found = bytes;
    }
    if found == text.as_bytes() {
        return Ok(());
    }
    Err(format!(
        "{} is not what the sources give; run `cargo xtask kernels` and commit the result",
        committed.display()
    ))
}

/// Writes a file, unless it has the text already.
fn replace(text: &str, committed: &Path) -> Result<()> {
    if compare(text, committed).is_ok() {
        return Ok(());
    }
    create(committed.parent().unwrap_or(committed))?;
    let unwritten = |error: std::io::Error| format!("{}: {error}", committed.display());
    let mut bytes = text.as_bytes().to_vec();
    if is_compressed(committed) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        bytes = encoder.write_all(&bytes).and_then(|()| encoder.finish()).map_err(unwritten)?;
    }
    fs::write(committed, bytes).map_err(unwritten)?;
    eprintln!("{}: written", committed.display());
    Ok(())
}

fn is_compressed(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "gz")
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::{code, compare, replace};

    #[test]
    fn texts_may_differ_in_comments_alone() {
        let ptx = |comment: &str, code: &str| format!(".target sm_75\n\t{comment}\n\t{code}\n");
        assert_eq!(code(&ptx("// one", "ret;")), code(&ptx("// two", "ret;")));
        assert_ne!(code(&ptx("// one", "ret;")), code(&ptx("// one", "exit;")));
    }

    #[test]
    fn an_outdated_file_is_refused_with_the_remedy_until_it_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["new/kernel.ptx.gz", "new/header.cuh"] {
            let committed = folder.path().join(name);
            assert!(compare("same", &committed).is_err(), "missing");
            replace("same", &committed).unwrap();
            assert_eq!(compare("same", &committed), Ok(()));
            assert!(compare("sane", &committed).unwrap_err().contains("run `cargo xtask kernels`"));
            replace("sane", &committed).unwrap();
            assert_eq!(compare("sane", &committed), Ok(()));
        }
    }
}
