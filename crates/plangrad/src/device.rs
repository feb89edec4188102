//! The devices of this machine, opened with a budget.
//!
//! The processor is the only one there is in this build. What it may take is decided before anything is reserved: what
//! was asked for, else what the system says is free. Nothing is found out by allocating until something is killed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use plangrad_tensor::backend::Backend;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{Device, SystemMemory};

use crate::Result;

/// Why there is no GPU.
pub const CUDA_UNAVAILABLE_BECAUSE: &str = "this build has no CUDA backend yet";

/// Where to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best there is.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The processor with memory of its own, into which datasets are copied: a stand-in for a GPU on any machine.
    Accelerator,
}

impl DeviceChoice {
    /// Whether datasets are copied into memory of its own.
    #[must_use]
    pub fn has_own_memory(self) -> bool {
        self == DeviceChoice::Accelerator
    }

    /// The device that is meant on this machine.
    #[must_use]
    pub fn device(self) -> Device {
        match self {
            DeviceChoice::Auto | DeviceChoice::Cpu => Device::Cpu,
            DeviceChoice::Accelerator => Device::Accelerator,
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeviceChoice::Auto => "auto",
            DeviceChoice::Cpu => "cpu",
            DeviceChoice::Accelerator => "accelerator",
        })
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<DeviceChoice, String> {
        match text {
            "auto" => Ok(DeviceChoice::Auto),
            "cpu" => Ok(DeviceChoice::Cpu),
            "accelerator" => Ok(DeviceChoice::Accelerator),
            gpu if gpu == "cuda" || gpu.starts_with("cuda:") => {
                Err(format!("{CUDA_UNAVAILABLE_BECAUSE}; use cpu or auto"))
            }
            other => Err(format!("expected auto, cpu or accelerator, found `{other}`")),
        }
    }
}

/// The device, which may reserve `budget` bytes (default: [`default_budget`]), with so many threads (default: one per core)
/// where it is the processor.
///
/// # Errors
/// If the system gives no threads.
pub fn open(choice: DeviceChoice, threads: Option<usize>, budget: Option<u64>) -> Result<Arc<dyn Backend>> {
    let (budget, accelerator) = (budget.or_else(default_budget), choice.has_own_memory());
    Ok(Cpu::open(CpuOptions { threads, budget, accelerator, ..CpuOptions::default() })?)
}

/// The processor.
///
/// # Errors
/// As [`open`].
pub fn open_cpu(threads: Option<usize>, budget: Option<u64>) -> Result<Arc<dyn Backend>> {
    open(DeviceChoice::Cpu, threads, budget)
}

/// What a run may take that names no budget: what the system has free, less a [margin](default_budget_of) for the system
/// itself; `None` where it does not say.
#[must_use]
pub fn default_budget() -> Option<u64> {
    Some(SystemMemory::now()).filter(|memory| memory.total > 0).map(default_budget_of)
}

/// The same where memory stands so. A sixteenth of all there is, or of the limit on this process, stays free: memory that is
/// really used to the last byte, as `fit` uses it, would have the system kill something.
#[must_use]
pub fn default_budget_of(memory: SystemMemory) -> u64 {
    memory.free.saturating_sub(memory.limit.unwrap_or(memory.total) / 16)
}
