//! The plans of a run: training and evaluation, each for whole batches and for what is left over.

use plangrad_nn::{Parts, Task};
use plangrad_tensor::{Optimizer, Plan, Schedule, State};

use super::Settings;
use super::engine::{Layout, Placement};
use crate::Result;

/// The largest evaluation batch anybody asks for without saying so.
pub(crate) const LARGEST: usize = 1000;

/// What of a run's settings its plans depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) optimizer: Optimizer,
    /// Changes what is computed, and no size.
    pub(crate) schedule: Schedule,
    pub(crate) batch_size: usize,
    /// Samples judged at a time; as many as fit into the training arena if absent.
    pub(crate) eval_batch_size: Option<usize>,
    /// Whether a batch may be larger than the dataset, and takes its samples again and again.
    pub(crate) repeats: bool,
}

impl Step {
    /// Samples of a whole batch, of so many there are to learn from.
    pub(crate) fn whole(&self, samples: usize) -> usize {
        if self.repeats { self.batch_size } else { self.batch_size.min(samples) }
    }
}

impl From<&Settings> for Step {
    fn from(settings: &Settings) -> Step {
        Step {
            optimizer: settings.optimizer.into(),
            schedule: settings.schedule.into(),
            batch_size: settings.batch_size,
            eval_batch_size: settings.eval_batch_size,
            repeats: false,
        }
    }
}

/// Where the plans stand in their session.
#[derive(Clone, Debug)]
pub(crate) struct PlanNumbers {
    /// A training step on a whole batch.
    pub(crate) whole: Training,
    /// A training step on the last, smaller batch of an epoch.
    pub(crate) rest: Option<Training>,
    /// The evaluation of a whole batch and of the last, smaller one; `None` without test samples.
    pub(crate) test: Option<(usize, Option<usize>)>,
}

/// How a training step takes its batch.
#[derive(Clone, Debug)]
pub(crate) enum Training {
    /// At once, by this plan.
    Whole(usize),
    /// In parts.
    Parts(Parts),
}

/// How many samples there are to learn from, and to test on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Samples {
    pub(crate) train: usize,
    pub(crate) test: usize,
}

/// All plans of a run that is laid out like this.
pub(crate) fn plan(
    step: &Step,
    task: &Task,
    samples: Samples,
    Layout { part, placement }: Layout,
) -> Result<(Vec<Plan>, PlanNumbers)> {
    let (size, mut plans) = (step.whole(samples.train), Vec::new());
    let whole = training(step, task, size, part, &mut plans)?;
    let left_over = if size > samples.train { 0 } else { samples.train % size };
    let rest = (left_over > 0).then(|| training(step, task, left_over, part, &mut plans)).transpose()?;
    let state = task.training_state(step.optimizer)?;
    let arena = Plan::bytes_together(&plans);
    // Where batches are brought to the device there shall be room for what is judged.
    let most = if placement == Placement::Streamed { part.min(size) } else { LARGEST };
    let test = evaluation(task, &state, samples.test, step.eval_batch_size, (arena, most))?;
    let test = test.map(|(whole, rest)| {
        let whole = push(&mut plans, whole);
        (whole, rest.map(|plan| push(&mut plans, plan)))
    });
    Ok((plans, PlanNumbers { whole, rest, test }))
}

/// A training step on `size` samples, at most `part` at a time.
fn training(step: &Step, task: &Task, size: usize, part: usize, plans: &mut Vec<Plan>) -> Result<Training> {
    let Step { optimizer, schedule, .. } = *step;
    if part < size {
        return Ok(Training::Parts(task.split_step(optimizer, schedule, size, part)?.add_to(plans)));
    }
    Ok(Training::Whole(push(plans, task.training_plan(optimizer, schedule, size)?)))
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
    let batch_size = match wanted {
        Some(wanted) => wanted.min(samples),
        None => largest(most.min(samples), |n| Ok(plan(n)?.bytes() <= arena))?,
    };
    let rest = match samples % batch_size {
        0 => None,
        rest => Some(plan(rest)?),
    };
    Ok(Some((plan(batch_size)?, rest)))
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

/// What to do where memory that should suffice is refused.
pub(crate) const YET_REFUSED: &str =
    "yet the system gives less; take a smaller batch or network, or lift its limit on this process";

/// The largest number in `1..=most` that fits, where it is no error that none does.
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
