//! Slots: places in the memory that a session keeps from step to step.

use std::fmt;

use super::ParameterId;

/// A place in a session's persistent memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Slot {
    /// Learning rate, step number, seed.
    StepBlock,
    /// Running sums of losses and right answers.
    Metrics,
    /// Σ of the weights of the labels of a batch that comes in parts.
    BatchWeight,
    /// A parameter.
    Parameter(ParameterId),
    /// The gradient kept for a parameter.
    Gradient(ParameterId),
    /// Moment 0 or 1 of a parameter.
    Moment(usize, ParameterId),
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Slot::StepBlock => f.write_str("the step block"),
            Slot::Metrics => f.write_str("the metric sums"),
            Slot::BatchWeight => f.write_str("the weight of the batch"),
            Slot::Parameter(id) => write!(f, "{id}"),
            Slot::Gradient(id) => write!(f, "the gradient of {id}"),
            Slot::Moment(i, id) => write!(f, "moment {i} of {id}"),
        }
    }
}
