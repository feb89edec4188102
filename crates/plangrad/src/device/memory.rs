//! What is known about memory before anything is reserved: the system's, a GPU's, and the budget that follows from it.

use std::fmt;

use plangrad_tensor::Backend;
use plangrad_tensor::{DriverMemory, SystemMemory};
use serde::Serialize;

use crate::numbers::size;

/// A GPU's memory, and this process's share of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GpuMemory {
    /// Bytes it has.
    pub total: u64,
    /// Bytes in use by any process.
    pub used: u64,
    /// Bytes that are free.
    pub free: u64,
    /// Bytes in use before this process opened it; `None` if the driver does not say.
    pub others: Option<u64>,
    /// Bytes taken by opening the GPU: its context and the kernels; `None` if the driver does not say.
    pub context: Option<u64>,
    /// Bytes reserved for datasets and sessions.
    pub allocated: u64,
    /// The same and the context: what would be free without this process.
    pub reserved: u64,
}

impl GpuMemory {
    /// From the driver's figures, with so many bytes reserved by this process.
    #[must_use]
    pub fn new(driver: DriverMemory, allocated: u64) -> GpuMemory {
        let DriverMemory { total, free, others, context, .. } = driver;
        let reserved = allocated + context.unwrap_or(0);
        GpuMemory { total, used: total.saturating_sub(free), free, others, context, allocated, reserved }
    }

    /// The memory of a device; `None` if it is not a GPU.
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

/// The budget of a run that names none: what the system has free, less a [margin](default_budget_of) for the system
/// itself; `None` if it does not say.
#[must_use]
pub fn default_budget() -> Option<u64> {
    Some(SystemMemory::now()).filter(|memory| memory.total > 0).map(default_budget_of)
}

/// The same for given figures. A sixteenth of all memory, or of the limit on this process, stays free: if memory is used to
/// the last byte, as `fit` does, the system kills a process.
#[must_use]
pub fn default_budget_of(memory: SystemMemory) -> u64 {
    memory.free.saturating_sub(memory.limit.unwrap_or(memory.total) / 16)
}
