//! The plans of a batch size, and what they take.

use plangrad_nn::Task;
use plangrad_tensor::{Category, Device, MemoryReport, Optimizer, Plan, Schedule};

use crate::error::Result;
use crate::train::plans::{LARGEST, plan};
use crate::train::{MemoryLayout, Placement, SampleCounts, StepConfig, layers, units};

/// Everything the memory of training depends on, except the batch size.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// The network, what it reads and what is minimised.
    pub task: Task,
    /// How parameters follow their gradients.
    pub optimizer: Optimizer,
    /// Samples to learn from, for validation, and to test on; `None` for any number.
    pub samples: Option<SampleCounts>,
    /// Samples per evaluation batch; if absent, as many as fit into the memory of training.
    pub eval_batch_size: Option<usize>,
    /// Parts in which a batch is processed; 1 for the whole.
    pub accumulate: usize,
    /// Whether gradients are kept even where the device can do without.
    pub keep_gradients: bool,
    /// Whether samples are gathered into a place of their own even where they could be read in place.
    pub keep_inputs: bool,
    /// The device; every one but the CPU has memory of its own, which holds the dataset too.
    pub device: Device,
}

/// The memory of training on batches of one size.
#[derive(Clone, Debug)]
pub struct BatchPlan {
    /// The batch size asked for.
    pub batch_size: usize,
    /// Samples that a step takes: fewer if the dataset has fewer.
    pub samples: usize,
    /// Samples of these processed at a time.
    pub part: usize,
    /// The plans of the session: a step on a whole batch first, or on the first part of one.
    pub plans: Vec<Plan>,
    /// How many of them train; the others evaluate.
    pub training_plans: usize,
    /// Samples that the device holds in memory of its own.
    pub resident: Option<SampleCounts>,
    /// Every byte, by category.
    pub report: MemoryReport,
    /// As lessons count it: parameters, gradients, moments, inputs and hidden activations only.
    pub lesson_bytes: u64,
}

impl Blueprint {
    /// Plans training on batches of `batch_size`.
    ///
    /// # Errors
    /// If sizes overflow.
    pub fn row(&self, batch_size: usize) -> Result<BatchPlan> {
        let any = || SampleCounts::new(batch_size, 0, self.eval_batch_size.unwrap_or(LARGEST));
        let samples = self.samples.unwrap_or_else(any);
        let step = StepConfig {
            optimizer: self.optimizer,
            learning_rate: Schedule::Constant { learning_rate: 0.0 }.into(),
            batch_size,
            eval_batch_size: self.eval_batch_size,
            repeats: false,
            keep_gradients: self.keep_gradients,
            keep_inputs: self.keep_inputs,
        };
        let whole = batch_size.min(samples.train);
        let part = whole.div_ceil(self.accumulate.max(1));
        let layout = MemoryLayout::new(self.device, part);
        let (plans, numbers) = plan(&step, &self.task, samples, layout)?;
        let evaluating = numbers.validation.or(numbers.test);
        let training_plans = evaluating.map_or(plans.len(), |evaluating| evaluating.whole);
        let report = layout.report(&plans, &self.task, samples);
        let lesson_bytes = self.lesson_bytes(part, &report);
        let resident = (layout.placement == Placement::Resident).then_some(samples);
        Ok(BatchPlan {
            batch_size,
            samples: whole,
            part,
            plans,
            training_plans,
            resident,
            report,
            lesson_bytes,
        })
    }

    fn lesson_bytes(&self, samples: usize, report: &MemoryReport) -> u64 {
        let kept = report.get(Category::Parameters) + report.get(Category::OptimizerState);
        let gradients = 4 * self.task.model().weights().trained_elements() as u64;
        let values: usize = units(&self.task).rev().skip(1).sum(); // inputs and hidden units
        kept + gradients + 4 * (samples * values) as u64
    }

    /// Units of each layer from the input on: `784-128-10`.
    #[must_use]
    pub fn layers(&self) -> String {
        layers(&self.task)
    }
}

impl BatchPlan {
    /// The step on a whole batch.
    #[must_use]
    pub fn step(&self) -> &Plan {
        &self.plans[0] // there is always a training plan
    }
}
