//! A device that runs CUDA kernels, as a backend.

use std::sync::Arc;

use super::arena::{CudaArena, DeviceMemory};
use super::gpu::Precision;
use super::runtime::Runtime;
use crate::backend::launch::lowering::Sizing;
use crate::backend::{Arena, Memory, Provider};
use crate::device::Ledger;
use crate::error::Error;
use crate::ir::{Device, DriverMemory, MemoryReading, MemoryReport};

/// A device that runs CUDA kernels, as a backend.
pub(crate) struct Cuda {
    runtime: Arc<dyn Runtime>,
    ledger: Arc<Ledger>,
    sizing: Sizing,
}

impl Cuda {
    /// On `runtime`, of whose memory at most `budget` bytes may be reserved at once.
    pub(crate) fn new(
        runtime: Arc<dyn Runtime>,
        device: Device,
        budget: Option<u64>,
        precision: Precision,
    ) -> Cuda {
        let sizing = match precision {
            Precision::F32 => Sizing::default(),
            Precision::Tf32 => Sizing::tf32(),
        };
        Cuda::with_sizing(runtime, device, budget, sizing)
    }

    /// The same with work cut like this.
    pub(super) fn with_sizing(
        runtime: Arc<dyn Runtime>,
        device: Device,
        budget: Option<u64>,
        sizing: Sizing,
    ) -> Cuda {
        Cuda { runtime, ledger: Ledger::new(device, budget), sizing }
    }
}

impl Provider for Cuda {
    fn device(&self) -> Device {
        self.ledger.device()
    }

    fn memory(&self) -> MemoryReading {
        self.ledger.reading()
    }

    fn driver_memory(&self) -> Option<DriverMemory> {
        self.runtime.memory()
    }

    fn reserve_memory(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Memory>, Error> {
        Ok(Box::new(DeviceMemory::reserve(&self.runtime, &self.ledger, bytes, report)?))
    }

    fn reserve_arena(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Arena>, Error> {
        let memory = DeviceMemory::reserve(&self.runtime, &self.ledger, bytes, report)?;
        Ok(Box::new(CudaArena::new(memory, *report, self.sizing)))
    }
}
