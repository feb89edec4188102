//! Compiled instead of `driver/` without the feature `wgpu`: there are no adapters.

use super::{Adapter, WgpuOptions, WgpuUnavailable};
use crate::backend::Backend;
use crate::ir::GraphicsApi;

pub(super) fn open(_: GraphicsApi, _: usize, _: WgpuOptions) -> Result<Backend, WgpuUnavailable> {
    Err(WgpuUnavailable::NotBuilt)
}

pub(super) fn adapters() -> Result<Vec<Adapter>, WgpuUnavailable> {
    Err(WgpuUnavailable::NotBuilt)
}

#[cfg(test)]
pub(super) fn with_sizing(_: crate::backend::launch::lowering::Sizing) -> Vec<(&'static str, Backend)> {
    Vec::new()
}
