//! Datasets in host memory, and the rows of them that a run takes.
//!
//! On the host a dataset is read in place by the first kernel of a step; nothing is copied or converted beforehand. For a
//! device with memory of its own it is copied there once, as it is, or else batch by batch. What can be wrong with it is found here, before anything runs: kernels index it without a second look.

use std::fmt;
use std::sync::Arc;

use crate::backend::Backend;
use crate::ops::gather::{SampleFormat, TargetFormat};
use crate::plan::{Extent, Kernel};
use crate::resident::{Resident, ResidentLayout};
use crate::{DType, Error, MemoryReport};

/// The samples of a dataset, one after another.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// Pixels as they lie in the file.
    U8(Vec<u8>),
    /// Values of tables.
    F32(Vec<f32>),
}

/// What is known about each sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// A class each.
    Classes(Vec<u8>),
    /// `width` values each.
    Values {
        /// All values, sample by sample.
        values: Vec<f32>,
        /// Values per sample.
        width: usize,
    },
}

/// A dataset in host memory, and perhaps a copy of it in a device's.
#[derive(Clone)]
pub struct Source {
    samples: Samples,
    targets: Targets,
    sample_elements: usize,
    len: usize,
    /// First sample with the largest label.
    largest_label: Option<(usize, u8)>,
    /// A copy in a device's memory.
    resident: Option<Arc<Resident>>,
}

/// Rows of a dataset in the order in which a run takes them.
#[derive(Clone, Copy, Debug)]
pub struct Batches<'a> {
    pub(crate) source: &'a Source,
    pub(crate) rows: &'a [u32],
}

impl Source {
    /// A dataset of samples with `sample_elements` elements each.
    ///
    /// # Errors
    /// [`Error::Length`] if samples and targets do not count the same.
    pub fn new(samples: Samples, targets: Targets, sample_elements: usize) -> Result<Source, Error> {
        let elements = match &samples {
            Samples::U8(bytes) => bytes.len(),
            Samples::F32(values) => values.len(),
        };
        let (len, target_elements, expected) = match &targets {
            Targets::Classes(labels) => (labels.len(), labels.len(), labels.len()),
            Targets::Values { values, width } => {
                let len = values.len() / (*width).max(1);
                (len, values.len(), len * width)
            }
        };
        let length = |what: &str, expected, found| Error::Length { what: what.into(), expected, found };
        if target_elements != expected {
            return Err(length("the list of targets", expected, target_elements));
        }
        match len.checked_mul(sample_elements) {
            Some(n) if n == elements && u32::try_from(len).is_ok() => {}
            _ => return Err(length("the list of samples", len.saturating_mul(sample_elements), elements)),
        }
        let largest_label = match &targets {
            Targets::Classes(labels) => labels.iter().max().map(|&max| {
                (labels.iter().position(|&label| label == max).expect("the maximum is among them"), max)
            }),
            Targets::Values { .. } => None,
        };
        Ok(Source { samples, targets, sample_elements, len, largest_label, resident: None })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Elements of one sample.
    pub fn sample_elements(&self) -> usize {
        self.sample_elements
    }

    /// All samples.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// All targets.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// What a copy in a device's memory takes there: samples, targets, and 4 bytes a sample for the order in which a run
    /// takes them.
    pub fn resident_report(&self) -> MemoryReport {
        self.resident_layout(self.len).report()
    }

    /// The same for any dataset of `len` samples and targets of these formats.
    pub fn resident_report_of(samples: &SampleFormat, targets: TargetFormat, len: usize) -> MemoryReport {
        Source::resident_report_for(samples, targets, len, len)
    }

    /// The same with room for the order of batches of `rows` rows, should that be more.
    pub fn resident_report_for(
        samples: &SampleFormat,
        targets: TargetFormat,
        len: usize,
        rows: usize,
    ) -> MemoryReport {
        let sample_bytes = samples.shape.elements() * samples.dtype.size();
        ResidentLayout::new(len * sample_bytes, len * targets.bytes(), len.max(rows)).report()
    }

    /// Copies the dataset into the memory of a device, to be read there by the sessions of `backend`. Where a device reads
    /// host memory, nothing is to be done, and nothing is.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], or [`Error::Device`] if the device has failed; nothing is changed then.
    pub fn upload(&mut self, backend: &Arc<dyn Backend>) -> Result<(), Error> {
        self.upload_for(backend, self.len)
    }

    /// The same with room for the order of batches of `rows` rows: more than there are samples, if samples are taken again.
    ///
    /// # Errors
    /// As [`Source::upload`].
    pub fn upload_for(&mut self, backend: &Arc<dyn Backend>, rows: usize) -> Result<(), Error> {
        let rows = rows.max(self.len);
        let is_there = self.resident_on(backend).is_some_and(|resident| resident.room() >= rows);
        if backend.has_own_memory() && !is_there {
            self.resident = Some(Arc::new(Resident::upload(backend, self, rows)?));
        }
        Ok(())
    }

    /// Gives a copy in a device's memory back.
    pub fn evict(&mut self) {
        self.resident = None;
    }

    /// Whether sessions of `backend` find a copy in its memory.
    pub fn is_resident(&self, backend: &Arc<dyn Backend>) -> bool {
        self.resident_on(backend).is_some()
    }

    /// These rows of the dataset, in this order.
    ///
    /// # Errors
    /// [`Error::Row`] if one of them does not exist.
    pub fn batches<'a>(&'a self, rows: &'a [u32]) -> Result<Batches<'a>, Error> {
        match rows.iter().find(|&&row| row as usize >= self.len) {
            Some(&row) => Err(Error::Row { row, rows: self.len }),
            None => Ok(Batches { source: self, rows }),
        }
    }

    pub(crate) fn resident_on(&self, backend: &Arc<dyn Backend>) -> Option<&Resident> {
        self.resident.as_deref().filter(|resident| resident.is_on(backend))
    }

    /// Where its parts lie in a device's memory, with room for the order of so many rows.
    pub(crate) fn resident_layout(&self, rows: usize) -> ResidentLayout {
        ResidentLayout::new(self.sample_bytes().len(), self.target_bytes().len(), rows)
    }

    /// All samples as they lie in memory.
    pub(crate) fn sample_bytes(&self) -> &[u8] {
        match &self.samples {
            Samples::U8(bytes) => bytes,
            Samples::F32(values) => bytemuck::cast_slice(values),
        }
    }

    /// All targets as they lie in memory.
    pub(crate) fn target_bytes(&self) -> &[u8] {
        match &self.targets {
            Targets::Classes(labels) => labels,
            Targets::Values { values, .. } => bytemuck::cast_slice(values),
        }
    }

    /// Copies `rows`, one after another, into `memory`: their samples and their targets to these places. What the plans
    /// do not read has no room there, and stays.
    pub(crate) fn copy_rows(&self, rows: &[u32], memory: &mut [u8], [samples, targets]: [Extent; 2]) {
        for (source, place) in [(self.sample_bytes(), samples), (self.target_bytes(), targets)] {
            let width = source.len() / self.len.max(1);
            let room = &mut memory[place.offset..place.end()];
            for (&row, to) in rows.iter().zip(room.chunks_exact_mut(width.max(1))).filter(|_| width > 0) {
                to.copy_from_slice(&source[row as usize * width..][..width]);
            }
        }
    }

    /// Whether `kernel`, if it reads a dataset, can read this one. Allocates only to say why not.
    pub(crate) fn check(&self, kernel: &Kernel) -> Result<(), Error> {
        match kernel {
            Kernel::Gather(k) => self.check_samples(k.channels * k.pixels, k.dtype),
            Kernel::GatherTargets(k) => self.check_targets(k.format),
            Kernel::CrossEntropy(k) => self.check_labels(k.columns),
            _ => Ok(()),
        }
    }

    fn check_samples(&self, elements: usize, dtype: DType) -> Result<(), Error> {
        let found = match self.samples {
            Samples::U8(_) => DType::U8,
            Samples::F32(_) => DType::F32,
        };
        if (elements, dtype) == (self.sample_elements, found) {
            return Ok(());
        }
        Err(Error::Source {
            expected: format!("samples of {elements} {dtype}"),
            found: format!("samples of {} {found}", self.sample_elements),
        })
    }

    fn check_targets(&self, expected: TargetFormat) -> Result<(), Error> {
        let found = match &self.targets {
            Targets::Classes(_) => TargetFormat::Class,
            Targets::Values { width, .. } => TargetFormat::Values(*width),
        };
        if expected == found {
            return Ok(());
        }
        let describe = |format| match format {
            TargetFormat::Class => "class labels".to_string(),
            TargetFormat::Values(1) => "one target value per sample".to_string(),
            TargetFormat::Values(width) => format!("{width} target values per sample"),
        };
        Err(Error::Source { expected: describe(expected), found: describe(found) })
    }

    /// No label may be beyond the classes the plan compares it with.
    fn check_labels(&self, classes: usize) -> Result<(), Error> {
        match self.largest_label {
            Some((row, label)) if usize::from(label) >= classes => Err(Error::Label { row, label, classes }),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resident = if self.resident.is_some() { ", resident" } else { "" };
        write!(f, "Source({} samples of {} elements{resident})", self.len, self.sample_elements)
    }
}
