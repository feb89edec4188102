//! Pinned memory of the host, which a GPU reads by itself.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

use cudarc::driver::{CudaContext, DriverError, result};

/// Bytes of the host that never move, so that the GPU can read them by itself.
pub(super) struct Pinned {
    start: NonNull<u8>,
    bytes: usize,
    context: Arc<CudaContext>,
}

// SAFETY: the memory is owned like a `Box<[u8]>`; the driver's functions may be called from any thread.
unsafe impl Send for Pinned {}
// SAFETY: as above, and shared access only reads.
unsafe impl Sync for Pinned {}

impl Pinned {
    /// `bytes` bytes, zeroed.
    pub(super) fn new(context: &Arc<CudaContext>, bytes: usize) -> Result<Pinned, DriverError> {
        context.bind_to_thread()?;
        // SAFETY: the context is bound.
        let start = unsafe { result::malloc_host(bytes.max(1), 0)? };
        let start = NonNull::new(start.cast::<u8>()).unwrap_or(NonNull::dangling());
        // SAFETY: the driver has allocated at least this many bytes.
        unsafe { start.write_bytes(0, bytes) };
        Ok(Pinned { start, bytes, context: context.clone() })
    }

    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: this many initialised bytes exist as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, borrowed exclusively. Whoever lets the GPU read them waits for it before calling this again.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.context.record_err(self.context.bind_to_thread());
        // SAFETY: allocated in `new`, and no longer used.
        self.context.record_err(unsafe { result::free_host(self.start.as_ptr().cast::<c_void>()) });
    }
}
