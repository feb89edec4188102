//! The kernels in the form that drivers compile: PTX, one text per module for all GPUs.
//!
//! The texts are made for compute capability 9.0. Two of their instructions, with which a launch begins before the one
//! ahead of it has finished, exist only from there on; the rest is the same code for every GPU. So an older GPU takes the
//! same text without them. `cargo xtask kernels` checks that the compiler makes the same for it.

use super::unavailable::ComputeCapability;
use crate::backend::launch::function::Function;

/// Part of the names of the instructions that only compute capability 9.0 has.
const CHAINING: &str = "griddepcontrol.";

/// Each module's name, which is also that of its source and of its kernel, and the oldest GPU it works on.
pub fn modules() -> impl Iterator<Item = (&'static str, ComputeCapability)> {
    Function::ALL.into_iter().map(|function| (function.name(), function.needed()))
}

/// A module's text for GPUs from `oldest` on.
#[must_use]
pub fn for_gpus_from(oldest: ComputeCapability, ptx: &str) -> String {
    if oldest >= ComputeCapability::CHAINS {
        return ptx.to_owned();
    }
    let lines = ptx.lines().filter(|line| !line.contains(CHAINING));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    text.replacen(&target(ComputeCapability::CHAINS), &target(oldest), 1)
}

/// The line that names the GPUs a text is for.
#[must_use]
pub fn target(oldest: ComputeCapability) -> String {
    format!(".target sm_{}", oldest.architecture())
}
