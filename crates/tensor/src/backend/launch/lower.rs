//! From a plan's stages to launches: where kernels become items, and grids are sized.
//!
//! A stage is one launch, unless it has more kernels than fit into a launch. How many blocks an item gets depends on its
//! shape alone; kernels walk their units in strides of the grid, so no size is too large. What each kernel becomes is in
//! `kernels/`.

use super::kernels::next_batch;
use super::lowering::{Lower, Lowering, StepBuilder};
use super::orders::Order;
use crate::ir::Kernel;
use crate::ir::kernel::dispatch;

/// The launches of one step. `batch_size` is how far the feed advances after it, 0 if it takes no batch.
pub(crate) fn step(stages: &[Vec<Kernel>], batch_size: usize, lowering: &Lowering<'_>) -> Vec<Order> {
    let mut step = StepBuilder::new(lowering.sizing);
    for stage in stages {
        stage.iter().for_each(|kernel| dispatch!(kernel, k => k.lower(lowering, &mut step)));
        step.finish_stage();
    }
    if batch_size > 0 {
        step.finish_with(next_batch::job(batch_size, lowering));
    }
    step.into_orders()
}
