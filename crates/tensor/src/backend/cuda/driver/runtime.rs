//! A GPU as a [`Runtime`]: one context, one stream to compute, and one to copy beside it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::driver::{CudaContext, DriverError, result, sys};

use super::error::{failure, refused};
use super::graph::{CapturedStep, Nothing, Shared};
use super::kernels::Kernels;
use super::nvml;
use super::probe::Found;
use super::upload::Uploads;
use crate::backend::cuda::runtime::{NoMemory, PreparedStep, Refusal, Runtime};
use crate::backend::cuda::unavailable::CudaUnavailable;
use crate::backend::launch::orders::Order;
use crate::backend::launch::shared::Address;
use crate::error::DeviceFailure;
use crate::ir::DriverMemory;

/// An open GPU.
pub(super) struct Driver {
    shared: Arc<Shared>,
    uploads: Mutex<Uploads>,
    /// Bytes that other processes and the driver used before it was opened.
    others: Option<u64>,
    /// Bytes that opening it took: context and kernels.
    context_bytes: Option<u64>,
}

impl Driver {
    /// Opens a GPU: a context, the kernels in it, streams.
    pub(super) fn open(found: &Found) -> Result<Driver, CudaUnavailable> {
        let free_before = found.bus.as_deref().and_then(nvml::free);
        let context = CudaContext::new(found.index).map_err(|error| refused("open the GPU", error))?;
        // SAFETY: memory is handled by address here, and `upload.rs` orders what the two streams share by events.
        unsafe { context.disable_event_tracking() };
        let kernels = Kernels::new(&context, found).map_err(|error| refused("load the kernels", error))?;
        let stream = context.new_stream().map_err(|error| refused("make a stream", error))?;
        let uploads = Uploads::new(&stream).map_err(|error| refused("make a stream", error))?;
        let (free, total) = context.mem_get_info().map_err(|error| refused("tell its memory", error))?;
        let (free, total) = (free as u64, total as u64);
        Ok(Driver {
            shared: Arc::new(Shared { kernels, stream }),
            uploads: Mutex::new(uploads),
            others: free_before.map(|before| total.saturating_sub(before)),
            context_bytes: free_before.map(|before| before.saturating_sub(free)),
        })
    }

    /// The GPU's memory now.
    pub(super) fn memory(&self) -> Result<DriverMemory, CudaUnavailable> {
        let (free, total) =
            self.context().mem_get_info().map_err(|error| refused("tell its memory", error))?;
        Ok(DriverMemory {
            total: total as u64,
            free: free as u64,
            others: self.others,
            context: self.context_bytes,
        })
    }

    fn context(&self) -> &Arc<CudaContext> {
        self.shared.stream.context()
    }

    /// Allocates and zeroes.
    fn take(&self, bytes: usize) -> Result<Address, DriverError> {
        self.context().bind_to_thread()?;
        // SAFETY: the context is bound; the bytes zeroed are those just given.
        unsafe {
            let address = result::malloc_sync(bytes.max(1))?;
            let zeroed = result::memset_d8_async(address, 0, bytes, self.shared.stream.cu_stream());
            // No copy may overtake the zeros.
            match zeroed.and_then(|()| self.uploads().fence(&self.shared.stream)) {
                Ok(()) => Ok(address),
                Err(error) => result::free_sync(address).and(Err(error)),
            }
        }
    }

    fn uploads(&self) -> MutexGuard<'_, Uploads> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the driver's error means for an allocation or a step.
    fn refusal(&self, action: &'static str, error: DriverError) -> Refusal {
        if error.0 != sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY {
            return Refusal::Failure(failure(action, error));
        }
        let (free, total) = self.context().mem_get_info().unwrap_or_default();
        Refusal::NoMemory(NoMemory { free: free as u64, total: total as u64 })
    }
}

impl Runtime for Driver {
    fn allocate(&self, bytes: usize) -> Result<Address, Refusal> {
        self.take(bytes).map_err(|error| self.refusal("allocate", error))
    }

    unsafe fn release(&self, address: Address, _: usize) {
        let context = self.context();
        context.record_err(self.shared.stream.synchronize());
        // SAFETY: the caller's contract; nothing that was queued is still running.
        context.record_err(unsafe { result::free_sync(address) });
    }

    unsafe fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), DeviceFailure> {
        if bytes.is_empty() {
            return Ok(());
        }
        // SAFETY: the caller's contract.
        let copied = unsafe { self.uploads().copy(&self.shared.stream, to, bytes) };
        copied.map_err(|error| failure("copy to the GPU", error))
    }

    unsafe fn upload_beside(&self, to: Address, bytes: &[u8]) -> Result<(), DeviceFailure> {
        // SAFETY: the caller's contract.
        let copied = unsafe { self.uploads().copy_beside(&self.shared.stream, to, bytes) };
        copied.map_err(|error| failure("copy to the GPU", error))
    }

    unsafe fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), DeviceFailure> {
        if bytes.is_empty() {
            return Ok(());
        }
        let stream = &self.shared.stream;
        let mut copy = || {
            stream.context().bind_to_thread()?;
            // SAFETY: the caller's contract; the bytes are borrowed until the copy has finished.
            unsafe { result::memcpy_dtoh_async(bytes, from, stream.cu_stream())? };
            stream.synchronize()
        };
        copy().map_err(|error| failure("finish its work", error))
    }

    fn prepare(&self, orders: Vec<Order>, in_series: bool) -> Result<Box<dyn PreparedStep>, Refusal> {
        if orders.is_empty() {
            return Ok(Box::new(Nothing));
        }
        let graph = CapturedStep::of(&self.shared, &orders, in_series);
        Ok(Box::new(graph.map_err(|error| self.refusal("capture a step", error))?))
    }

    fn memory(&self) -> Option<DriverMemory> {
        Driver::memory(self).ok()
    }
}
