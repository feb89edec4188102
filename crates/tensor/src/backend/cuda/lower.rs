//! From a plan's stages to launches: where kernels become items, and grids are sized.
//!
//! A stage is one launch, unless it has more kernels than fit into a launch. How many blocks an item gets depends on its
//! shape alone; kernels walk their units in strides of the grid, so no size is too large. What each kernel becomes is in
//! `kernels/`.

use super::kernels::{accumulate, constant, copy, next_batch, proceed};
use super::lowering::{Lower, Lowering, StepBuilder};
use super::runtime::Order;
use crate::plan::Kernel;

/// The launches of one step. `batch_size` is how far the feed advances after it, 0 if it takes no batch.
pub(super) fn step(stages: &[Vec<Kernel>], batch_size: usize, lowering: &Lowering<'_>) -> Vec<Order> {
    let mut step = StepBuilder::new(lowering.sizing);
    for stage in stages {
        stage.iter().for_each(|kernel| lower(kernel, lowering, &mut step));
        step.finish_stage();
    }
    if batch_size > 0 {
        step.finish_with(next_batch::task(batch_size, lowering));
    }
    step.into_orders()
}

fn lower(kernel: &Kernel, lowering: &Lowering<'_>, step: &mut StepBuilder) {
    match kernel {
        Kernel::Advance(k) => k.lower(lowering, step),
        Kernel::Gather(k) => k.lower(lowering, step),
        Kernel::GatherTargets(k) => k.lower(lowering, step),
        Kernel::Constant { output, data } => constant::lower(*output, data, lowering, step),
        Kernel::Accumulate { input, output, elements } => {
            accumulate::lower([*input, *output], *elements, lowering, step);
        }
        Kernel::Proceed { step_block, rows } => proceed::lower(*step_block, *rows, lowering, step),
        Kernel::Copy { input, output, bytes } => {
            copy::lower([*input, *output], *bytes, lowering, step);
        }
        Kernel::Gemm(k) => k.lower(lowering, step),
        Kernel::Map(k) => k.lower(lowering, step),
        Kernel::Reduce(k) => k.lower(lowering, step),
        Kernel::Softmax(k) => k.lower(lowering, step),
        Kernel::CrossEntropy(k) => k.lower(lowering, step),
        Kernel::Mse(k) => k.lower(lowering, step),
        Kernel::Permute(k) => k.lower(lowering, step),
        Kernel::ArgMax(k) => k.lower(lowering, step),
        Kernel::Dropout(k) => k.lower(lowering, step),
        Kernel::Metrics(k) => k.lower(lowering, step),
        Kernel::Update(k) => k.lower(lowering, step),
    }
}
