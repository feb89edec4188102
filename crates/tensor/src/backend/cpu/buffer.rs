//! The one allocation of a session: zeroed, aligned to cache lines, entered in the ledger.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::Arc;

use super::context::Base;
use crate::device::{Entry, Ledger, SystemMemory};
use crate::error::Error;
use crate::ir::{ALIGNMENT, MemoryReport};

/// Bytes owned by an arena.
pub(super) struct Buffer {
    start: NonNull<u8>,
    layout: Layout,
    _entry: Entry,
}

// SAFETY: the buffer owns its memory like a `Box<[u8]>`, and lends it as one does.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    pub(super) fn reserve(
        bytes: usize,
        ledger: &Arc<Ledger>,
        report: &MemoryReport,
    ) -> Result<Buffer, Error> {
        let entry = ledger.enter(bytes as u64, report)?;
        let refused = || {
            let system = SystemMemory::now();
            ledger.out_of_memory(bytes as u64, system.free, system.total, report)
        };
        let layout = Layout::from_size_align(bytes, ALIGNMENT).map_err(|_| refused())?;
        if bytes == 0 {
            return Ok(Buffer { start: NonNull::<Line>::dangling().cast(), layout, _entry: entry.granted() });
        }
        // SAFETY: the layout's size is not zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or_else(refused)?;
        Ok(Buffer { start, layout, _entry: entry.granted() })
    }

    pub(super) fn len(&self) -> usize {
        self.layout.size()
    }

    pub(super) fn base(&mut self) -> Base {
        Base::new(self.start.as_ptr())
    }

    pub(super) fn contents(&self) -> &[u8] {
        // SAFETY: `start` is valid for `len` initialised bytes as long as `self` lives.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len()) }
    }

    pub(super) fn contents_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len()) }
    }
}

/// Something as aligned as the buffer.
#[repr(align(64))]
struct Line;

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.layout.size() > 0 {
            // SAFETY: allocated in `reserve` with this very layout.
            unsafe { dealloc(self.start.as_ptr(), self.layout) }
        }
    }
}
