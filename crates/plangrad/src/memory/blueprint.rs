//! The plans of a batch size, and what they take.

use plangrad_nn::Task;
use plangrad_tensor::{Category, Device, MemoryReport, Optimizer, Plan, Recompute, Schedule};

use crate::error::Result;
use crate::train::plans::{LARGEST, as_small_as_needed, plan};
use crate::train::{
    Activations, MemoryLayout, Placement, Recomputing, SampleCounts, StepConfig, StepMemory, layers, units,
};

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
    /// What a step does to take less memory.
    pub memory: StepMemory,
    /// What a step has to fit into, with activations computed again if that is left to the program.
    pub budget: Option<u64>,
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
    /// Arithmetic of a step: see [`Plan::operations`].
    pub operations: u64,
    /// As lessons count it: parameters, gradients, moments, inputs and hidden activations only.
    pub lesson_bytes: u64,
}

impl Blueprint {
    /// Plans training on batches of `batch_size`.
    ///
    /// # Errors
    /// If sizes overflow.
    pub fn row(&self, batch_size: usize) -> Result<BatchPlan> {
        self.row_laid_out(batch_size, |step, samples, first| self.layout(step, samples, first))
    }

    /// The same with these activations computed again.
    pub(crate) fn row_computing_again(&self, batch_size: usize, choice: Recompute) -> Result<BatchPlan> {
        let activations = Activations::Chosen(choice);
        self.row_laid_out(batch_size, |_, _, first| Ok(MemoryLayout { activations, ..first }))
    }

    fn row_laid_out(
        &self,
        batch_size: usize,
        layout: impl FnOnce(&StepConfig, SampleCounts, MemoryLayout) -> Result<MemoryLayout>,
    ) -> Result<BatchPlan> {
        let any = || SampleCounts::new(batch_size, 0, self.eval_batch_size.unwrap_or(LARGEST));
        let samples = self.samples.unwrap_or_else(any);
        let step = StepConfig {
            optimizer: self.optimizer,
            learning_rate: Schedule::Constant { learning_rate: 0.0 }.into(),
            batch_size,
            eval_batch_size: self.eval_batch_size,
            repeats: false,
            memory: self.memory,
        };
        let whole = batch_size.min(samples.train);
        let part = whole.div_ceil(self.accumulate.max(1));
        let layout = layout(&step, samples, MemoryLayout::new(self.device, part))?;
        let (plans, numbers) = plan(&step, &self.task, samples, layout)?;
        let evaluating = numbers.validation.or(numbers.test);
        let training_plans = evaluating.map_or(plans.len(), |evaluating| evaluating.whole);
        let operations = numbers.whole.operations(&plans);
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
            operations,
            lesson_bytes,
        })
    }

    fn layout(&self, step: &StepConfig, samples: SampleCounts, first: MemoryLayout) -> Result<MemoryLayout> {
        let Some(budget) = self.budget.filter(|_| self.memory.recompute == Recomputing::Auto) else {
            return Ok(first);
        };
        as_small_as_needed(step, &self.task, samples, first, budget)
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
