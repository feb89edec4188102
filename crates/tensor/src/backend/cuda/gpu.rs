//! What is known of a GPU before and while it is used, and how to open one.

use super::unavailable::{ComputeCapability, CudaUnavailable, CudaVersion};
use crate::ir::DriverMemory;

/// A GPU that NVIDIA's driver finds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Gpu {
    /// Its number, from 0, in the driver's order.
    pub index: usize,
    /// What NVIDIA calls it.
    pub name: String,
    /// Bytes of its memory.
    pub total: u64,
    /// Its generation.
    pub compute_capability: ComputeCapability,
    /// The driver's version, such as 550.54.15; `None` if it is unknown.
    pub driver_version: Option<String>,
    /// The version of CUDA that the driver supports.
    pub cuda_version: CudaVersion,
    /// Its memory once plangrad has a context with its kernels there, or why it cannot be used.
    pub memory: Result<DriverMemory, CudaUnavailable>,
}

/// How to open a GPU.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CudaOptions {
    /// Which one.
    pub index: usize,
    /// Bytes that may be reserved at once; at most, and by default, what is free when the GPU is opened, less what the
    /// driver needs: 32 MiB, or a 512th of all memory.
    pub budget: Option<u64>,
    /// How large products are computed.
    pub precision: Precision,
}

impl CudaOptions {
    /// The same for the GPU of this number, from 0.
    #[must_use]
    pub fn index(self, index: usize) -> CudaOptions {
        CudaOptions { index, ..self }
    }

    /// The same with at most so many bytes reserved at once; `None` for what is free.
    #[must_use]
    pub fn budget(self, bytes: impl Into<Option<u64>>) -> CudaOptions {
        CudaOptions { budget: bytes.into(), ..self }
    }

    /// The same with this precision.
    #[must_use]
    pub fn precision(self, precision: Precision) -> CudaOptions {
        CudaOptions { precision, ..self }
    }
}

/// How products are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precision {
    /// Everything in f32.
    #[default]
    F32,
    /// The operands of large products rounded to TF32, 10 bits of mantissa, and multiplied on tensor cores; sums in f32.
    Tf32,
}
