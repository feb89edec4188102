//! Datasets in a device's own memory: samples and targets as they are on the host, and room for the order in which a
//! run takes them.

use std::sync::{PoisonError, RwLock};

use crate::backend::{Backend, Memory, Origin, ResidentParts};
use crate::dataset::HostData;
use crate::error::Error;
use crate::ir::{Category, Extent, MOST_BYTES, MemoryReport, align};

/// Where the parts of a dataset lie in their reservation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResidentLayout {
    parts: [Extent; 3],
}

impl ResidentLayout {
    /// For so many bytes of samples and of targets, and the order of at most `rows` rows at a time. Sizes that no memory
    /// has are counted as the largest that any reservation can have.
    pub(crate) fn new(sample_bytes: usize, target_bytes: usize, rows: usize) -> ResidentLayout {
        let mut offset = 0;
        let parts = [sample_bytes, target_bytes, rows.saturating_mul(4)].map(|bytes| {
            let extent = Extent { offset, bytes: bytes.min(MOST_BYTES) };
            offset += align(extent.bytes);
            extent
        });
        ResidentLayout { parts }
    }

    /// Samples, targets and order are the dataset; what aligns them is workspace.
    pub(crate) fn report(&self) -> MemoryReport {
        let labelled = self.parts.map(|extent| (Category::Dataset, extent));
        let mut report = MemoryReport::default();
        report.count(&labelled, 0..self.bytes());
        report
    }

    fn bytes(&self) -> usize {
        align(self.parts[2].end())
    }
}

/// A dataset in a device's memory. Given back when dropped.
pub(crate) struct Resident {
    memory: RwLock<Box<dyn Memory>>,
    backend: Backend,
    layout: ResidentLayout,
}

impl Resident {
    /// Copies a dataset into its own memory on `backend`, with room for the order of so many rows.
    pub(crate) fn upload(backend: &Backend, data: &HostData, rows: usize) -> Result<Resident, Error> {
        let layout = ResidentLayout::new(data.sample_bytes().len(), data.target_bytes().len(), rows);
        let mut memory = backend.reserve_memory(layout.bytes(), &layout.report())?;
        let [samples, targets, _] = layout.parts;
        memory.write(samples.offset, data.sample_bytes())?;
        memory.write(targets.offset, data.target_bytes())?;
        Ok(Resident { memory: RwLock::new(memory), backend: backend.clone(), layout })
    }

    /// Rows whose order there is room for.
    pub(crate) fn room(&self) -> usize {
        self.layout.parts[2].bytes / 4
    }

    pub(crate) fn is_on(&self, backend: &Backend) -> bool {
        self.backend.is(backend)
    }

    /// Lets `run` take `rows`, as many at a time as there is room for their order: at least `step`, which are never parted.
    pub(crate) fn feed(
        &self,
        rows: &[u32],
        step: usize,
        mut run: impl FnMut(&Origin<'_>, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let [samples, targets, order] = self.layout.parts;
        let parts = ResidentParts { samples, targets, order };
        let feed = |memory: &'_ dyn Memory, rows: &[u32]| -> Result<(), Error> {
            run(&Origin::Resident { memory, parts, order: rows }, rows.len() / step)
        };
        self.feed_parts(rows.chunks(self.room() / step * step), order, feed)
    }

    /// Threads of the host take the order from the feed, so there nothing is written once the dataset is there, and several
    /// sessions read it at once. Elsewhere the order must stay until all that reads it is queued.
    fn feed_parts<'r>(
        &self,
        mut chunks: impl Iterator<Item = &'r [u32]>,
        order: Extent,
        mut feed: impl FnMut(&dyn Memory, &[u32]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        {
            let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
            if memory.host().is_some() {
                return chunks.try_for_each(|rows| feed(&**memory, rows));
            }
        }
        chunks.try_for_each(|rows| {
            let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
            memory.write(order.offset, bytemuck::cast_slice(rows))?;
            feed(&**memory, rows)
        })
    }
}
