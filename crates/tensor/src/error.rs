//! What can go wrong, with the numbers in it.

mod parts;

use std::io;

pub use parts::{DataKind, DeviceFailure, ShapeRequirement, SourceError};

use crate::ir::{
    DType, DatasetContent, Device, Hyperparameter, MemoryReport, NumberTypes, ParameterId, Shape, ShapeError,
    Slot, TensorId,
};

/// Errors of recording, planning and running.
///
/// ```
/// use plangrad_tensor::{Error, Graph, Shape};
///
/// let graph = Graph::new();
/// let matrix = graph.full(1.0, Shape::new(&[2, 3])?)?;
/// let refused = matrix.matmul(matrix).unwrap_err();
/// assert!(matches!(refused, Error::Shapes { op: "matmul", .. }));
/// assert!(refused.to_string().contains("[2, 3]"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Dimensions that make no shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A graph, or a list of parameters, with more entries than can be numbered.
    #[error("a graph holds at most {} values", u32::MAX)]
    TooManyNodes,
    /// An op was given a number that does not fit it.
    #[error("{op} needs {expected}, found {found}")]
    Argument {
        /// The op.
        op: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What it was given.
        found: f32,
    },
    /// An op was given operands whose shapes do not fit it.
    #[error("{op} needs {expected}, found {found:?}")]
    Shapes {
        /// The op.
        op: &'static str,
        /// What it takes.
        expected: ShapeRequirement,
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
    /// The device does not compute with the number types of the plans.
    #[error(
        "the device {device} does not compute with {types}; by default a plan keeps all its numbers in f32"
    )]
    NumberTypes {
        /// The device.
        device: Device,
        /// The types.
        types: NumberTypes,
    },
    /// A plan consumes gradients ([`crate::Gradients::Consumed`]) and the device has to be given them.
    #[error(
        "{device} cannot update a weight within the product that makes its gradient; plan with gradients that are kept"
    )]
    Gradients {
        /// The device.
        device: Device,
    },
    /// Products of a plan read the samples of a batch ([`crate::Inputs::InPlace`]) and the device has to gather them.
    #[error(
        "{device} cannot read the samples of a batch within a product; plan with inputs that are gathered"
    )]
    Inputs {
        /// The device.
        device: Device,
    },
    /// Data handed in or out has the wrong number of elements.
    #[error("{what} has {found} elements, expected {expected}")]
    Length {
        /// Which data.
        what: DataKind,
        /// Elements there must be.
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
        label: u16,
        /// Classes of the model.
        classes: usize,
    },
    /// Dataset and plan do not fit together (u8 against f32 samples, classes against values, or none where one is needed).
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Rows handed to a run are not whole batches.
    #[error(
        "{rows} rows are not a multiple of the batch size {batch_size}; plan the rest as a smaller batch"
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
    /// An operation of one's own reads a tensor with a gradient that is not one of its inputs, and which would get none.
    #[error("{op} reads a tensor with a gradient that is not one of its inputs; make it an input")]
    NotAnInput {
        /// The op.
        op: &'static str,
    },
    /// The gradient was asked of a constant.
    #[error("a gradient is asked of a constant of shape {0}; record it as a variable or a parameter")]
    Constant(Shape),
    /// A parameter is updated more than once in one step.
    #[error(
        "{0} is given a new value twice in one step; add the gradients, or the values, and update it once"
    )]
    UpdatedTwice(ParameterId),
    /// The gradient kept for a parameter is written more than once, or written and read as kept before, in one graph.
    #[error(
        "the gradient of {0} is kept twice in one graph; add the gradients first, or record a graph for each"
    )]
    StoredTwice(ParameterId),
    /// A step updates parameters without having begun.
    #[error("a step updates parameters without `Graph::advance`, so its learning rate would be 0")]
    NotAdvanced,
    /// A step was recorded for another optimizer than its state keeps moments for, or for parameters in other groups.
    #[error("the step is recorded for {found}, but the state was made for {expected}")]
    Optimizer {
        /// The state's.
        expected: String,
        /// The step's.
        found: String,
    },
    /// An optimizer of one's own gives new values for more or fewer numbers than it keeps.
    #[error("{rule} keeps {expected} numbers for each of a parameter, but gives new values for {found}")]
    StateCount {
        /// The optimizer.
        rule: String,
        /// What it keeps.
        expected: usize,
        /// What it gives.
        found: usize,
    },
    /// A number that an optimizer or a schedule cannot work with.
    #[error(transparent)]
    Hyperparameter(#[from] Hyperparameter),
    /// A step in parts was given a session whose plans are not those that it was made with.
    #[error("plan {plan} of this session was made of another graph than the parts of this step")]
    OtherPlan {
        /// Index of the plan.
        plan: usize,
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
    /// A dataset in host memory was given to a session on a device with its own memory that has no room for batches.
    #[error("the dataset is not in the memory of {device}; upload it there, or make a streaming session")]
    NotResident {
        /// The device.
        device: Device,
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
    /// A parameter of that name is in the list already.
    #[error("there are two parameters named {name:?}, which files could not tell apart")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Something that this session, or this plan's state, does not keep: a parameter of another model, a gradient where
    /// nothing is trained, a moment that the optimizer does not have.
    #[error("{0} is not kept in this session")]
    NotKept(Slot),
    /// A tensor that is not an output of this plan, or belongs to another graph.
    #[error("value {} is not an output of this plan; name it when the plan is made", .0.index())]
    NotAnOutput(TensorId),
    /// A plan that this session does not have.
    #[error("this session has no plan {plan}; it has {plans}, counted from 0")]
    NoPlan {
        /// The plan asked for.
        plan: usize,
        /// Plans of the session.
        plans: usize,
    },
    /// One graph reads samples of two kinds.
    #[error("one graph reads {first} and {second} from its dataset")]
    TwoDatasets {
        /// One kind.
        first: DatasetContent,
        /// The other.
        second: DatasetContent,
    },
    /// A trained parameter was to be assigned, or a statistic to be trained.
    #[error("{op} is not for {parameter}: {reason}")]
    Role {
        /// What was to be done.
        op: &'static str,
        /// To which parameter.
        parameter: ParameterId,
        /// Why not.
        reason: &'static str,
    },
    /// An instruction set was named that this processor does not have.
    #[error("this processor does not have {asked}; it has {}", available.join(", "))]
    InstructionSet {
        /// The one named.
        asked: &'static str,
        /// Those it has, best first.
        available: Vec<&'static str>,
    },
    /// The memory a session needs is not available. Nothing was changed by the attempt.
    #[error(
        "out of memory on {device}: {requested} bytes are needed, {free} of {total} are free; take a smaller batch or raise the budget"
    )]
    OutOfMemory {
        /// The device.
        device: Device,
        /// Bytes asked for.
        requested: u64,
        /// Bytes that were free under the budget.
        free: u64,
        /// The budget, or the device's memory.
        total: u64,
        /// What the bytes were for.
        report: Box<MemoryReport>,
    },
    /// A device refuses to work.
    #[error("{device} cannot be used any more: {reason}")]
    Device {
        /// The device.
        device: Device,
        /// Why.
        #[source]
        reason: DeviceFailure,
    },
    /// The worker threads could not be started.
    #[error("cannot start {threads} worker threads: {reason}")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// The system's answer.
        #[source]
        reason: io::Error,
    },
}

impl Error {
    pub(crate) fn shapes(op: &'static str, expected: impl Into<ShapeRequirement>, found: &[Shape]) -> Error {
        Error::Shapes { op, expected: expected.into(), found: found.to_vec() }
    }
}
