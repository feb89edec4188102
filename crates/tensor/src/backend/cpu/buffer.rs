//! The one reservation of a session: mapped from the system, so that it is zero, starts at a page, is given back to the
//! system when dropped, and the ledger tells what the process really holds. An allocator would keep what is freed.

use std::sync::Arc;

use memmap2::{MmapMut, MmapRaw};

use super::context::Base;
use crate::device::{Ledger, Reservation, SystemMemory};
use crate::error::Error;
use crate::ir::{ALIGNMENT, MemoryReport};

/// Bytes owned by an arena.
pub(super) struct Buffer {
    /// `None` where there are no bytes, which cannot be mapped. Raw, for kernels are given pointers, and no reference to
    /// all of it may exist while they write.
    memory: Option<MmapRaw>,
    _entry: Reservation,
}

impl Buffer {
    pub(super) fn reserve(
        bytes: usize,
        ledger: &Arc<Ledger>,
        report: &MemoryReport,
    ) -> Result<Buffer, Error> {
        let entry = ledger.enter(bytes as u64, report)?;
        let refused = |_| {
            let system = SystemMemory::now();
            ledger.out_of_memory(bytes as u64, system.free, system.total, report)
        };
        let memory = match bytes {
            0 => None,
            _ => Some(MmapMut::map_anon(bytes).map_err(refused)?.into()),
        };
        Ok(Buffer { memory, _entry: entry.granted() })
    }

    pub(super) fn len(&self) -> usize {
        self.memory.as_ref().map_or(0, MmapRaw::len)
    }

    fn start(&self) -> *mut u8 {
        self.memory.as_ref().map_or(std::ptr::without_provenance_mut(ALIGNMENT), MmapRaw::as_mut_ptr)
    }

    pub(super) fn base(&mut self) -> Base {
        Base::new(self.start(), self.len())
    }

    pub(super) fn contents(&self) -> &[u8] {
        // SAFETY: mapped, and initialised by the system, as long as `self` lives; an empty slice may start anywhere aligned.
        // Nothing writes while `self` is borrowed: who writes, kernels included, borrows it exclusively.
        unsafe { std::slice::from_raw_parts(self.start(), self.len()) }
    }

    pub(super) fn contents_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start(), self.len()) }
    }
}
