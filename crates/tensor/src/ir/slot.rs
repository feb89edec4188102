//! Slots: places in the memory that a session keeps from step to step.

use std::fmt;

use super::{Clock, ParameterId};

/// A place in a session's persistent memory.
///
/// ```
/// use plangrad_tensor::{Error, FileOrder, Graph, Parameters, Plan, Role, Shape, Slot, State};
///
/// let mut list = Parameters::new();
/// let w = list.add("w", Shape::new(&[2])?, Role::Trained, FileOrder::AsInGraph)?;
/// let graph = Graph::new();
/// let kept = graph.kept_gradient(&w)?;
/// let refused = Plan::new(&graph, &State::inference(&list)?, &[kept]).unwrap_err();
/// assert!(matches!(refused, Error::NotKept(Slot::Gradient(id)) if id == w.id()));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Slot {
    /// Learning rate, step number, seed.
    StepBlock(Clock),
    /// The learning rate within a step block, a scalar.
    LearningRate(Clock),
    /// The same and what else updates multiply by it: two numbers.
    Rates(Clock),
    /// Running sums of losses and right answers.
    Metrics,
    /// Σ of the weights of the labels of a batch that comes in parts.
    BatchWeight,
    /// A parameter.
    Parameter(ParameterId),
    /// The gradient kept for a parameter.
    Gradient(ParameterId),
    /// A number that an optimizer keeps for each of a parameter, by its place among them.
    Moment(usize, ParameterId),
    /// The running average of a parameter.
    Average(ParameterId),
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Slot::StepBlock(clock) => write!(f, "the step block of {clock}"),
            Slot::LearningRate(clock) | Slot::Rates(clock) => write!(f, "the learning rate of {clock}"),
            Slot::Metrics => f.write_str("the metric sums"),
            Slot::BatchWeight => f.write_str("the weight of the batch"),
            Slot::Parameter(id) => write!(f, "{id}"),
            Slot::Gradient(id) => write!(f, "the gradient of {id}"),
            Slot::Moment(i, id) => write!(f, "moment {i} of {id}"),
            Slot::Average(id) => write!(f, "the average of {id}"),
        }
    }
}
