//! The CUDA backend: the launches of a plan (`backend/launch/`) as hand-written kernels, in one allocation of device memory.
//!
//! A stage is one launch; its kernels run side by side in different blocks (`kernels/stage.cuh`). Only the feed, a few words,
//! lies behind the arena's last byte in the same allocation. On a GPU a step is captured once and replayed.
//!
//! Results are the same bits on every run: no atomics on numbers, and sums in an order fixed by shapes.
//!
//! Absent on purpose: a kernel for each size or device, and calls into libraries of kernels.

mod arena;
mod device;
#[cfg_attr(not(feature = "cuda"), path = "disabled.rs")]
mod driver;
#[cfg(any(test, feature = "emulator"))]
pub mod emulator;
mod gpu;
#[doc(hidden)]
pub mod header;
#[doc(hidden)]
pub mod ptx;
mod runtime;
#[cfg(test)]
pub(super) mod tests;
mod unavailable;

pub use gpu::{CudaOptions, Gpu, Precision};
pub use unavailable::{ComputeCapability, CudaUnavailable, CudaVersion};

use super::Backend;

/// Opens a GPU.
///
/// # Errors
/// Why it cannot be used.
pub fn open(options: CudaOptions) -> Result<Backend, CudaUnavailable> {
    driver::open(options)
}

/// Whether a GPU can be used, as far as is known without opening it.
///
/// # Errors
/// Why not.
pub fn find(index: usize) -> Result<(), CudaUnavailable> {
    driver::find(index)
}

/// The GPUs of this machine, at least one.
///
/// # Errors
/// Why none can be used.
pub fn gpus() -> Result<Vec<Gpu>, CudaUnavailable> {
    driver::gpus()
}
