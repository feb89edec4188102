//! What datasets look like, and what a plan needs of one.

use std::fmt;
use std::sync::Arc;

use super::{DType, Shape};

/// What the samples of a dataset look like, and how they are normalised.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleFormat {
    /// Shape of one sample: `[channels, height, width]` or `[features]`.
    pub shape: Shape,
    /// Element type in the dataset.
    pub dtype: DType,
    /// Factor per channel (one entry: the same for all).
    pub scale: Arc<[f32]>,
    /// Summand per channel, as many as factors.
    pub shift: Arc<[f32]>,
}

/// What a dataset says about a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetFormat {
    /// One class label, a byte.
    Class,
    /// This many f32 values.
    Values(usize),
}

impl TargetFormat {
    /// Bytes a dataset holds for each sample.
    pub fn bytes(self) -> usize {
        match self {
            TargetFormat::Class => 1,
            TargetFormat::Values(width) => 4 * width,
        }
    }
}

impl fmt::Display for TargetFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetFormat::Class => f.write_str("class labels"),
            TargetFormat::Values(1) => f.write_str("one target value per sample"),
            TargetFormat::Values(width) => write!(f, "{width} target values per sample"),
        }
    }
}

/// What a plan's kernels read of a dataset. Made once, when the plan is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DatasetNeeds {
    /// Samples of each run; 0 if it takes none.
    pub(crate) batch_size: usize,
    /// What each sample must be.
    pub(crate) samples: Option<SampleNeed>,
    /// What each target must be.
    pub(crate) targets: Option<TargetFormat>,
    /// The fewest classes that labels are compared with; none may reach it.
    pub(crate) classes: Option<usize>,
}

/// What a plan reads of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SampleNeed {
    pub(crate) elements: usize,
    pub(crate) dtype: DType,
}

impl fmt::Display for SampleNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "samples of {} {}", self.elements, self.dtype)
    }
}

impl DatasetNeeds {
    /// Bytes of a batch's samples as the dataset has them.
    pub(crate) fn sample_bytes(&self) -> usize {
        self.samples.map_or(0, |samples| self.batch_size * samples.elements * samples.dtype.size())
    }

    /// Bytes of a batch's targets.
    pub(crate) fn target_bytes(&self) -> usize {
        self.targets.map_or(0, |targets| self.batch_size * targets.bytes())
    }
}
