//! What errors are made of, as values that can be matched on.

use std::fmt;

use crate::ir::{DatasetContent, TargetFormat};

/// What an op needs of the shapes of its operands.
///
/// Example: [`Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeRequirement {
    /// A rule, in words.
    Rule(&'static str),
    /// An axis of this number.
    Axis(usize),
    /// These elements of an axis.
    Slice {
        /// The axis.
        axis: usize,
        /// The first element.
        start: usize,
        /// Behind the last one.
        end: usize,
    },
    /// As many gradients as there are inputs.
    Gradients {
        /// Inputs.
        expected: usize,
        /// Gradients that the rule gives.
        found: usize,
    },
    /// At least this rank.
    Rank(usize),
    /// An order that has each dimension once; this one has not.
    Permutation(Vec<usize>),
    /// Columns of the first matrix and rows of the second, which must be as many.
    InnerDimensions(usize, usize),
}

impl From<&'static str> for ShapeRequirement {
    fn from(rule: &'static str) -> ShapeRequirement {
        ShapeRequirement::Rule(rule)
    }
}

impl fmt::Display for ShapeRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShapeRequirement::Rule(rule) => f.write_str(rule),
            ShapeRequirement::Axis(axis) => write!(f, "an operand with an axis {axis}"),
            ShapeRequirement::Slice { axis, start, end } => {
                write!(f, "an operand with elements {start}..{end} on axis {axis}")
            }
            ShapeRequirement::Gradients { expected, found } => {
                write!(f, "a gradient by each of its {expected} inputs, not {found}")
            }
            ShapeRequirement::Rank(rank) => write!(f, "at least {rank} dimensions"),
            ShapeRequirement::Permutation(order) => {
                write!(f, "each dimension once, not the order {order:?}")
            }
            ShapeRequirement::InnerDimensions(a, b) => {
                write!(f, "inner dimensions that agree (here {a} and {b})")
            }
        }
    }
}

/// Data of which a number of elements is expected.
///
/// Example: [`Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataKind {
    /// The samples of a dataset.
    Samples,
    /// The targets of a dataset.
    Targets,
    /// The values of a parameter, or of what is kept for it.
    Parameter {
        /// Its name in files.
        name: String,
    },
}

impl fmt::Display for DataKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataKind::Samples => f.write_str("the list of samples"),
            DataKind::Targets => f.write_str("the list of targets"),
            DataKind::Parameter { name } => write!(f, "parameter {name}"),
        }
    }
}

/// Why dataset and plan do not fit together.
///
/// Example: [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The dataset has other samples or targets than the plan reads.
    #[error("the plan reads {expected}, the dataset holds {found}")]
    Content {
        /// What the plan reads.
        expected: DatasetContent,
        /// What the dataset holds in its place.
        found: DatasetContent,
    },
    /// A plan that reads no dataset was run with batches.
    #[error("the plan reads no dataset, the dataset holds batches")]
    Unread,
    /// A plan that reads a dataset was run without one.
    #[error("the plan reads batches of a dataset, the dataset holds none")]
    Missing,
    /// The reference was given a batch of another size.
    #[error("the plan reads batches of {batch_size}, the dataset holds another number of rows")]
    Rows {
        /// Samples of a batch.
        batch_size: usize,
    },
    /// The reference was given samples of another size.
    #[error("the plan reads samples of {elements} elements, the dataset holds others")]
    Samples {
        /// Elements of a sample.
        elements: usize,
    },
    /// The reference was given targets of another size.
    #[error("the plan reads {} target values, the dataset holds others", format.width())]
    Targets {
        /// The targets' format.
        format: TargetFormat,
    },
}

/// Why a device cannot be used any more. Prints as one clause.
///
/// Example: [`Error`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceFailure {
    /// A test asked for it ([`crate::backend::cpu::Faults`]).
    #[error("a failure was injected")]
    Injected,
    /// The driver reports an error.
    #[error("NVIDIA's driver cannot {action}: {text} ({name}, {code})")]
    Driver {
        /// What it was asked to do, as a verb.
        action: &'static str,
        /// Its code.
        code: u32,
        /// The code's name: `CUDA_ERROR_ILLEGAL_ADDRESS`.
        name: String,
        /// The code in the driver's words.
        text: String,
    },
    /// A graphics driver reports an error, or the loss of the device.
    #[error("its graphics driver reports: {report}")]
    Graphics {
        /// In the driver's words.
        report: String,
    },
    /// The device has nothing wider than 32 bits, and the plan a number that does not fit.
    #[error("it counts with 32 bits, and {number} does not fit; take a smaller batch or fewer steps")]
    Width {
        /// The number: a size, or steps of a schedule.
        number: u64,
    },
    /// The targets of a dataset, or the order of its rows, are more than the device sees at once.
    #[error(
        "its kernels see {most} bytes at once, and targets or order of the dataset take {bytes}; take fewer samples"
    )]
    Binding {
        /// Bytes that have to be seen at once.
        bytes: u64,
        /// Bytes of the largest binding.
        most: u64,
    },
    /// The emulator of a GPU stopped a kernel.
    #[error("{report}")]
    Emulator {
        /// What it reports.
        report: String,
    },
}
