//! What a kernel takes of a multiprocessor, from what `ptxas --verbose` prints.

use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::command::output_of_errors;

/// One kernel, assembled for one architecture.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) kernel: String,
    /// Registers of a thread.
    pub(super) registers: u32,
    /// Bytes of registers that a thread has to keep in memory.
    pub(super) spilled_bytes: u32,
    /// Bytes of a thread's own memory, spills included.
    pub(super) stack_bytes: u32,
}

/// Assembles `ptx` for a real architecture into `to`.
pub(super) fn assemble(ptxas: &Path, ptx: &Path, architecture: u32, to: &Path) -> Result<Vec<Usage>> {
    let mut command = Command::new(ptxas);
    command.arg("--verbose").arg(format!("--gpu-name=sm_{architecture}"));
    command.arg(ptx).arg("--output-file").arg(to);
    let text = output_of_errors(command)?;
    parse(&text).ok_or_else(|| format!("ptxas printed something unexpected:\n{text}"))
}

/// All kernels in the output; `None` if there are none, or one lacks a figure.
fn parse(text: &str) -> Option<Vec<Usage>> {
    let parts = text.split("Compiling entry function '").skip(1);
    let usages: Option<Vec<Usage>> = parts.map(kernel).collect();
    usages.filter(|usages| !usages.is_empty())
}

fn kernel(text: &str) -> Option<Usage> {
    let [stores, loads] = ["bytes spill stores", "bytes spill loads"].map(|what| before(text, what));
    Some(Usage {
        kernel: text.split('\'').next()?.to_owned(),
        registers: before(text, "registers")?,
        spilled_bytes: stores?.max(loads?),
        stack_bytes: before(text, "bytes stack frame")?,
    })
}

/// The number in front of `what`.
fn before(text: &str, what: &str) -> Option<u32> {
    text.split(what)
        .next()
        .filter(|head| head.len() < text.len())?
        .split_whitespace()
        .next_back()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::{Usage, parse};

    const TWO: &str = "ptxas info    : 508 bytes gmem
ptxas info    : Compiling entry function 'stage_large' for 'sm_90'
ptxas info    : Function properties for stage_large
    152 bytes stack frame, 312 bytes spill stores, 300 bytes spill loads
ptxas info    : Used 128 registers, 152 bytes cumulative stack size
ptxas info    : Compiling entry function 'stage' for 'sm_90'
ptxas info    : Function properties for stage
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 64 registers, 3688 bytes cmem[0]
";

    #[test]
    fn every_kernel_is_parsed_with_its_registers_and_spills() {
        let usage = |kernel: &str, registers, spilled_bytes, stack_bytes| Usage {
            kernel: kernel.into(),
            registers,
            spilled_bytes,
            stack_bytes,
        };
        assert_eq!(parse(TWO).unwrap(), [usage("stage_large", 128, 312, 152), usage("stage", 64, 0, 0)]);
    }

    #[test]
    fn missing_kernels_and_missing_figures_are_refused() {
        assert_eq!(parse(""), None);
        assert_eq!(parse(&TWO.replace("0 bytes spill loads", "")), None);
    }
}
