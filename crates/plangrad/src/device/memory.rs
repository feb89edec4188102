//! What is known about memory before anything is reserved: the system's, a GPU's, and the budget that follows from it.

use std::fmt;

use plangrad_tensor::Backend;
use plangrad_tensor::{DriverMemory, SystemMemory};
use serde::Serialize;

use crate::numbers::size;

/// A GPU's memory: all of it, and this process's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GpuMemory {
    /// Bytes it has.
    pub total: u64,
    /// Bytes taken, by whomever.
    pub used: u64,
    /// Bytes that can be had.
    pub free: u64,
    /// Bytes that were taken before this process came; `None` where the driver does not say.
    pub others: Option<u64>,
    /// Bytes that opening the GPU took: its context and the kernels; `None` where the driver does not say.
    pub context: Option<u64>,
    /// Bytes reserved for datasets and sessions.
    pub allocated: u64,
    /// The same and the context: what would be free without this process.
    pub reserved: u64,
}

impl GpuMemory {
    /// As a driver has it, with so many bytes reserved by this process.
    #[must_use]
    pub fn new(driver: DriverMemory, allocated: u64) -> GpuMemory {
        let DriverMemory { total, free, others, context } = driver;
        let reserved = allocated + context.unwrap_or(0);
        GpuMemory { total, used: total.saturating_sub(free), free, others, context, allocated, reserved }
    }

    /// That of a device; `None` if it is no GPU.
    #[must_use]
    pub fn of(device: &Backend) -> Option<GpuMemory> {
        Some(GpuMemory::new(device.driver_memory()?, device.memory().reserved))
    }
}

impl fmt::Display for GpuMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |name: &str, bytes: Option<u64>| {
            bytes.map_or(String::new(), |bytes| format!(", {name} {}", size(bytes)))
        };
        write!(
            f,
            "{} of {} free; ours {}{}{}",
            size(self.free),
            size(self.total),
            size(self.reserved),
            part("of which context", self.context),
            part("others", self.others)
        )
    }
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
