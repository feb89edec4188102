//! The CUDA backend: a plan's stages as launches of hand-written kernels, in one allocation of device memory.
//!
//! ```text
//! Program ── lower ──► launches with every address in them ── Runtime ──► a GPU, or the tests' emulator
//! ```
//!
//! * A stage is one launch; its kernels run side by side in different blocks (`kernels/stage.cuh`).
//! * Launches never change: what differs from step to step lies in device memory, in the step block and in the *feed*,
//!   which says where the batches come from and is advanced by the kernels. So a step is prepared once (captured, on a GPU)
//!   and replayed, and many steps are queued without communication between host and device.
//! * A kernel needs nothing but the arena: no workspace, no table of constants. Only the feed, a few words, lies behind
//!   the arena's last byte in the same allocation.
//!
//! Results are the same bits on every run: no atomics on numbers, and sums in an order fixed by shapes.
//!
//! Absent on purpose: a kernel for each size or device, and calls into libraries of kernels.

mod arena;
mod common;
mod cpp;
mod device;
#[cfg_attr(not(feature = "cuda"), path = "disabled.rs")]
mod driver;
#[cfg(any(test, feature = "emulator"))]
pub mod emulator;
mod formula;
mod function;
mod gpu;
#[doc(hidden)]
pub mod header;
mod items;
mod kernels;
mod lower;
mod lowering;
#[doc(hidden)]
pub mod ptx;
mod runtime;
#[cfg(test)]
mod tests;
mod tile;
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
