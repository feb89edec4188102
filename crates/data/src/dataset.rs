//! A dataset in memory: its parts, as plain arrays, and what their numbers mean.

use crate::{DatasetName, Error, Result, TableRows, TableSchema};

/// A dataset in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Which dataset.
    pub name: DatasetName,
    /// Shape of one sample: `[channels, height, width]` of an image, `[features]` of a table's row.
    pub sample_shape: Vec<usize>,
    /// Class names in label order; empty for a regression.
    pub classes: Vec<String>,
    /// The training part; empty if only the test part was loaded.
    pub train: Subset,
    /// Samples taken out of the training part to evaluate a network on while it learns; empty unless asked for.
    pub validation: Subset,
    /// The test part; empty if only the training part was loaded, or if the dataset has none.
    pub test: Subset,
    /// Whole sentences for the user, such as how much of a partial dataset exists.
    pub notes: Vec<String>,
    /// Columns and statistics of a table; `None` for images.
    pub table: Option<TableSchema>,
    /// Statistics of the training pixels of a dataset without well-known ones.
    pub pixels: Option<PixelStatistics>,
    /// What is known about the rows of a table besides their values; `None` for images.
    pub table_rows: Option<TableRows>,
}

/// Mean and standard deviation of each channel, of `pixel / 255`.
#[derive(Clone, Debug, PartialEq)]
pub struct PixelStatistics {
    /// Means.
    pub mean: Vec<f32>,
    /// Standard deviations, at least one level of grey (1/255).
    pub std: Vec<f32>,
}

impl PixelStatistics {
    /// Those of images one after another, each of `plane` pixels per channel. Exact: pixels are counted by value.
    pub(crate) fn of(pixels: &[u8], channels: usize, plane: usize) -> Self {
        let mut counts = vec![[0_u64; 256]; channels];
        for (place, plane) in pixels.chunks_exact(plane.max(1)).enumerate() {
            let counts = &mut counts[place % channels];
            plane.iter().for_each(|&pixel| counts[usize::from(pixel)] += 1);
        }
        let moments = |counts: &[u64; 256]| {
            let total = counts.iter().sum::<u64>().max(1) as f64;
            let mean = counts.iter().zip(0_u32..).map(|(&n, v)| n as f64 * f64::from(v)).sum::<f64>() / total;
            let squares = counts.iter().zip(0_u32..).map(|(&n, v)| n as f64 * (f64::from(v) - mean).powi(2));
            let std = (squares.sum::<f64>() / total).sqrt();
            ((mean / 255.0) as f32, (std.max(1.0) / 255.0) as f32)
        };
        let (mean, std) = counts.iter().map(moments).unzip();
        Self { mean, std }
    }
}

impl Dataset {
    /// Outputs of a network for it: one for each class, or one for a number.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.classes.len().max(1)
    }

    /// Values per sample: the product of its shape.
    #[must_use]
    pub fn sample_len(&self) -> usize {
        self.sample_shape.iter().product()
    }
}

/// One split of a dataset: samples and their targets, in the order of the files.
#[derive(Clone, Debug, PartialEq)]
pub struct Subset {
    /// The samples, one after another.
    pub samples: Samples,
    /// One target for each sample.
    pub targets: Targets,
    sample_len: usize,
}

impl Subset {
    /// A part with `sample_len` values per sample.
    ///
    /// # Errors
    ///
    /// [`Error::SplitLength`] if the number of values is not `sample_len` times the number of targets.
    pub fn new(samples: Samples, targets: Targets, sample_len: usize) -> Result<Self> {
        if targets.len().checked_mul(sample_len) != Some(samples.len()) {
            return Err(Error::SplitLength { values: samples.len(), sample_len, targets: targets.len() });
        }
        Ok(Self { samples, targets, sample_len })
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values per sample.
    #[must_use]
    pub fn sample_len(&self) -> usize {
        self.sample_len
    }

    /// The sample with this index; `None` past the end.
    #[must_use]
    pub fn sample(&self, index: usize) -> Option<Sample<'_>> {
        let start = index.checked_mul(self.sample_len)?;
        let range = start..start.checked_add(self.sample_len)?;
        match &self.samples {
            _ if index >= self.len() => None,
            Samples::U8(values) => values.get(range).map(Sample::U8),
            Samples::F32(values) => values.get(range).map(Sample::F32),
        }
    }

    /// The target with this index; `None` past the end.
    #[must_use]
    pub fn target(&self, index: usize) -> Option<Target> {
        match &self.targets {
            Targets::Classes(classes) => classes.get(index).copied().map(Target::Class),
            Targets::Values(values) => values.get(index).copied().map(Target::Value),
        }
    }

    /// An empty part of the same kind.
    pub(crate) fn emptied(&self) -> Self {
        let samples = match self.samples {
            Samples::U8(_) => Samples::U8(Vec::new()),
            Samples::F32(_) => Samples::F32(Vec::new()),
        };
        let targets = match self.targets {
            Targets::Classes(_) => Targets::Classes(Vec::new()),
            Targets::Values(_) => Targets::Values(Vec::new()),
        };
        Self { samples, targets, sample_len: self.sample_len }
    }
}

/// Samples one after another, row-major, without gaps.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// Pixels, not normalised; the channels of an image one after another.
    U8(Vec<u8>),
    /// Features of a table, standardised unless [`Normalize::None`](crate::Normalize::None) was requested.
    F32(Vec<f32>),
}

impl Samples {
    /// The number of values, not of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::F32(values) => values.len(),
        }
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The correct output for each sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Labels: indices of class names, of which there are at most [`MOST_CLASSES`](crate::MOST_CLASSES).
    Classes(Vec<u16>),
    /// Numbers as the file has them, for a regression.
    Values(Vec<f64>),
}

impl Targets {
    /// Number of targets.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.len(),
            Self::Values(values) => values.len(),
        }
    }

    /// Whether there are no targets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sample<'a> {
    /// Pixels, not normalised.
    U8(&'a [u8]),
    /// Features of a row.
    F32(&'a [f32]),
}

/// One target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// A label.
    Class(u16),
    /// A number as the file has it.
    Value(f64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_pixels_are_those_of_each_channel() {
        // Two images of two channels with two pixels each.
        let of = PixelStatistics::of(&[0, 255, 10, 10, 0, 255, 10, 10], 2, 2);
        assert_eq!(of.mean, [0.5, (10.0_f64 / 255.0) as f32]);
        assert_eq!(of.std, [0.5, (1.0_f64 / 255.0) as f32]);
    }

    #[test]
    fn samples_and_targets_are_found_by_index_up_to_the_end() {
        let split = Subset::new(Samples::U8(vec![1, 2, 3, 4]), Targets::Classes(vec![7, 8]), 2).unwrap();
        assert_eq!((split.len(), split.sample_len()), (2, 2));
        assert_eq!(split.sample(1), Some(Sample::U8(&[3, 4])));
        assert_eq!(split.target(1), Some(Target::Class(8)));
        assert_eq!((split.sample(2), split.target(2)), (None, None));
        assert_eq!(split.sample(usize::MAX), None);
        assert!(split.emptied().is_empty());
    }

    #[test]
    fn a_split_with_inconsistent_lengths_is_refused() {
        let error = Subset::new(Samples::F32(vec![0.0; 5]), Targets::Values(vec![0.0; 2]), 2).unwrap_err();
        assert_eq!(error.to_string(), "2 targets need 2 samples of 2 values each, found 5 values");
    }
}
