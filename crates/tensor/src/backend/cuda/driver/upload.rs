//! Uploads to a GPU: two pinned buffers that alternate, so that one is filled while the other is being copied.
//!
//! The caller may change the bytes as soon as a call returns, and waits for the GPU only if both buffers are in use. So a
//! batch is collected while the step before it is computed, and copied *beside* it, on a separate stream:
//!
//! ```text
//! computing   … step 0 ──► step 1 ─────► step 2          a copy waits for what was queued before the last copy: for the
//!                ▲  └──────┐ ▲   └─────────┐ ▲           step that used the place it goes to, and not for the one
//! copying     … batch 0 ──► batch 1 ──► batch 2          that uses the other
//! ```

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaEvent, CudaStream, DriverError, result};

use super::memory::Pinned;

/// Fewer bytes than this are left to the driver, which copies them before it returns.
const FEW: usize = 16 << 10;
/// Most bytes of a buffer.
const MOST: usize = 32 << 20;

/// The buffers, and the stream for copies beside computing.
pub(super) struct Uploads {
    slots: [Option<PinnedSlot>; 2],
    next: usize,
    beside: Arc<CudaStream>,
    /// What had been queued when something was last copied beside computing.
    asked: CudaEvent,
    /// When that copy has arrived.
    arrived: CudaEvent,
}

/// A buffer, and when its last contents have arrived.
struct PinnedSlot {
    pinned: Pinned,
    arrived: CudaEvent,
}

impl Uploads {
    /// Beside what is queued in `stream`.
    pub(super) fn new(stream: &CudaStream) -> Result<Uploads, DriverError> {
        let context = stream.context();
        let [asked, arrived] = [context.new_event(None)?, context.new_event(None)?];
        let mut uploads =
            Uploads { slots: [None, None], next: 0, beside: context.new_stream()?, asked, arrived };
        uploads.fence(stream)?;
        Ok(uploads)
    }

    /// Lets the next copy beside computing wait for everything that has been queued in the stream.
    pub(super) fn fence(&mut self, stream: &CudaStream) -> Result<(), DriverError> {
        self.asked.record(stream)
    }

    /// Copies `bytes` to the address `to`, after everything that has been queued in the stream.
    ///
    /// # Safety
    /// `bytes.len()` bytes at `to` must be reserved.
    pub(super) unsafe fn copy(
        &mut self,
        stream: &CudaStream,
        to: u64,
        bytes: &[u8],
    ) -> Result<(), DriverError> {
        if bytes.len() < FEW {
            stream.context().bind_to_thread()?;
            // SAFETY: the caller's contract; bytes that are not pinned are copied before the call returns.
            return unsafe { result::memcpy_htod_async(to, bytes, stream.cu_stream()) };
        }
        for (i, part) in bytes.chunks(MOST).enumerate() {
            let to = to + (i * MOST) as u64;
            let Ok(slot) = self.slot(stream.context(), part.len()) else {
                // The system pins no more memory: slower, through the driver's own buffers.
                // SAFETY: as above.
                unsafe { result::memcpy_htod_async(to, part, stream.cu_stream())? };
                continue;
            };
            slot.arrived.synchronize()?;
            let place = &mut slot.pinned.bytes_mut()[..part.len()];
            place.copy_from_slice(part);
            // SAFETY: the caller's contract; the buffer is not changed before the event.
            unsafe { result::memcpy_htod_async(to, place, stream.cu_stream())? };
            slot.arrived.record(stream)?;
        }
        Ok(())
    }

    /// The same after everything queued in the stream before the last such call, or before [`Uploads::fence`] if that was
    /// later. What is queued in the stream next waits for it.
    ///
    /// # Safety
    /// `bytes.len()` bytes at `to` must be reserved.
    pub(super) unsafe fn copy_beside(
        &mut self,
        stream: &CudaStream,
        to: u64,
        bytes: &[u8],
    ) -> Result<(), DriverError> {
        let beside = self.beside.clone();
        beside.wait(&self.asked)?;
        self.fence(stream)?;
        // SAFETY: the caller's contract.
        unsafe { self.copy(&beside, to, bytes)? };
        self.arrived.record(&beside)?;
        stream.wait(&self.arrived)
    }

    /// The next buffer, with at least `bytes` bytes.
    fn slot(&mut self, context: &Arc<CudaContext>, bytes: usize) -> Result<&mut PinnedSlot, DriverError> {
        let slot = &mut self.slots[self.next];
        self.next = (self.next + 1) % 2;
        if let Some(small) = slot.take_if(|slot| slot.pinned.len() < bytes) {
            small.arrived.synchronize()?;
        }
        match slot {
            Some(slot) => Ok(slot),
            None => {
                let pinned = Pinned::new(context, bytes.next_power_of_two())?;
                Ok(slot.insert(PinnedSlot { pinned, arrived: context.new_event(None)? }))
            }
        }
    }
}
