//! What can go wrong, with the numbers in it.

use crate::{DType, Shape};

/// Errors of recording, planning and running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A shape has more dimensions than [`crate::MAX_RANK`].
    #[error("a shape has {rank} dimensions, at most {max} are possible")]
    Rank {
        /// Dimensions asked for.
        rank: usize,
        /// Dimensions possible.
        max: usize,
    },
    /// A shape's size in bytes overflows.
    #[error("an array of shape {dims:?} is larger than the address space")]
    TooLarge {
        /// The dimensions.
        dims: Vec<usize>,
    },
    /// An op was given operands whose shapes do not fit it.
    #[error("{op} needs {expected}, found {found:?}")]
    Shapes {
        /// The op.
        op: &'static str,
        /// What it takes.
        expected: String,
        /// What it was given, in order.
        found: Vec<Shape>,
    },
    /// An op was given an operand of the wrong element type.
    #[error("{op} needs an operand of type {expected}, found {found}")]
    Types {
        /// The op.
        op: &'static str,
        /// What it takes.
        expected: DType,
        /// What it was given.
        found: DType,
    },
    /// The gradient was asked of something that is not a single number.
    #[error("a gradient is taken of a scalar, found shape {0}")]
    NotScalar(Shape),
    /// The gradient passes through an op that has none.
    #[error("{op} has no gradient, yet one is asked of something computed before it")]
    NoGradient {
        /// The op.
        op: &'static str,
    },
    /// Plans given to one session disagree about parameters or optimizer state.
    #[error(
        "plan {plan} lays its parameters out differently from plan 0; plan all of a session from one state"
    )]
    StateMismatch {
        /// Index of the plan.
        plan: usize,
    },
    /// Data handed in or out has the wrong number of elements.
    #[error("{what} has {found} elements, expected {expected}")]
    Length {
        /// What was copied.
        what: String,
        /// Elements the plan has.
        expected: usize,
        /// Elements given.
        found: usize,
    },
    /// A row number of a batch lies outside its dataset.
    #[error("row {row} is outside the dataset of {rows} samples")]
    Row {
        /// The row asked for.
        row: u32,
        /// Samples that exist.
        rows: usize,
    },
    /// A class label is not below the number of classes the model was planned for.
    #[error("sample {row} has label {label}, but the model has {classes} classes")]
    Label {
        /// The sample.
        row: usize,
        /// Its label.
        label: u8,
        /// Classes of the model.
        classes: usize,
    },
    /// Dataset and plan do not fit together (u8 against f32 samples, classes against values, or none where one is needed).
    #[error("the plan reads {expected}, the dataset holds {found}")]
    Source {
        /// What the plan reads.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// Rows handed to a run are not whole batches.
    #[error(
        "{rows} rows are no whole number of batches of {batch_size}; plan the rest as a batch of its own"
    )]
    Rows {
        /// Rows given.
        rows: usize,
        /// Rows in a batch of the plan.
        batch_size: usize,
    },
    /// One graph takes batches of two sizes.
    #[error("one graph takes batches of {first} and of {second} samples")]
    BatchSizes {
        /// One size.
        first: usize,
        /// The other.
        second: usize,
    },
    /// A tensor was combined with one of another graph.
    #[error("{op} was given a tensor of another graph")]
    OtherGraph {
        /// The op.
        op: &'static str,
    },
    /// The gradient was asked by a constant.
    #[error("a gradient is asked by a constant of shape {0}; record it as a variable or a parameter")]
    Constant(Shape),
    /// A parameter is updated more than once in one step.
    #[error("parameter {0} is updated twice in one step; add the gradients and update it once")]
    UpdatedTwice(usize),
    /// The gradient kept for a parameter is written more than once, or written and read as kept before, in one graph.
    #[error(
        "the gradient of parameter {0} is kept twice in one graph; add the gradients first, or record a graph for each"
    )]
    StoredTwice(usize),
    /// A step updates parameters without having begun.
    #[error("a step updates parameters without `Graph::advance`, so its learning rate would be 0")]
    NotAdvanced,
    /// A step was recorded for another optimizer than its state keeps moments for.
    #[error("the step is recorded for {found:?}, but the state was made for {expected:?}")]
    Optimizer {
        /// The state's.
        expected: crate::Optimizer,
        /// The step's.
        found: crate::Optimizer,
    },
    /// The buffers of a plan together are larger than any memory.
    #[error("the buffers of the plan are together larger than the address space; take a smaller batch")]
    PlanTooLarge,
    /// Outputs were asked of a plan that was not the last to run: plans share one memory.
    #[error("plan {plan} was not the last to run, so its outputs are not in memory")]
    Stale {
        /// Index of the plan.
        plan: usize,
    },
    /// A dataset in host memory was given to a session on a device with memory of its own that has no room for batches.
    #[error("the dataset is not in the memory of {device}; upload it there, or make a streaming session")]
    NotResident {
        /// The device.
        device: crate::Device,
    },
    /// A batch has more rows than there is room for in the order of a dataset in a device's memory.
    #[error(
        "the dataset was uploaded for batches of at most {room} rows, found one of {batch_size}; upload it for as many"
    )]
    OrderRoom {
        /// Rows there is room for.
        room: usize,
        /// Rows of the batch.
        batch_size: usize,
    },
    /// A node, slot or plan that does not exist in this session.
    #[error("{0} is not part of this session")]
    Unknown(String),
    /// The memory a session needs is not to be had. Nothing was changed by the attempt.
    #[error(
        "out of memory on {device}: {requested} bytes are needed, {free} of {total} are free; take a smaller batch or raise the budget"
    )]
    OutOfMemory {
        /// The device.
        device: crate::Device,
        /// Bytes asked for.
        requested: u64,
        /// Bytes that were free under the budget.
        free: u64,
        /// The budget, or the device's memory.
        total: u64,
        /// What the bytes were for.
        report: Box<crate::MemoryReport>,
    },
    /// A device refuses to work.
    #[error("{device} cannot be used any more: {reason}")]
    Device {
        /// The device.
        device: crate::Device,
        /// Its driver's answer, as a clause.
        reason: String,
    },
    /// The worker threads could not be started.
    #[error("cannot start {threads} worker threads: {reason}")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// The system's answer.
        reason: String,
    },
}

impl Error {
    pub(crate) fn shapes(op: &'static str, expected: impl Into<String>, found: &[Shape]) -> Error {
        Error::Shapes { op, expected: expected.into(), found: found.to_vec() }
    }
}
