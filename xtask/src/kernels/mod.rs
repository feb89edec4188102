//! `cargo xtask kernels`: the CUDA kernels as PTX, which is committed and travels in the binary, so that neither building
//! plangrad nor running it needs anything of CUDA but a driver.
//!
//! The same sources and the same pinned compiler give the same bytes, on any machine; `--check` holds the committed files
//! against that.

mod toolchain;
mod usage;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::Result;
use crate::command::root;
use toolchain::Toolchain;
use usage::Usage;

/// The virtual architectures that kernels must compile for.
const ARCHITECTURES: [u32; 3] = [75, 80, 90];
/// The one that has code of its own, behind `__CUDA_ARCH__`, and so is committed beside the oldest.
const CHAINED: u32 = 90;
/// The files whose kernels need more than the first of them, and what they need.
const NEEDED: [(&str, u32); 1] = [("stage_tensor", 80)];
/// The first PTX version that knows all of this; drivers from 550 on read it.
const PTX_VERSION: &str = ".version 8.4";

/// Options of the task.
#[derive(Args)]
pub(crate) struct Options {
    /// Change nothing; fail if what is committed is not what the sources give
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    build(options.check)
}

/// Whether the committed files are what the sources give, and every kernel keeps its numbers in registers.
pub(crate) fn check() -> Result<()> {
    build(true)
}

fn build(check: bool) -> Result<()> {
    let kernels = root().join("crates/tensor/kernels");
    let toolchain = Toolchain::ready()?;
    let fresh = root().join("target/kernels");
    create(&fresh)?;
    let mut spills = Vec::new();
    let mut committed = Vec::new();
    for source in sources(&kernels)? {
        let kernel = Source { toolchain: &toolchain, source: &source, folder: &fresh };
        spills.extend(kernel.build()?);
        let file = |architecture| {
            (kernel.ptx(architecture), kernels.join("ptx").join(kernel.name(architecture, "ptx")))
        };
        committed.extend([kernel.baseline(), CHAINED].map(file));
    }
    if !spills.is_empty() {
        return Err(format!("registers are spilled to memory: {}", spills.join("; ")));
    }
    committed
        .iter()
        .try_for_each(|(fresh, file)| if check { compare(fresh, file) } else { replace(fresh, file) })
}

/// One `.cu` file on its way.
struct Source<'a> {
    toolchain: &'a Toolchain,
    source: &'a Path,
    /// Where results go.
    folder: &'a Path,
}

impl Source<'_> {
    /// Compiles and assembles for all architectures; returns a clause for every kernel that spills.
    fn build(&self) -> Result<Vec<String>> {
        let committed = self.compile(self.baseline())?;
        self.compile(CHAINED)?;
        let mut spills = Vec::new();
        for architecture in ARCHITECTURES.into_iter().filter(|&found| found >= self.baseline()) {
            if architecture != CHAINED && body(&self.compile(architecture)?) != body(&committed) {
                return Err(format!(
                    "{} gives other code for compute_{architecture} than for compute_{}, which is committed for it",
                    self.source.display(),
                    self.baseline(),
                ));
            }
            let cubin = self.folder.join(self.name(architecture, "cubin"));
            let usages =
                usage::assemble(&self.toolchain.ptxas, &self.ptx(architecture), architecture, &cubin)?;
            spills.extend(usages.iter().filter_map(|usage| tell(usage, architecture)));
        }
        Ok(spills)
    }

    /// The oldest architecture that is committed. Drivers compile it for every GPU from there on.
    fn baseline(&self) -> u32 {
        let needs = NEEDED.iter().find(|(name, _)| self.source.file_stem().is_some_and(|stem| stem == *name));
        needs.map_or(ARCHITECTURES[0], |(_, needed)| *needed)
    }

    fn compile(&self, architecture: u32) -> Result<String> {
        let to = self.ptx(architecture);
        self.toolchain.compile(self.source, architecture, &to)?;
        let text = fs::read_to_string(&to).map_err(|error| format!("{}: {error}", to.display()))?;
        for promise in [PTX_VERSION.to_owned(), format!(".target sm_{architecture}")] {
            if !text.lines().any(|line| line == promise) {
                return Err(format!("{} lacks the line `{promise}`", to.display()));
            }
        }
        Ok(text)
    }

    fn ptx(&self, architecture: u32) -> PathBuf {
        self.folder.join(self.name(architecture, "ptx"))
    }

    fn name(&self, architecture: u32, extension: &str) -> String {
        let stem = self.source.file_stem().unwrap_or_default().to_string_lossy();
        format!("{stem}_{architecture}.{extension}")
    }
}

/// Prints what a kernel takes. A clause if it spills.
fn tell(usage: &Usage, architecture: u32) -> Option<String> {
    let Usage { kernel, registers, spilled_bytes, stack_bytes } = usage;
    let figures =
        format!("{registers} registers, {spilled_bytes} bytes spilled, {stack_bytes} bytes of stack");
    eprintln!("{kernel} on sm_{architecture}: {figures}");
    (*spilled_bytes > 0).then(|| format!("{kernel} on sm_{architecture}: {spilled_bytes} bytes"))
}

/// PTX without the line that names its architecture.
fn body(ptx: &str) -> String {
    ptx.lines().filter(|line| !line.starts_with(".target ")).collect::<Vec<_>>().join("\n")
}

/// The `.cu` files, by name.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        files.push(entry.map_err(unreadable)?.path());
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "cu"));
    files.sort();
    if files.is_empty() { Err(format!("{} holds no .cu file", folder.display())) } else { Ok(files) }
}

fn compare(fresh: &Path, committed: &Path) -> Result<()> {
    let read = |path: &Path| fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    if read(fresh)? == read(committed)? {
        return Ok(());
    }
    Err(format!(
        "{} is not what the sources give; run `cargo xtask kernels` and commit the result",
        committed.display()
    ))
}

fn replace(fresh: &Path, committed: &Path) -> Result<()> {
    create(committed.parent().unwrap_or(committed))?;
    fs::copy(fresh, committed).map_err(|error| format!("{}: {error}", committed.display()))?;
    eprintln!("{}: written", committed.display());
    Ok(())
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::{body, compare};

    #[test]
    fn architectures_may_differ_in_their_name_alone() {
        let ptx = |target: &str, code: &str| format!(".version 8.4\n.target {target}\n{code}\n");
        assert_eq!(body(&ptx("sm_75", "ret;")), body(&ptx("sm_90", "ret;")));
        assert_ne!(body(&ptx("sm_75", "ret;")), body(&ptx("sm_75", "exit;")));
    }

    #[test]
    fn one_changed_byte_is_told_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let [fresh, committed] = ["fresh", "committed"].map(|name| folder.path().join(name));
        std::fs::write(&fresh, "same").unwrap();
        assert!(compare(&fresh, &committed).is_err());
        std::fs::write(&committed, "same").unwrap();
        assert_eq!(compare(&fresh, &committed), Ok(()));
        std::fs::write(&committed, "sane").unwrap();
        assert!(compare(&fresh, &committed).unwrap_err().contains("run `cargo xtask kernels`"));
    }
}
