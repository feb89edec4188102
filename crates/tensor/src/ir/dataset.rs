//! What datasets look like, and what a plan needs of one.

use std::fmt;
use std::sync::Arc;

use super::{DType, Shape};

/// What the samples of a dataset look like, and how they are normalised: `x = element · scale + shift`.
///
/// ```
/// use plangrad_tensor::{DType, SampleFormat, Shape};
///
/// let pixels = SampleFormat::new(Shape::new(&[1, 28, 28])?, DType::U8).normalized([1.0 / 255.0], [0.0]);
/// assert_eq!(pixels.shift.len(), 1);
/// # Ok::<(), plangrad_tensor::ShapeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
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

impl SampleFormat {
    /// Samples that the network sees as they are: scale 1, shift 0.
    #[must_use]
    pub fn new(shape: Shape, dtype: DType) -> SampleFormat {
        SampleFormat { shape, dtype, scale: [1.0].into(), shift: [0.0].into() }
    }

    /// The same with this scale and shift of each channel, or one of each for all. That they are as many as channels is
    /// checked where they are used ([`crate::Graph::samples`]).
    #[must_use]
    pub fn normalized(self, scale: impl Into<Arc<[f32]>>, shift: impl Into<Arc<[f32]>>) -> SampleFormat {
        SampleFormat { scale: scale.into(), shift: shift.into(), ..self }
    }
}

/// What a dataset says about a sample.
///
/// ```
/// use plangrad_tensor::TargetFormat;
///
/// assert_eq!(TargetFormat::class_of(10), TargetFormat::Class);
/// assert_eq!(TargetFormat::class_of(1000).bytes(), 2);
/// assert_eq!(TargetFormat::Values(3).bytes(), 12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetFormat {
    /// One class label, a byte.
    Class,
    /// One label of more classes than a byte tells apart: two bytes.
    WideClass,
    /// This many f32 values.
    Values(usize),
}

impl TargetFormat {
    /// The label of one of so many classes, in the type that [`DType::of_labels`] says.
    #[must_use]
    pub fn class_of(classes: usize) -> TargetFormat {
        match DType::of_labels(classes) {
            DType::U8 => TargetFormat::Class,
            _ => TargetFormat::WideClass,
        }
    }

    /// Numbers for each sample: 1 for a class.
    pub(crate) fn width(self) -> usize {
        match self {
            TargetFormat::Class | TargetFormat::WideClass => 1,
            TargetFormat::Values(width) => width,
        }
    }

    /// The type of each number.
    pub(crate) fn dtype(self) -> DType {
        match self {
            TargetFormat::Class => DType::U8,
            TargetFormat::WideClass => DType::U16,
            TargetFormat::Values(_) => DType::F32,
        }
    }

    /// Bytes a dataset holds for each sample.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.width().saturating_mul(self.dtype().size())
    }
}

impl fmt::Display for TargetFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetFormat::Class => f.write_str("class labels"),
            TargetFormat::WideClass => write!(f, "class labels of type {}", self.dtype()),
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

/// What a plan reads of a dataset, or a dataset holds.
///
/// Example: [`Error`](crate::Error).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatasetContent {
    /// Samples of a size and type.
    Samples {
        /// Elements of each.
        elements: usize,
        /// Their type.
        dtype: DType,
    },
    /// Targets of a format.
    Targets(TargetFormat),
}

impl From<SampleNeed> for DatasetContent {
    fn from(SampleNeed { elements, dtype }: SampleNeed) -> DatasetContent {
        DatasetContent::Samples { elements, dtype }
    }
}

impl From<TargetFormat> for DatasetContent {
    fn from(format: TargetFormat) -> DatasetContent {
        DatasetContent::Targets(format)
    }
}

impl fmt::Display for DatasetContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatasetContent::Samples { elements, dtype } => write!(f, "samples of {elements} {dtype}"),
            DatasetContent::Targets(format) => write!(f, "{format}"),
        }
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
