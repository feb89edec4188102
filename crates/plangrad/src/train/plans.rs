//! The plans of a run: training and evaluation, each for whole batches and for what is left over.

use plangrad_nn::Task;
use plangrad_tensor::{Plan, State};

use super::Settings;
use crate::Result;

/// The largest evaluation batch anybody asks for without saying so.
const LARGEST: usize = 1000;

/// Where the plans stand in their session.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlanNumbers {
    /// A training step on a whole batch.
    pub(super) whole: usize,
    /// A training step on the last, smaller batch of an epoch.
    pub(super) rest: Option<usize>,
    /// The evaluation of a whole batch and of the last, smaller one; `None` without test samples.
    pub(super) test: Option<(usize, Option<usize>)>,
}

/// All plans for so many samples to learn from and to test on.
pub(super) fn plan(
    settings: &Settings,
    task: &Task,
    train: usize,
    test: usize,
) -> Result<(Vec<Plan>, PlanNumbers)> {
    let (optimizer, schedule) = (settings.optimizer.into(), settings.schedule.into());
    let training = |batch_size| task.training_plan(optimizer, schedule, batch_size);
    let size = settings.batch_size;
    let mut plans = vec![training(size.min(train))?];
    let rest = (train > size && !train.is_multiple_of(size)).then(|| training(train % size)).transpose()?;
    let rest = rest.map(|plan| push(&mut plans, plan));
    let state = task.training_state(optimizer)?;
    let arena = Plan::bytes_together(&plans);
    let test = evaluation(task, &state, test, settings.eval_batch_size, arena)?.map(|(whole, rest)| {
        let whole = push(&mut plans, whole);
        (whole, rest.map(|plan| push(&mut plans, plan)))
    });
    Ok((plans, PlanNumbers { whole: 0, rest, test }))
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
fn largest(most: usize, fits: impl Fn(usize) -> Result<bool>) -> Result<usize> {
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
