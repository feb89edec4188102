//! The begin of a step: what of the step block changes.

use crate::ir::Schedule as OfPlan;
use crate::backend::launch::shared::{Output, shared};
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::StepBlock;
use crate::ir::kernel;

shared! {
    /// How the learning rate changes.
    enum Schedule {
        Constant,
        Cosine,
        Step,
        OneCycle,
    }

    /// Advances the step block.
    struct Advance {
        step_block: Output<StepBlock>,
        learning_rate: f64,
        /// The minimum of a cosine or a cycle, the factor of a step.
        other: f64,
        /// Those of a cosine or a cycle, or from one step of the schedule to the next.
        steps: u64,
        /// Where a cycle begins, and the steps before its peak.
        initial: f64,
        peak: f64,
        /// Steps before the schedule begins.
        warmup: u64,
        betas: [f64; 2],
        schedule: Schedule,
        /// Whether the optimizer has bias corrections.
        corrected: u32,
    }
}

impl Lower for kernel::Advance {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let mut cycle = (0.0, 0.0);
        let (schedule, learning_rate, other, steps) = match self.learning_rate.schedule {
            OfPlan::Constant { learning_rate } => (Schedule::Constant, learning_rate, 0.0, 0),
            OfPlan::Cosine { learning_rate, minimum, steps } => {
                (Schedule::Cosine, learning_rate, minimum, steps)
            }
            OfPlan::Step { learning_rate, factor, every } => (Schedule::Step, learning_rate, factor, every),
            OfPlan::OneCycle { learning_rate, initial, minimum, rise, steps } => {
                cycle = (initial, rise * steps as f64 - 1.0);
                (Schedule::OneCycle, learning_rate, minimum, steps)
            }
        };
        let (initial, peak) = cycle;
        let betas = self.optimizer.betas();
        let work = Advance {
            step_block: lowering.at(self.step_block),
            learning_rate,
            other,
            steps,
            initial,
            peak,
            warmup: self.learning_rate.warmup,
            betas: betas.map_or([0.0; 2], |(first, second)| [first, second]),
            schedule,
            corrected: betas.is_some().into(),
        };
        step.push(Job::new(work, 1));
    }
}
