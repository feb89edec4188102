//! An adapter as a backend.

use std::sync::Arc;

use super::arena::WgpuArena;
use super::gpu::Gpu;
use super::memory::GpuMemory;
use crate::backend::launch::lowering::Sizing;
use crate::backend::launch::tile::Tile;
use crate::backend::wgpu::{WgpuOptions, WgpuUnavailable};
use crate::backend::{Arena, Memory, Provider};
use crate::device::{Ledger, SystemMemory};
use crate::error::Error;
use crate::ir::kernel::Gemm;
use crate::ir::{Device, GraphicsApi, MemoryReading, MemoryReport};

/// Slices of k pay from this many steps on, up to this many rows.
const FEWEST_SLICED_STEPS: usize = 64;
const MOST_SLICED_ROWS: usize = 1024;

/// The tile for a product: by its shape alone, and never sliced for gradients of weights (A transposed), whose k is the batch,
/// since a batch processed in parts must give the same chain of sums.
pub(super) fn tile(gemm: &Gemm) -> Tile {
    let may_be_sliced = !gemm.transpose_a && gemm.column_sum.is_none() && !gemm.c.adds();
    let is_sliced = may_be_sliced && gemm.k >= FEWEST_SLICED_STEPS && gemm.m <= MOST_SLICED_ROWS;
    if is_sliced { Tile::Sliced } else { Tile::Medium }
}

/// An adapter as a backend.
pub(crate) struct Wgpu {
    gpu: Arc<Gpu>,
    ledger: Arc<Ledger>,
    sizing: Sizing,
}

impl Wgpu {
    pub(super) fn open(
        api: GraphicsApi,
        index: usize,
        options: WgpuOptions,
    ) -> Result<Wgpu, WgpuUnavailable> {
        let (gpu, adapter) = Gpu::open(api, index, options)?;
        // Where there is no number to be had the driver's refusal is the limit.
        let system = Some(SystemMemory::now().free).filter(|&free| free > 0 && adapter.kind.shares_memory());
        let ledger = Ledger::new(adapter.device(), options.budget.or(system));
        Ok(Wgpu { gpu: Arc::new(gpu), ledger, sizing: Sizing { tile, ..Sizing::default() } })
    }

    /// The same device with work cut like this, for tests.
    #[cfg(test)]
    pub(super) fn with_sizing(gpu: Arc<Gpu>, device: Device, sizing: Sizing) -> Wgpu {
        Wgpu { gpu, ledger: Ledger::new(device, None), sizing }
    }
}

impl Provider for Wgpu {
    fn device(&self) -> Device {
        self.ledger.device()
    }

    fn memory(&self) -> MemoryReading {
        self.ledger.reading()
    }

    fn reserve_memory(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Memory>, Error> {
        Ok(Box::new(GpuMemory::reserve(&self.gpu, &self.ledger, bytes, report)?))
    }

    fn reserve_arena(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Arena>, Error> {
        let most = self.gpu.largest_arena();
        if bytes as u64 > most {
            return Err(self.ledger.out_of_memory(bytes as u64, most, most, report));
        }
        let memory = GpuMemory::reserve(&self.gpu, &self.ledger, bytes, report)?;
        Ok(Box::new(WgpuArena::new(memory, self.sizing)))
    }
}
