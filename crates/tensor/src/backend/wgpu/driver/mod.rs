//! Adapters through wgpu.

mod arena;
mod buffers;
mod device;
mod gpu;
mod memory;
mod origin;
mod probe;
mod shader;
mod step;
#[cfg(test)]
mod tests;

use super::{Adapter, WgpuOptions, WgpuUnavailable};
use crate::backend::Backend;
use crate::ir::GraphicsApi;

pub(super) fn open(api: GraphicsApi, index: usize, options: WgpuOptions) -> Result<Backend, WgpuUnavailable> {
    Ok(Backend::new(device::Wgpu::open(api, index, options)?))
}

pub(super) fn adapters() -> Result<Vec<Adapter>, WgpuUnavailable> {
    probe::adapters()
}

#[cfg(test)]
pub(super) fn with_sizing(sizing: crate::backend::launch::lowering::Sizing) -> Vec<(&'static str, Backend)> {
    tests::with_sizing(sizing)
}
