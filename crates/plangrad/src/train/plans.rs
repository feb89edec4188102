//! The plans of a run: training and evaluation, each for whole batches and for the remainder.

use plangrad_data::Split;
use plangrad_nn::{Parts, Task};
use plangrad_tensor::{MemoryReport, Plan, Recompute, Session, Source, State};

use super::layout::{Activations, MemoryLayout, Placement, SampleCounts, StepConfig};
use crate::error::Result;

/// The largest evaluation batch by default.
pub(crate) const LARGEST: usize = 1000;

/// The numbers of the plans in their session.
#[derive(Clone, Debug)]
pub(crate) struct PlanNumbers {
    /// A training step on a whole batch.
    pub(crate) whole: Training,
    /// A training step on the last, smaller batch of an epoch.
    pub(crate) rest: Option<Training>,
    /// The evaluation of the validation part; `None` without one.
    pub(crate) validation: Option<Evaluating>,
    /// The evaluation of the test part; `None` without one.
    pub(crate) test: Option<Evaluating>,
}

/// The evaluation of a part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evaluating {
    /// That of a whole batch.
    pub(crate) whole: usize,
    /// That of the last, smaller batch.
    pub(crate) rest: Option<usize>,
}

impl PlanNumbers {
    /// The evaluation of a part.
    pub(crate) fn evaluating(&self, split: Split) -> Option<Evaluating> {
        match split {
            Split::Train => None,
            Split::Validation => self.validation,
            Split::Test => self.test,
        }
    }
}

/// How a training step processes its batch.
#[derive(Clone, Debug)]
pub(crate) enum Training {
    /// As a whole, by this plan.
    Whole(usize),
    /// In parts.
    Parts(Parts),
}

/// All plans of a run with this layout.
pub(crate) fn plan(
    step: &StepConfig,
    task: &Task,
    samples: SampleCounts,
    layout: MemoryLayout,
) -> Result<(Vec<Plan>, PlanNumbers)> {
    let MemoryLayout { part, placement, .. } = layout;
    let (size, mut plans) = (step.whole(samples.train), Vec::new());
    let task = in_precision(step, task).with_gradients(layout.gradients(step, size));
    let task = &task.with_inputs(layout.inputs(step));
    let training = |size, plans: &mut Vec<Plan>| training(step, task, size, layout, plans);
    let whole = training(size, &mut plans)?;
    let left_over = if size > samples.train { 0 } else { samples.train % size };
    let rest = (left_over > 0).then(|| training(left_over, &mut plans)).transpose()?;
    let state = task.training_state(step.optimizer)?;
    let arena = Plan::bytes_together(&plans);
    // If batches are copied to the device, evaluation batches need room there too.
    let most = if placement == Placement::Streamed { part.min(size) } else { LARGEST };
    let mut evaluating = |samples| -> Result<Option<Evaluating>> {
        let planned = evaluation(task, &state, samples, step.eval_batch_size, (arena, most))?;
        Ok(planned.map(|(whole, rest)| {
            let whole = push(&mut plans, whole);
            Evaluating { whole, rest: rest.map(|plan| push(&mut plans, plan)) }
        }))
    };
    let (validation, test) = (evaluating(samples.validation)?, evaluating(samples.test)?);
    Ok((plans, PlanNumbers { whole, rest, validation, test }))
}

impl MemoryLayout {
    /// Every byte of a run with this layout: the session, and the dataset where it is resident.
    pub(crate) fn planned(
        &self,
        step: &StepConfig,
        task: &Task,
        samples: SampleCounts,
    ) -> Result<MemoryReport> {
        Ok(self.report(&plan(step, task, samples, *self)?.0, task, samples))
    }

    /// The same for plans that exist already.
    pub(crate) fn report(&self, plans: &[Plan], task: &Task, samples: SampleCounts) -> MemoryReport {
        // A batch that repeats samples has a longer order than the dataset.
        let longest = plans.first().map_or(0, Plan::batch_size);
        let resident = |len, rows| Source::resident_report_for(task.samples(), task.targets(), len, rows);
        match self.placement {
            Placement::InPlace => Plan::report_together(plans),
            Placement::Streamed => Session::streaming_report(plans),
            Placement::Resident => {
                let evaluated = resident(samples.validation, 0).plus(&resident(samples.test, 0));
                Plan::report_together(plans).plus(&resident(samples.train, longest)).plus(&evaluated)
            }
        }
    }
}

/// The layout with as little computed again as a run takes to fit into `room` bytes; `None` if it does not fit so.
pub(crate) fn with_recomputing(
    step: &StepConfig,
    task: &Task,
    samples: SampleCounts,
    layout: MemoryLayout,
    room: u64,
) -> Result<Option<MemoryLayout>> {
    let mut best: Option<(u64, MemoryLayout)> = None;
    for choice in choices(step, task, layout.part.min(step.whole(samples.train)))? {
        let layout = MemoryLayout { activations: Activations::Chosen(choice), ..layout };
        let (plans, numbers) = plan(step, task, samples, layout)?;
        let operations = numbers.whole.operations(&plans);
        let is_better = best.as_ref().is_none_or(|&(least, _)| operations < least);
        if is_better && layout.report(&plans, task, samples).total() <= room {
            best = Some((operations, layout));
        }
    }
    Ok(best.map(|(_, layout)| layout))
}

/// The same, and if nothing suffices the layout that takes the least memory.
pub(crate) fn as_small_as_needed(
    step: &StepConfig,
    task: &Task,
    samples: SampleCounts,
    layout: MemoryLayout,
    room: u64,
) -> Result<MemoryLayout> {
    let least = MemoryLayout { activations: Activations::Least, ..layout };
    Ok(with_recomputing(step, task, samples, layout, room)?.unwrap_or(least))
}

/// What a step on so many samples at a time can choose from.
fn choices(step: &StepConfig, task: &Task, part: usize) -> Result<Vec<Recompute>> {
    let plan = in_precision(step, task).training_plan(step.optimizer, step.learning_rate, part)?;
    Ok(Recompute::choices(plan.products()))
}

/// The task with its numbers in the format of the step.
fn in_precision(step: &StepConfig, task: &Task) -> Task {
    task.clone().with_number_types(step.memory.precision.number_types())
}

impl Training {
    /// Arithmetic of a step by the plans of the run.
    pub(crate) fn operations(&self, plans: &[Plan]) -> u64 {
        match self {
            Training::Whole(number) => plans[*number].operations(),
            Training::Parts(parts) => parts.operations(plans),
        }
    }
}

/// A training step on `size` samples, at most `layout.part` at a time.
fn training(
    step: &StepConfig,
    task: &Task,
    size: usize,
    layout: MemoryLayout,
    plans: &mut Vec<Plan>,
) -> Result<Training> {
    let StepConfig { optimizer, learning_rate, .. } = *step;
    let part = layout.part;
    let task = &match layout.activations(step) {
        Activations::Chosen(choice) => task.clone().with_recompute(choice),
        Activations::Least => leanest(step, task, part.min(size))?,
    };
    if part < size {
        return Ok(Training::Parts(task.split_step(optimizer, learning_rate, size, part)?.add_to(plans)));
    }
    Ok(Training::Whole(push(plans, task.training_plan(optimizer, learning_rate, size)?)))
}

/// The task with that computed again which makes its step on so many samples take the fewest bytes; of equals the one with
/// the least arithmetic.
fn leanest(step: &StepConfig, task: &Task, part: usize) -> Result<Task> {
    let mut best: Option<((usize, u64), Task)> = None;
    for choice in choices(step, task, part)? {
        let task = task.clone().with_recompute(choice);
        let plan = task.training_plan(step.optimizer, step.learning_rate, part)?;
        let cost = (plan.bytes(), plan.operations());
        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
            best = Some((cost, task));
        }
    }
    Ok(best.map_or_else(|| task.clone(), |(_, task)| task))
}

/// Evaluation plans for `samples`: batches of `wanted`, or of as many of at most `most` as fit into `arena` bytes.
fn evaluation(
    task: &Task,
    state: &State,
    samples: usize,
    wanted: Option<usize>,
    (arena, most): (usize, usize),
) -> Result<Option<(Plan, Option<Plan>)>> {
    if samples == 0 {
        return Ok(None);
    }
    let plan = |batch_size| task.evaluation_plan(state, batch_size);
    let sizes = EvaluationSizes::of(samples, wanted, most, |n| Ok(plan(n)?.bytes() <= arena))?;
    Ok(Some((plan(sizes.whole)?, sizes.rest.map(plan).transpose()?)))
}

/// The batches in which samples are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EvaluationSizes {
    /// Samples of all batches but the last, at least 1.
    pub(crate) whole: usize,
    /// Samples of the last batch, if it is smaller.
    pub(crate) rest: Option<usize>,
}

impl EvaluationSizes {
    /// Batches of `wanted` for so many samples; if absent, of as many of at most `most` as `fits` allows.
    pub(crate) fn of(
        samples: usize,
        wanted: Option<usize>,
        most: usize,
        fits: impl Fn(usize) -> Result<bool>,
    ) -> Result<EvaluationSizes> {
        let samples = samples.max(1);
        let whole = match wanted {
            Some(wanted) => wanted.clamp(1, samples),
            None => largest(most.min(samples), fits)?,
        };
        Ok(EvaluationSizes { whole, rest: Some(samples % whole).filter(|&rest| rest > 0) })
    }
}

/// The largest number in `1..=most` that `fits`, which holds up to some number; 1 if none does.
pub(crate) fn largest(most: usize, fits: impl Fn(usize) -> Result<bool>) -> Result<usize> {
    let (mut low, mut high) = (1, most);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle)? {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}

/// The largest number in `1..=most` that fits; `None` if none does.
pub(crate) fn largest_that_fits(most: usize, fits: impl Fn(usize) -> bool) -> Option<usize> {
    let found = largest(most, |n| Ok(fits(n))).ok()?;
    (found <= most && fits(found)).then_some(found)
}

fn push(plans: &mut Vec<Plan>, plan: Plan) -> usize {
    plans.push(plan);
    plans.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_batch_that_fits_is_found() {
        let up_to = |limit: usize| largest(1000, |n| Ok(n <= limit)).unwrap();
        assert_eq!([0, 1, 2, 499, 999, 1000, 2000].map(up_to), [1, 1, 2, 499, 999, 1000, 1000]);
        let if_any = |most, limit: usize| largest_that_fits(most, |n| n <= limit);
        assert_eq!([if_any(9, 0), if_any(0, 5), if_any(9, 1), if_any(9, 20)], [None, None, Some(1), Some(9)]);
    }
}
