//! The end of a part of a batch.

use crate::backend::launch::shared::{Output, shared};
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::StepBlock;
use crate::ir::kernel;

shared! {
    /// Advances the position in the batch.
    struct Proceed {
        step_block: Output<StepBlock>,
        rows: u64,
    }
}

impl Lower for kernel::Proceed {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let step_block = lowering.at(self.step_block);
        step.push(Job::new(Proceed { step_block, rows: self.rows as u64 }, 1));
    }
}
