//! The devices of this machine, opened with a budget.
//!
//! The processor is the only one there is in this build. What it may take is decided before anything is reserved: what
//! was asked for, else what the system says is free. Nothing is found out by allocating until something is killed.

use std::sync::Arc;

use plangrad_tensor::SystemMemory;
use plangrad_tensor::backend::Backend;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};

use crate::Result;

/// Why there is no GPU.
pub const CUDA_UNAVAILABLE_BECAUSE: &str = "this build has no CUDA backend yet";

/// The processor with so many threads (default: one per core), which may reserve `budget` bytes (default: what is free).
///
/// # Errors
/// If the system gives no threads.
pub fn open_cpu(threads: Option<usize>, budget: Option<u64>) -> Result<Arc<dyn Backend>> {
    let budget = budget.or_else(free_memory);
    Ok(Cpu::open(CpuOptions { threads, budget, ..CpuOptions::default() })?)
}

/// Bytes the system has left for this process; `None` where it does not say.
#[must_use]
pub fn free_memory() -> Option<u64> {
    Some(SystemMemory::now()).filter(|memory| memory.total > 0).map(|memory| memory.free)
}
