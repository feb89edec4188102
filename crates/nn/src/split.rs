//! A step that takes its batch in parts, which needs less memory.
//!
//! The gradients of the parts are summed before one update. The loss of each sample weighs 1 / batch size whatever part it
//! is in, so uneven parts make no difference; on the CPU even the bits are those of the whole batch, unless the network
//! has statistics of the batch ([`crate::Module`]) or classes have weights ([`crate::Task::with_class_weights`]).

use plangrad_tensor::{GraphId, Plan, Session, Source};

use crate::Error;

/// The plans of a step in parts: `first`, then `next` as often as `next_count` says, then `last`, then `update`.
///
/// ```
/// use std::sync::Arc;
///
/// use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
/// use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
/// use plangrad_tensor::{DType, Optimizer, SampleFormat, Samples, Schedule, Session, Shape, Source, Targets};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let samples = SampleFormat::new(Shape::new(&[4])?, DType::F32);
/// let task = Task::new(Arc::new(Mlp::new(&MlpConfig::new(&[4], 3))?), samples, Loss::CrossEntropy)?;
/// let rate = Schedule::Constant { learning_rate: 0.1 };
/// let mut plans = Vec::new();
/// let parts = task.split_step(Optimizer::sgd(), rate, 5, 2)?.add_to(&mut plans); // of 2, 2 and 1 rows
/// let mut session = Session::new(&Cpu::open(CpuOptions::default())?, plans)?;
/// task.initialise(&mut session, 42)?;
/// let source = Source::new(Samples::F32(vec![0.5; 20]), Targets::Classes(vec![0, 1, 2, 0, 1]), 4)?;
/// parts.step(&mut session, &source, &[0, 1, 2, 3, 4])?;
/// assert_eq!((parts.batch_size(), session.step()?), (5, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SplitStep {
    /// The first part.
    pub first: Plan,
    /// Further parts of the same size.
    pub next: Option<Plan>,
    /// How many of them there are.
    pub next_count: usize,
    /// The smaller part at the end.
    pub last: Option<Plan>,
    /// The update.
    pub update: Plan,
}

/// The plans of a [`SplitStep`] in their session, in the order in which they run.
///
/// Example: [`SplitStep`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// A plan, and the rows that its runs take together.
    runs: Vec<(PlanNumber, usize)>,
    update: PlanNumber,
}

/// The number of a plan in a session, and which one it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PlanNumber {
    number: usize,
    graph: GraphId,
}

impl PlanNumber {
    /// The number, if the plan of this number in `session` is the one meant.
    fn in_session(self, session: &Session) -> Result<usize, Error> {
        let PlanNumber { number, graph } = self;
        let is_there = session.plans().get(number).is_some_and(|plan| plan.graph() == graph);
        if is_there { Ok(number) } else { Err(plangrad_tensor::Error::OtherPlan { plan: number }.into()) }
    }
}

impl SplitStep {
    /// Appends the plans to those of a session.
    pub fn add_to(self, plans: &mut Vec<Plan>) -> Parts {
        let mut add = |plan: Plan| {
            let (rows, number) = (plan.batch_size(), PlanNumber { number: plans.len(), graph: plan.graph() });
            plans.push(plan);
            (number, rows)
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
    /// Arithmetic of a step by plans that these are among: see [`Plan::operations`].
    ///
    /// # Panics
    /// If `plans` are others than those that [`SplitStep::add_to`] was given.
    #[must_use]
    pub fn operations(&self, plans: &[Plan]) -> u64 {
        let of_run = |&(plan, rows): &(PlanNumber, usize)| {
            let plan = &plans[plan.number];
            plan.operations() * (rows / plan.batch_size().max(1)) as u64
        };
        self.runs.iter().map(of_run).sum::<u64>() + plans[self.update.number].operations()
    }

    /// Takes one step on `rows`, one for each sample of the batch.
    ///
    /// # Errors
    /// If the number of rows is not the batch size, the dataset does not fit the plans, or the session has other plans.
    /// Nothing has run then.
    pub fn step(&self, session: &mut Session, source: &Source, rows: &[u32]) -> Result<(), Error> {
        let batch_size = self.batch_size();
        if rows.len() != batch_size {
            return Err(plangrad_tensor::Error::Rows { rows: rows.len(), batch_size }.into());
        }
        source.batches(rows)?; // checks all rows before the first part runs
        self.runs.iter().try_for_each(|(plan, _)| plan.in_session(session).map(drop))?;
        let update = self.update.in_session(session)?;
        let mut rest = rows;
        for &(plan, count) in &self.runs {
            let (part, after) = rest.split_at(count);
            session.run(plan.number, &source.batches(part)?)?;
            rest = after;
        }
        Ok(session.run_once(update)?)
    }

    /// Rows of the whole batch.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.runs.iter().map(|(_, rows)| rows).sum()
    }
}
