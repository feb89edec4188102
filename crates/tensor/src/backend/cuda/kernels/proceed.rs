//! The end of a part of a batch.

use crate::backend::cuda::cpp::{Output, shared};
use crate::backend::cuda::lowering::{Lowering, StepBuilder, Task};
use crate::plan::{StepBlock, Value};

shared! {
    /// Advances the position in the batch.
    struct Proceed {
        step_block: Output<StepBlock>,
        rows: u64,
    }
}

pub(in crate::backend::cuda) fn lower(
    step_block: Value,
    rows: usize,
    lowering: &Lowering<'_>,
    step: &mut StepBuilder,
) {
    step.push(Task::new(Proceed { step_block: lowering.at(step_block), rows: rows as u64 }, 1));
}
