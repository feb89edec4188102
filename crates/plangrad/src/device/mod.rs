//! The devices of this machine: how one is chosen, opened within a budget, and what is known about its memory.

mod choice;
mod memory;
mod open;

pub(crate) use choice::device_name;
pub use choice::{DeviceChoice, Precision};
pub use memory::{GpuMemory, default_budget, default_budget_of};
pub use open::{
    BudgetOrigin, DeviceOptions, MissingGpu, UnsupportedPrecision, open, open_cpu, open_within_means,
};
