//! What the plans of a run depend on: a step, the number of samples, and how the run lies in memory.

use clap::ValueEnum;
use plangrad_tensor::{Device, Gradients, Inputs, LearningRate, Optimizer, Recompute};
use serde::{Deserialize, Serialize};

use crate::device::Precision;

/// What a step may do to take less memory. From none of it but the number format follow other bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepMemory {
    /// Whether gradients are kept even where the device can do without.
    pub keep_gradients: bool,
    /// Whether samples are gathered into a place of their own even where they could be read in place.
    pub keep_inputs: bool,
    /// Which activations are computed again.
    pub recompute: Recomputing,
    /// The number format.
    pub precision: Precision,
}

/// When a step computes activations again instead of keeping them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Recomputing {
    /// Never, but on the ladder.
    #[default]
    #[value(help = None)]
    None,
    /// Where the step does not fit otherwise: as little as it takes.
    #[value(help = None)]
    Auto,
    /// Always, such that the step takes the least memory.
    #[value(help = None)]
    All,
}

impl StepMemory {
    /// The same for the largest batch there can be: as little is kept as possible where that is allowed.
    #[must_use]
    pub fn at_the_limit(self) -> StepMemory {
        match self.recompute {
            Recomputing::Auto => StepMemory { recompute: Recomputing::All, ..self },
            Recomputing::None | Recomputing::All => self,
        }
    }
}

impl Recomputing {
    /// Whether it is what a run does unless told otherwise.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Recomputing::default()
    }
}

/// Everything about a step that its plans depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepConfig {
    pub(crate) optimizer: Optimizer,
    /// Changes what is computed, but no size.
    pub(crate) learning_rate: LearningRate,
    pub(crate) batch_size: usize,
    /// Samples per evaluation batch; if absent, as many as fit into the training arena.
    pub(crate) eval_batch_size: Option<usize>,
    /// Whether a batch may be larger than the dataset and repeat its samples.
    pub(crate) repeats: bool,
    pub(crate) memory: StepMemory,
}

impl StepConfig {
    /// Samples of a whole batch, if there are `samples` to learn from.
    pub(crate) fn whole(&self, samples: usize) -> usize {
        if self.repeats { self.batch_size } else { self.batch_size.min(samples) }
    }
}

/// The number of samples to learn from, to evaluate the network on meanwhile, and to test on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SampleCounts {
    /// Of the training part.
    pub train: usize,
    /// Of the validation part.
    pub validation: usize,
    /// Of the test part.
    pub test: usize,
}

impl SampleCounts {
    /// So many of each part.
    #[must_use]
    pub fn new(train: usize, validation: usize, test: usize) -> SampleCounts {
        SampleCounts { train, validation, test }
    }
}

/// Where a device finds the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// In host memory, which it reads in place.
    InPlace,
    /// In its own memory, copied there once.
    Resident,
    /// In host memory, from which each batch is copied to the device.
    Streamed,
}

/// How a run is laid out in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemoryLayout {
    pub(crate) placement: Placement,
    /// Samples of a batch processed at a time.
    pub(crate) part: usize,
    /// Whether the device can update a weight within the product that makes its gradient.
    pub(crate) consumes_gradients: bool,
    /// Whether its products can read samples where the dataset has them.
    pub(crate) reads_in_place: bool,
    pub(crate) activations: Activations,
}

/// What becomes of activations between the forward and the backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activations {
    /// Some may be computed again.
    Chosen(Recompute),
    /// The step takes the least memory.
    Least,
}

impl MemoryLayout {
    /// What becomes of the gradients of a step on `samples` samples: those of a batch in parts are added up, and so kept.
    pub(crate) fn gradients(&self, step: &StepConfig, samples: usize) -> Gradients {
        let consumed = self.consumes_gradients && self.part >= samples && !step.memory.keep_gradients;
        if consumed { Gradients::Consumed } else { Gradients::Kept }
    }

    /// Where a step finds the samples of its batch.
    pub(crate) fn inputs(&self, step: &StepConfig) -> Inputs {
        if self.reads_in_place && !step.memory.keep_inputs { Inputs::InPlace } else { Inputs::Gathered }
    }

    /// What becomes of its activations.
    pub(crate) fn activations(&self, step: &StepConfig) -> Activations {
        if step.memory.recompute == Recomputing::All { Activations::Least } else { self.activations }
    }

    /// The best layout of a device for batches processed `part` samples at a time: the data as near as possible.
    pub(crate) fn new(device: Device, part: usize) -> MemoryLayout {
        let placement = if device.has_own_memory() { Placement::Resident } else { Placement::InPlace };
        let (consumes_gradients, reads_in_place) = (device.consumes_gradients(), device.reads_in_place());
        let activations = Activations::Chosen(Recompute::Nothing);
        MemoryLayout { placement, part, consumes_gradients, reads_in_place, activations }
    }
}
