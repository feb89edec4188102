//! GPUs of all makers, through wgpu: Metal on Apple's systems, Vulkan, and DX12 on Windows.
//!
//! The launches of a plan (`backend/launch/`) as dispatches of kernels in WGSL (`kernels/*.wgsl`), over one buffer. A launch is
//! one dispatch; as in CUDA its kernels run side by side, but products whose tiles differ. What a launch reads of its
//! parameters, and bind groups, are made once per plan; steps are encoded many at a time and queued without waiting.
//!
//! WGSL knows 32 bits only: addresses are numbers of words, and sums and rates in f64 are computed in whole numbers
//! (`kernels/wide.wgsl`). Results are the same bits on every run on the same adapter and driver: no atomics, and sums in an
//! order fixed by shapes.
//!
//! Absent on purpose: subgroup operations and cooperative matrices, which only some adapters have; OpenGL and browsers.

mod adapter;
#[cfg(any(feature = "wgpu", target_os = "macos"))]
mod driver;
#[cfg(not(any(feature = "wgpu", target_os = "macos")))]
#[path = "disabled.rs"]
mod driver;
mod unavailable;

pub use adapter::{Adapter, AdapterKind, WgpuLimits, WgpuOptions};
pub use unavailable::WgpuUnavailable;

use super::Backend;
use crate::ir::GraphicsApi;

/// Opens adapter number `index` of an API, counted as [`adapters`] lists them. Software adapters too.
///
/// # Errors
/// Why it cannot be used.
pub fn open(api: GraphicsApi, index: usize, options: WgpuOptions) -> Result<Backend, WgpuUnavailable> {
    driver::open(api, index, options)
}

/// The adapters of this machine, software ones included, at least one: GPUs with memory of their own first, then those that share
/// the system's, then software.
///
/// # Errors
/// Why there are none.
pub fn adapters() -> Result<Vec<Adapter>, WgpuUnavailable> {
    driver::adapters()
}

/// The adapters that are GPUs, at least one.
///
/// # Errors
/// Why there are none.
pub fn gpus() -> Result<Vec<Adapter>, WgpuUnavailable> {
    let adapters = adapters()?;
    let software = adapters.first().map(|adapter| adapter.name.clone());
    let gpus: Vec<Adapter> =
        adapters.into_iter().filter(|adapter| adapter.kind != AdapterKind::Software).collect();
    match software {
        Some(name) if gpus.is_empty() => Err(WgpuUnavailable::OnlySoftware { name }),
        _ => Ok(gpus),
    }
}

/// Adapters for tests that choose how work is cut.
#[cfg(test)]
pub(crate) fn with_sizing(sizing: crate::backend::launch::lowering::Sizing) -> Vec<(&'static str, Backend)> {
    driver::with_sizing(sizing)
}
