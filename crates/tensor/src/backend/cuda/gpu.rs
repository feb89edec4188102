//! What is known of a GPU before and while it is used, and how to open one.

use super::unavailable::{ComputeCapability, CudaUnavailable, CudaVersion};
use crate::ir::DriverMemory;

/// A GPU that NVIDIA's driver finds.
#[derive(Clone, Debug)]
pub struct Gpu {
    /// Its number, from 0, in the driver's order.
    pub index: usize,
    /// What NVIDIA calls it.
    pub name: String,
    /// Bytes of its memory.
    pub total: u64,
    /// Its generation.
    pub compute_capability: ComputeCapability,
    /// The driver's own version, such as 550.54.15; `None` where it does not say.
    pub driver_version: Option<String>,
    /// The CUDA that the driver has.
    pub cuda_version: CudaVersion,
    /// Its memory once plangrad has a context there and its kernels in it, or why it cannot be used.
    pub memory: Result<DriverMemory, CudaUnavailable>,
}

/// How to open a GPU.
#[derive(Clone, Copy, Debug, Default)]
pub struct CudaOptions {
    /// Which one.
    pub index: usize,
    /// Bytes that may be reserved at once; at most, and by default, what the driver has free when it is opened, but
    /// for what it needs itself: 32 MiB, or a 512th of all memory.
    pub budget: Option<u64>,
    /// How large products are computed.
    pub precision: Precision,
}

/// How products are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Everything in f32.
    #[default]
    F32,
    /// The operands of large products rounded to TF32, 10 bits of mantissa, and multiplied on tensor cores; sums in f32.
    Tf32,
}
