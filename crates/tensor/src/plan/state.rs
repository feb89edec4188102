//! What a session keeps from step to step, and where: parameters, gradients and each moment contiguous, so that an
//! optimizer step is one kernel over one range and an all-reduce is one call.

use std::fmt;
use std::sync::Arc;

use super::report::Category;
use crate::{Error, Optimizer, Parameter, ParameterId};

/// Every buffer starts at a multiple of this many bytes: a cache line, and the widest vector.
pub(crate) const ALIGNMENT: usize = 64;

/// No arena can be larger: a quarter of the address space, so that sums of two sizes never overflow.
pub(crate) const MOST_BYTES: usize = isize::MAX as usize / 2;

pub(crate) fn align(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT)
}

/// Bytes of the step block: step, seed, learning rate and bias corrections ([`StepBlock`]).
pub(crate) const STEP_BLOCK_BYTES: usize = size_of::<StepBlock>();
/// Bytes of the metric sums ([`MetricBlock`]).
pub(crate) const METRICS_BYTES: usize = size_of::<MetricBlock>();

/// What changes from step to step, as it lies in the arena.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct StepBlock {
    /// Steps begun so far.
    pub(crate) step: u64,
    /// Seed of everything random within a step.
    pub(crate) seed: u64,
    /// η of this step.
    pub(crate) learning_rate: f32,
    /// η / (1 − β₁ᵗ)
    pub(crate) step_size: f32,
    /// 1 / √(1 − β₂ᵗ)
    pub(crate) second_correction: f32,
    /// Row of the batch at which the running part of it begins.
    pub(crate) first_row: u32,
}

/// Running sums, as they lie in the arena.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct MetricBlock {
    pub(crate) loss_sum: f64,
    pub(crate) samples: u64,
    pub(crate) correct: u64,
    /// Σ of the losses of the last batch.
    pub(crate) last_sum: f64,
    /// Samples of the last batch.
    pub(crate) last_samples: u64,
}

/// A place in a session's persistent memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// Learning rate, step number, seed.
    StepBlock,
    /// Running sums of losses and right answers.
    Metrics,
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
            Slot::Parameter(id) => write!(f, "parameter {}", id.0),
            Slot::Gradient(id) => write!(f, "the gradient of parameter {}", id.0),
            Slot::Moment(i, id) => write!(f, "moment {i} of parameter {}", id.0),
        }
    }
}

/// A range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) offset: usize,
    pub(crate) bytes: usize,
}

impl Extent {
    pub(crate) fn end(&self) -> usize {
        self.offset + self.bytes
    }
    pub(crate) fn overlaps(&self, other: &Extent) -> bool {
        self.offset < other.end() && other.offset < self.end()
    }
}

/// The persistent memory of a session: which parameters, and what is kept for each. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    parameters: Arc<[Parameter]>,
    offsets: Arc<[usize]>,
    optimizer: Option<Optimizer>,
}

impl State {
    /// For evaluation: parameters only.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the parameters are not numbered 0, 1, 2 …; [`Error::PlanTooLarge`] if their sizes
    /// overflow.
    pub fn inference(parameters: &[Parameter]) -> Result<State, Error> {
        State::new(parameters, None)
    }

    /// For training: parameters, a gradient for each, and the optimizer's moments.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the parameters are not numbered 0, 1, 2 …; [`Error::PlanTooLarge`] if their sizes
    /// overflow.
    pub fn training(parameters: &[Parameter], optimizer: Optimizer) -> Result<State, Error> {
        State::new(parameters, Some(optimizer))
    }

    fn new(parameters: &[Parameter], optimizer: Option<Optimizer>) -> Result<State, Error> {
        let mut offsets = vec![0_usize];
        for (i, parameter) in parameters.iter().enumerate() {
            if parameter.id != ParameterId(i) {
                return Err(Error::Unknown(format!("parameter {} (number {i} in the list)", parameter.id.0)));
            }
            if parameter.transposed && parameter.shape.rank() > 2 {
                let expected = "at most two dimensions where files have it transposed";
                return Err(Error::shapes("parameter", expected, &[parameter.shape]));
            }
            let end = offsets[i].checked_add(4 * parameter.shape.elements()).filter(|&end| end <= MOST_BYTES);
            offsets.push(end.ok_or(Error::PlanTooLarge)?);
        }
        let state = State { parameters: parameters.into(), offsets: offsets.into(), optimizer };
        match align(state.parameter_bytes()).checked_mul(state.groups()) {
            Some(bytes) if bytes <= MOST_BYTES => Ok(state),
            _ => Err(Error::PlanTooLarge),
        }
    }

    /// The parameters, by id.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The optimizer, when training.
    pub fn optimizer(&self) -> Option<Optimizer> {
        self.optimizer
    }

    /// Bytes of all parameters: 4 for each number, nothing in between.
    pub fn parameter_bytes(&self) -> usize {
        self.offsets[self.parameters.len()]
    }

    /// Number of moments kept per parameter.
    pub fn moments(&self) -> usize {
        self.optimizer.map_or(0, |optimizer| optimizer.moments())
    }

    /// The groups in the order they lie in memory: parameters, gradients, moment 0, moment 1.
    fn groups(&self) -> usize {
        1 + usize::from(self.optimizer.is_some()) + self.moments()
    }

    /// Bytes of everything persistent, alignment included.
    pub(crate) fn bytes(&self) -> usize {
        self.extent(Slot::Metrics).map_or(0, |metrics| align(metrics.end()))
    }

    /// Where a slot lies; `None` if this state has no such slot.
    pub(crate) fn extent(&self, slot: Slot) -> Option<Extent> {
        let group_bytes = align(self.parameter_bytes());
        let in_group = |group: usize, id: ParameterId| {
            let (start, end) = (*self.offsets.get(id.0)?, *self.offsets.get(id.0 + 1)?);
            (group < self.groups())
                .then_some(Extent { offset: group * group_bytes + start, bytes: end - start })
        };
        let blocks = self.groups() * group_bytes;
        match slot {
            Slot::Parameter(id) => in_group(0, id),
            Slot::Gradient(id) => self.optimizer.and_then(|_| in_group(1, id)),
            Slot::Moment(i, id) => (i < self.moments()).then(|| in_group(2 + i, id)).flatten(),
            Slot::StepBlock => Some(Extent { offset: blocks, bytes: STEP_BLOCK_BYTES }),
            Slot::Metrics => Some(Extent { offset: blocks + ALIGNMENT, bytes: METRICS_BYTES }),
        }
    }

    /// The whole of each group with its category, for the memory report.
    pub(crate) fn labelled(&self) -> Vec<(Category, Extent)> {
        let group_bytes = align(self.parameter_bytes());
        let category = |group| match group {
            0 => Category::Parameters,
            1 => Category::Gradients,
            _ => Category::OptimizerState,
        };
        let extent = |group| Extent { offset: group * group_bytes, bytes: self.parameter_bytes() };
        (0..self.groups()).map(|group| (category(group), extent(group))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    fn parameters(sizes: &[usize]) -> Vec<Parameter> {
        let parameter = |(i, &n): (usize, &usize)| Parameter {
            id: ParameterId(i),
            name: format!("p{i}"),
            shape: Shape::new(&[n]).unwrap(),
            transposed: false,
        };
        sizes.iter().enumerate().map(parameter).collect()
    }

    const ADAM: Optimizer = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };

    #[test]
    fn parameters_gradients_and_moments_are_each_contiguous() {
        let state = State::training(&parameters(&[5, 3]), ADAM).unwrap();
        let at = |slot| state.extent(slot).unwrap();
        for group in [Slot::Parameter, Slot::Gradient, |id| Slot::Moment(0, id), |id| Slot::Moment(1, id)] {
            assert_eq!(at(group(ParameterId(0))).end(), at(group(ParameterId(1))).offset);
        }
        assert_eq!(state.parameter_bytes(), 32);
        assert_eq!(at(Slot::Gradient(ParameterId(0))).offset % ALIGNMENT, 0);
        assert_eq!(state.bytes(), 4 * 64 + 64 + 64);
    }

    #[test]
    fn inference_keeps_parameters_only() {
        let state = State::inference(&parameters(&[16])).unwrap();
        assert_eq!(state.extent(Slot::Gradient(ParameterId(0))), None);
        assert_eq!(state.extent(Slot::Moment(0, ParameterId(0))), None);
        assert_eq!(state.bytes(), 64 + 64 + 64);
    }
}
