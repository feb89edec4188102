//! Compiled instead of `driver/` without the feature `cuda`: there is no GPU.

#[cfg(test)]
use std::sync::Arc;

use super::{CudaOptions, CudaUnavailable, Gpu};
use crate::backend::Backend;

pub(super) fn open(_: CudaOptions) -> Result<Backend, CudaUnavailable> {
    Err(CudaUnavailable::NotBuilt)
}

#[cfg(test)]
pub(super) fn runtime() -> Result<Arc<dyn super::runtime::Runtime>, CudaUnavailable> {
    Err(CudaUnavailable::NotBuilt)
}

pub(super) fn find(_: usize) -> Result<(), CudaUnavailable> {
    Err(CudaUnavailable::NotBuilt)
}

pub(super) fn gpus() -> Result<Vec<Gpu>, CudaUnavailable> {
    Err(CudaUnavailable::NotBuilt)
}
