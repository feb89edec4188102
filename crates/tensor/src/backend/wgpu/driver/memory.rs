//! Memory of an adapter: a buffer, entered in the ledger, and behind its bytes the feed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wgpu::{Buffer, BufferDescriptor, BufferUsages, ErrorFilter};

use super::gpu::{Gpu, LABEL};
use crate::backend::Memory;
use crate::device::{Ledger, Reservation};
use crate::error::{DeviceFailure, Error};
use crate::ir::{ALIGNMENT, MemoryReport};

pub(super) struct GpuMemory {
    pub(super) gpu: Arc<Gpu>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) buffer: Buffer,
    /// Tells it from all others, also from those that are gone.
    pub(super) number: u64,
    bytes: usize,
    _entry: Reservation,
}

impl GpuMemory {
    /// So many bytes, zeroed.
    pub(super) fn reserve(
        gpu: &Arc<Gpu>,
        ledger: &Arc<Ledger>,
        bytes: usize,
        report: &MemoryReport,
    ) -> Result<GpuMemory, Error> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let entry = ledger.enter(bytes as u64, report)?;
        let most = gpu.largest_buffer();
        let size = allocated(bytes);
        if size > most {
            return Err(ledger.out_of_memory(bytes as u64, most, most, report));
        }
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let descriptor = BufferDescriptor { label: LABEL, size, usage, mapped_at_creation: false };
        let (buffer, refused) =
            gpu.catching(ErrorFilter::OutOfMemory, || gpu.device.create_buffer(&descriptor));
        gpu.check().map_err(|failure| failed(failure, ledger))?;
        if refused.is_some() {
            let total = ledger.reading().budget.unwrap_or(most);
            return Err(ledger.out_of_memory(bytes as u64, 0, total, report));
        }
        let (gpu, ledger) = (gpu.clone(), ledger.clone());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Ok(GpuMemory { gpu, ledger, buffer, number, bytes, _entry: entry.granted() })
    }

    /// Where the feed lies.
    pub(super) fn feed(&self) -> u64 {
        self.bytes.next_multiple_of(ALIGNMENT) as u64
    }

    pub(super) fn upload(&self, offset: usize, bytes: &[u8]) -> Result<(), DeviceFailure> {
        assert!(offset + bytes.len() <= self.bytes, "bytes beyond the memory");
        self.gpu.upload(&self.buffer, offset as u64, bytes)
    }
}

impl Memory for GpuMemory {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        self.upload(offset, bytes).map_err(|failure| failed(failure, &self.ledger))
    }

    fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<(), Error> {
        assert!(offset + bytes.len() <= self.bytes, "bytes beyond the memory");
        self.gpu.download(&self.buffer, offset as u64, bytes).map_err(|failure| failed(failure, &self.ledger))
    }
}

impl Drop for GpuMemory {
    fn drop(&mut self) {
        // The driver gives it back once the device has finished with it.
        self.buffer.destroy();
    }
}

/// The error for a device that has failed.
pub(super) fn failed(reason: DeviceFailure, ledger: &Ledger) -> Error {
    Error::Device { device: ledger.device(), reason }
}

/// Bytes of the buffer: its own and the feed, both aligned.
fn allocated(bytes: usize) -> u64 {
    (bytes.next_multiple_of(ALIGNMENT) + ALIGNMENT) as u64
}
