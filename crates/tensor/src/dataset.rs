//! Datasets in host memory. What can be wrong with one is found here, before anything runs: kernels index it without a
//! second look.

use crate::error::{DataKind, Error, SourceError};
use crate::ir::{DType, DatasetNeeds, Extent, SampleNeed, TargetFormat};

/// The samples of a dataset, one after another.
///
/// Example: [`Source`](crate::Source).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Samples {
    /// Pixels as they lie in the file.
    U8(Vec<u8>),
    /// Values of tables.
    F32(Vec<f32>),
}

/// What is known about each sample.
///
/// Example: [`Source`](crate::Source).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Targets {
    /// A class each, for plans of up to 256 classes.
    Classes(Vec<u8>),
    /// A class each, for plans of more.
    WideClasses(Vec<u16>),
    /// `width` values each.
    Values {
        /// All values, sample by sample.
        values: Vec<f32>,
        /// Values per sample.
        width: usize,
    },
}

/// A dataset in host memory whose samples and targets count the same.
#[derive(Clone, Debug)]
pub(crate) struct HostData {
    pub(crate) samples: Samples,
    pub(crate) targets: Targets,
    pub(crate) sample_elements: usize,
    pub(crate) len: usize,
    /// First sample with the largest label.
    largest_label: Option<(usize, u16)>,
}

/// Rows of a dataset in the order in which a run takes them, all of which exist.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DatasetRows<'a> {
    pub(crate) data: &'a HostData,
    pub(crate) order: &'a [u32],
}

impl HostData {
    /// # Errors
    /// [`Error::Length`] if samples and targets do not count the same.
    pub(crate) fn new(samples: Samples, targets: Targets, sample_elements: usize) -> Result<HostData, Error> {
        let elements = match &samples {
            Samples::U8(bytes) => bytes.len(),
            Samples::F32(values) => values.len(),
        };
        let (len, target_elements, expected) = match &targets {
            Targets::Classes(labels) => (labels.len(), labels.len(), labels.len()),
            Targets::WideClasses(labels) => (labels.len(), labels.len(), labels.len()),
            Targets::Values { values, width } => {
                let len = values.len() / (*width).max(1);
                (len, values.len(), len * width)
            }
        };
        let length = |what, expected, found| Error::Length { what, expected, found };
        if target_elements != expected {
            return Err(length(DataKind::Targets, expected, target_elements));
        }
        match len.checked_mul(sample_elements) {
            Some(n) if n == elements && u32::try_from(len).is_ok() => {}
            _ => return Err(length(DataKind::Samples, len.saturating_mul(sample_elements), elements)),
        }
        let largest_label = match &targets {
            Targets::Classes(labels) => first_largest(labels).map(|(row, label)| (row, label.into())),
            Targets::WideClasses(labels) => first_largest(labels),
            Targets::Values { .. } => None,
        };
        Ok(HostData { samples, targets, sample_elements, len, largest_label })
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
            Targets::WideClasses(labels) => bytemuck::cast_slice(labels),
            Targets::Values { values, .. } => bytemuck::cast_slice(values),
        }
    }

    /// Copies rows, one after another, into `memory`: their samples and their targets to these places. What the plans do
    /// not read has no room there, and stays.
    pub(crate) fn copy_rows(&self, order: &[u32], memory: &mut [u8], [samples, targets]: [Extent; 2]) {
        for (source, place) in [(self.sample_bytes(), samples), (self.target_bytes(), targets)] {
            let width = source.len() / self.len.max(1);
            let room = &mut memory[place.offset..place.end()];
            for (&row, to) in order.iter().zip(room.chunks_exact_mut(width.max(1))).filter(|_| width > 0) {
                to.copy_from_slice(&source[row as usize * width..][..width]);
            }
        }
    }

    /// Whether a plan can read this dataset.
    ///
    /// # Errors
    /// [`Error::Source`] or [`Error::Label`] if not. Allocates only to say why.
    pub(crate) fn check(&self, needs: &DatasetNeeds) -> Result<(), Error> {
        self.check_samples(needs.samples)?;
        self.check_targets(needs.targets)?;
        match (self.largest_label, needs.classes) {
            (Some((row, label)), Some(classes)) if usize::from(label) >= classes => {
                Err(Error::Label { row, label, classes })
            }
            _ => Ok(()),
        }
    }

    fn check_samples(&self, expected: Option<SampleNeed>) -> Result<(), Error> {
        let dtype = match self.samples {
            Samples::U8(_) => DType::U8,
            Samples::F32(_) => DType::F32,
        };
        let found = SampleNeed { elements: self.sample_elements, dtype };
        match expected.filter(|expected| *expected != found) {
            None => Ok(()),
            Some(expected) => {
                Err(SourceError::Content { expected: expected.into(), found: found.into() }.into())
            }
        }
    }

    fn check_targets(&self, expected: Option<TargetFormat>) -> Result<(), Error> {
        let found = match &self.targets {
            Targets::Classes(_) => TargetFormat::Class,
            Targets::WideClasses(_) => TargetFormat::WideClass,
            Targets::Values { width, .. } => TargetFormat::Values(*width),
        };
        match expected.filter(|expected| *expected != found) {
            None => Ok(()),
            Some(expected) => {
                Err(SourceError::Content { expected: expected.into(), found: found.into() }.into())
            }
        }
    }
}

/// The first sample with the largest label.
fn first_largest<T: Copy + Ord>(labels: &[T]) -> Option<(usize, T)> {
    let max = labels.iter().copied().max()?;
    labels.iter().position(|&label| label == max).map(|row| (row, max))
}
