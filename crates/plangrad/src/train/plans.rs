//! The plans of a run: training and evaluation, each for whole batches and for what is left over.

use plangrad_nn::Task;
use plangrad_tensor::{Error as TensorError, Optimizer, Plan, Schedule, State};

use super::Settings;
use crate::{Error, Result};

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
}

impl From<&Settings> for Step {
    fn from(settings: &Settings) -> Step {
        Step {
            optimizer: settings.optimizer.into(),
            schedule: settings.schedule.into(),
            batch_size: settings.batch_size,
            eval_batch_size: settings.eval_batch_size,
        }
    }
}

/// Where the plans stand in their session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanNumbers {
    /// A training step on a whole batch.
    pub(crate) whole: usize,
    /// A training step on the last, smaller batch of an epoch.
    pub(crate) rest: Option<usize>,
    /// The evaluation of a whole batch and of the last, smaller one; `None` without test samples.
    pub(crate) test: Option<(usize, Option<usize>)>,
}

/// All plans for so many samples to learn from and to test on.
pub(crate) fn plan(step: &Step, task: &Task, train: usize, test: usize) -> Result<(Vec<Plan>, PlanNumbers)> {
    let Step { optimizer, schedule, batch_size: size, eval_batch_size } = *step;
    let training = |batch_size| task.training_plan(optimizer, schedule, batch_size);
    let mut plans = vec![training(size.min(train))?];
    let rest = (train > size && !train.is_multiple_of(size)).then(|| training(train % size)).transpose()?;
    let rest = rest.map(|plan| push(&mut plans, plan));
    let state = task.training_state(optimizer)?;
    let arena = Plan::bytes_together(&plans);
    let test = evaluation(task, &state, test, eval_batch_size, arena)?.map(|(whole, rest)| {
        let whole = push(&mut plans, whole);
        (whole, rest.map(|plan| push(&mut plans, plan)))
    });
    Ok((plans, PlanNumbers { whole: 0, rest, test }))
}

/// What to say where the memory for `step` was refused: with the largest batch for which there is enough.
pub(crate) fn out_of_memory(
    refused: TensorError,
    step: &Step,
    task: &Task,
    train: usize,
    test: usize,
) -> Error {
    let TensorError::OutOfMemory { device, requested, free, total, report } = refused else {
        return refused.into();
    };
    let fits = |batch_size| -> Result<bool> {
        let (plans, _) = plan(&Step { batch_size, ..*step }, task, train, test)?;
        Ok(Plan::bytes_together(&plans) as u64 <= free)
    };
    let batch_size = step.batch_size.min(train);
    // What cannot be planned does not fit either; the refusal is what is to be told.
    let largest = largest(batch_size, |n| Ok(fits(n).unwrap_or(false))).unwrap_or(1);
    let remedy = match fits(largest) {
        Ok(true) => format!("take --batch-size {largest}, the largest that fits, or raise --memory-budget"),
        _ if step.eval_batch_size.is_some_and(|n| n > 1) => {
            "no batch fits; take a smaller --eval-batch-size or network, or raise --memory-budget".to_owned()
        }
        _ => "not even a batch of 1 fits; take a smaller network, or raise --memory-budget".to_owned(),
    };
    let what = format!("training on batches of {batch_size}");
    Error::OutOfMemory { device, what, requested, free, total, remedy, report }
}

/// Evaluation plans for `samples`: batches of `wanted`, or of as many of at most 1000 as fit into `arena` bytes.
fn evaluation(
    task: &Task,
    state: &State,
    samples: usize,
    wanted: Option<usize>,
    arena: usize,
) -> Result<Option<(Plan, Option<Plan>)>> {
    if samples == 0 {
        return Ok(None);
    }
    let plan = |batch_size| task.evaluation_plan(state, batch_size);
    let batch_size = match wanted {
        Some(wanted) => wanted.min(samples),
        None => largest(LARGEST.min(samples), |n| Ok(plan(n)?.bytes() <= arena))?,
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
    }
}
