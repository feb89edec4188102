//! Datasets in a device's own memory: samples and targets as they are on the host, and room for the order in which a
//! run takes them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::backend::{Arena, Backend, Feed};
use crate::plan::{Category, Extent, align};
use crate::source::Source;
use crate::{Error, MemoryReport};

/// Where the parts of a dataset lie in their reservation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResidentLayout {
    parts: [Extent; 3],
}

impl ResidentLayout {
    /// For so many bytes of samples and of targets, and the order of at most `rows` rows at a time.
    pub(crate) fn new(sample_bytes: usize, target_bytes: usize, rows: usize) -> ResidentLayout {
        let mut offset = 0;
        let parts = [sample_bytes, target_bytes, 4 * rows].map(|bytes| {
            let extent = Extent { offset, bytes };
            offset += align(bytes);
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
    memory: Mutex<Box<dyn Arena>>,
    backend: Arc<dyn Backend>,
    layout: ResidentLayout,
}

impl Resident {
    /// Copies a dataset into memory of its own on `backend`, with room for the order of so many rows.
    pub(crate) fn upload(
        backend: &Arc<dyn Backend>,
        source: &Source,
        rows: usize,
    ) -> Result<Resident, Error> {
        let layout = source.resident_layout(rows);
        let mut memory = backend.reserve(layout.bytes(), &layout.report())?;
        let [samples, targets, _] = layout.parts.map(|part| part.offset);
        memory.write(samples, source.sample_bytes())?;
        memory.write(targets, source.target_bytes())?;
        Ok(Resident { memory: Mutex::new(memory), backend: backend.clone(), layout })
    }

    /// Rows whose order there is room for.
    pub(crate) fn room(&self) -> usize {
        self.layout.parts[2].bytes / 4
    }

    pub(crate) fn is_on(&self, backend: &Arc<dyn Backend>) -> bool {
        Arc::ptr_eq(&self.backend, backend)
    }

    /// Lets `run` take `rows`, as many at a time as there is room for their order: at least `step`, which are never parted.
    pub(crate) fn feed(
        &self,
        rows: &[u32],
        step: usize,
        mut run: impl FnMut(&Feed<'_>, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let [.., order] = self.layout.parts;
        for rows in rows.chunks(self.room() / step * step) {
            let mut memory = self.memory();
            let base = memory.address();
            memory.write(order.offset, bytemuck::cast_slice(rows))?;
            // Threads of the host take the rows from the feed. They must not wait for one another here: what runs may take
            // up other work of a pool, on this very stack, which wants this dataset too. Elsewhere the order stays until
            // all that reads it is queued.
            let held = memory.host().is_none().then_some(memory);
            let [samples, targets, order] = self.layout.parts.map(|part| base + part.offset);
            run(&Feed::Resident { samples, targets, order, rows }, rows.len() / step)?;
            drop(held);
        }
        Ok(())
    }

    fn memory(&self) -> MutexGuard<'_, Box<dyn Arena>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
