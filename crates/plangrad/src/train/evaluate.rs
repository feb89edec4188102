//! Judging a model within the memory of its training.

use plangrad_nn::Task;
use plangrad_tensor::{Metrics, Plan, Session, Source, State};

use crate::Result;

/// The largest evaluation batch anybody asks for without saying so.
const LARGEST: usize = 1000;

/// The plans of an evaluation: whole batches and what is left over.
pub(super) struct EvaluationPlans {
    /// For whole batches.
    pub(super) whole: Plan,
    /// For the last, smaller one.
    pub(super) rest: Option<Plan>,
}

impl EvaluationPlans {
    /// Plans for `samples`: batches of `wanted`, or of as many of at most 1000 as fit into `arena` bytes.
    pub(super) fn new(
        task: &Task,
        state: &State,
        samples: usize,
        wanted: Option<usize>,
        arena: usize,
    ) -> Result<Option<EvaluationPlans>> {
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
        Ok(Some(EvaluationPlans { whole: plan(batch_size)?, rest }))
    }
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

/// Judges all of `source` in its own order with the plans `whole` and `rest` of the session. The session's metrics are
/// as before afterwards.
pub(super) fn evaluate(
    session: &mut Session,
    whole: usize,
    rest: Option<usize>,
    source: &Source,
    order: &[u32],
) -> Result<Metrics> {
    let before = session.metrics();
    session.set_metrics(Metrics::default());
    let batch_size = session.plans()[whole].batch_size().max(1);
    let (batches, left_over) = order.split_at(order.len() / batch_size * batch_size);
    let mut run = |plan, rows| -> Result<()> { Ok(session.run(plan, &source.batches(rows)?)?) };
    let result = run(whole, batches).and_then(|()| rest.map_or(Ok(()), |rest| run(rest, left_over)));
    let metrics = session.metrics();
    session.set_metrics(before);
    result.map(|()| metrics)
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
