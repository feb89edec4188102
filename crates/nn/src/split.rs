//! A step that takes its batch in parts: less memory for the same step.
//!
//! The gradients of the parts are summed before one update. The loss of each sample weighs 1 / batch size whatever part it
//! is in, so uneven parts make no difference; on the CPU even the bits are those of the whole batch.

use plangrad_tensor::{Plan, Session, Source};

use crate::Error;

/// The plans of a step in parts: `first`, then `next` so many times, then `last`, then `update`.
#[derive(Clone, Debug)]
pub struct SplitStep {
    /// The first part.
    pub first: Plan,
    /// Further parts of the same size.
    pub next: Option<Plan>,
    /// How many of them.
    pub next_count: usize,
    /// The smaller part at the end.
    pub last: Option<Plan>,
    /// The update.
    pub update: Plan,
}

/// Where the plans of a [`SplitStep`] stand in their session, and in which order they run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Numbers of plans, and the rows each run of it takes.
    runs: Vec<(usize, usize)>,
    update: usize,
}

impl SplitStep {
    /// Puts the plans behind those that a session is to have already.
    pub fn add_to(self, plans: &mut Vec<Plan>) -> Parts {
        let mut add = |plan: Plan| {
            let rows = plan.batch_size();
            plans.push(plan);
            (plans.len() - 1, rows)
        };
        let mut runs = vec![add(self.first)];
        if let Some((plan, rows)) = self.next.map(&mut add) {
            runs.push((plan, rows * self.next_count)); // a run of several batches
        }
        runs.extend(self.last.map(&mut add));
        Parts { runs, update: add(self.update).0 }
    }
}

impl Parts {
    /// Takes one step on `rows`, which must be as many as the batch has.
    ///
    /// # Errors
    /// If the rows are not so many, or the dataset does not fit the plans. Nothing has run then.
    pub fn step(&self, session: &mut Session, source: &Source, rows: &[u32]) -> Result<(), Error> {
        let batch_size = self.batch_size();
        if rows.len() != batch_size {
            return Err(plangrad_tensor::Error::Rows { rows: rows.len(), batch_size }.into());
        }
        source.batches(rows)?; // else the first parts would have run before a row is missed
        let mut rest = rows;
        for &(plan, count) in &self.runs {
            let (part, after) = rest.split_at(count);
            session.run(plan, &source.batches(part)?)?;
            rest = after;
        }
        Ok(session.run_once(self.update)?)
    }

    /// Rows of the whole batch.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.runs.iter().map(|(_, rows)| rows).sum()
    }
}
