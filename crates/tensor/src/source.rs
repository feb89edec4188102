//! Datasets to train on: host memory, and perhaps a copy in a device's; and the rows of them that a run takes.
//!
//! On the host a dataset is read in place by the first kernel of a step; nothing is copied or converted beforehand. For a
//! device with its own memory it is copied there once, as it is, or else batch by batch.

use std::fmt;
use std::sync::Arc;

use crate::backend::Backend;
use crate::dataset::{DatasetRows, HostData, Samples, Targets};
use crate::error::Error;
use crate::ir::{DatasetNeeds, MemoryReport, SampleFormat, TargetFormat};
use crate::resident::{Resident, ResidentLayout};

/// A dataset in host memory, and perhaps a copy of it in a device's.
///
/// ```
/// use plangrad_tensor::{Samples, Source, Targets};
///
/// let pixels = Samples::U8((0..12).collect());
/// let source = Source::new(pixels, Targets::Classes(vec![0, 1, 2]), 4)?;
/// assert_eq!((source.len(), source.label(1)), (3, Some(1)));
/// let batches = source.batches(&[2, 0])?; // of any size that divides two
/// assert_eq!(batches.rows(), [2, 0]);
/// assert!(source.batches(&[3]).is_err());
/// # Ok::<(), plangrad_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Source {
    data: HostData,
    /// A copy in a device's memory.
    resident: Option<Arc<Resident>>,
}

/// Rows of a dataset in the order in which a run takes them.
///
/// Example: [`Source`].
#[derive(Clone, Copy, Debug)]
pub struct Batches<'a> {
    source: &'a Source,
    order: &'a [u32],
}

impl<'a> Batches<'a> {
    /// The dataset.
    #[must_use]
    pub fn source(&self) -> &'a Source {
        self.source
    }

    /// The rows, in order.
    #[must_use]
    pub fn rows(&self) -> &'a [u32] {
        self.order
    }

    /// The same in host memory.
    pub(crate) fn on_host(&self) -> DatasetRows<'a> {
        DatasetRows { data: &self.source.data, order: self.order }
    }
}

impl Source {
    /// A dataset of samples with `sample_elements` elements each.
    ///
    /// # Errors
    /// [`Error::Length`] if samples and targets do not count the same.
    pub fn new(samples: Samples, targets: Targets, sample_elements: usize) -> Result<Source, Error> {
        Ok(Source { data: HostData::new(samples, targets, sample_elements)?, resident: None })
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len
    }

    /// Whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements of one sample.
    #[must_use]
    pub fn sample_elements(&self) -> usize {
        self.data.sample_elements
    }

    /// All samples.
    #[must_use]
    pub fn samples(&self) -> &Samples {
        &self.data.samples
    }

    /// All samples, and all targets, as they lie in memory.
    #[must_use]
    pub fn bytes(&self) -> [&[u8]; 2] {
        [self.data.sample_bytes(), self.data.target_bytes()]
    }

    /// All targets.
    #[must_use]
    pub fn targets(&self) -> &Targets {
        &self.data.targets
    }

    /// The label of a row; `None` if there is no such row, or its targets are no classes.
    #[must_use]
    pub fn label(&self, row: u32) -> Option<usize> {
        match self.targets() {
            Targets::Classes(labels) => labels.get(row as usize).copied().map(usize::from),
            Targets::WideClasses(labels) => labels.get(row as usize).copied().map(usize::from),
            Targets::Values { .. } => None,
        }
    }

    /// What a copy in a device's memory takes there: samples, targets, and 4 bytes a sample for the order in which a run
    /// takes them.
    #[must_use]
    pub fn resident_report(&self) -> MemoryReport {
        let (samples, targets) = (self.data.sample_bytes().len(), self.data.target_bytes().len());
        ResidentLayout::new(samples, targets, self.len()).report()
    }

    /// The same for any dataset of `len` samples and targets of these formats.
    #[must_use]
    pub fn resident_report_of(samples: &SampleFormat, targets: TargetFormat, len: usize) -> MemoryReport {
        Source::resident_report_for(samples, targets, len, len)
    }

    /// The same with room for the order of batches of `rows` rows, should that be more.
    #[must_use]
    pub fn resident_report_for(
        samples: &SampleFormat,
        targets: TargetFormat,
        len: usize,
        rows: usize,
    ) -> MemoryReport {
        let sample_bytes = samples.shape.elements() * samples.dtype.size();
        let [sample_bytes, target_bytes] =
            [sample_bytes, targets.bytes()].map(|bytes| bytes.saturating_mul(len));
        ResidentLayout::new(sample_bytes, target_bytes, len.max(rows)).report()
    }

    /// Copies the dataset into the memory of a device, to be read there by the sessions of `backend`. Does nothing where a
    /// device reads host memory.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], or [`Error::Device`] if the device has failed; nothing is changed then.
    pub fn upload(&mut self, backend: &Backend) -> Result<(), Error> {
        self.upload_for(backend, self.len())
    }

    /// The same with room for the order of batches of `rows` rows: more than there are samples, if samples are taken again.
    ///
    /// # Errors
    /// As [`Source::upload`].
    pub fn upload_for(&mut self, backend: &Backend, rows: usize) -> Result<(), Error> {
        let rows = rows.max(self.len());
        let is_there = self.resident_on(backend).is_some_and(|resident| resident.room() >= rows);
        if backend.has_own_memory() && !is_there {
            self.resident = Some(Arc::new(Resident::upload(backend, &self.data, rows)?));
        }
        Ok(())
    }

    /// Gives a copy in a device's memory back.
    pub fn evict(&mut self) {
        self.resident = None;
    }

    /// Whether sessions of `backend` find a copy in its memory.
    #[must_use]
    pub fn is_resident(&self, backend: &Backend) -> bool {
        self.resident_on(backend).is_some()
    }

    /// These rows of the dataset, in this order.
    ///
    /// # Errors
    /// [`Error::Row`] if one of them does not exist.
    pub fn batches<'a>(&'a self, rows: &'a [u32]) -> Result<Batches<'a>, Error> {
        match rows.iter().find(|&&row| row as usize >= self.len()) {
            Some(&row) => Err(Error::Row { row, rows: self.len() }),
            None => Ok(Batches { source: self, order: rows }),
        }
    }

    pub(crate) fn resident_on(&self, backend: &Backend) -> Option<&Resident> {
        self.resident.as_deref().filter(|resident| resident.is_on(backend))
    }

    /// See [`HostData::check`].
    pub(crate) fn check(&self, needs: &DatasetNeeds) -> Result<(), Error> {
        self.data.check(needs)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resident = if self.resident.is_some() { ", resident" } else { "" };
        write!(f, "Source({} samples of {} elements{resident})", self.len(), self.sample_elements())
    }
}
