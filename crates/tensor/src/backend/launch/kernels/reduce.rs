//! Sums, sums of squares and maxima along one axis.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::common::THREADS;
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::kernel;

shared! {
    /// Rows of this length and longer are reduced by a block each, shorter ones by a warp.
    const LONG_ROW: u64 = 1024;

    /// Shared memory of a block, where blocks reduce.
    const REDUCE_BYTES: u32 = 16 * THREADS;

    /// `[outer, reduced, inner]` to `[outer, inner]`
    struct Reduce {
        input: Input<f32>,
        output: Output<f32>,
        outer: u64,
        reduced: u64,
        inner: u64,
        /// Whether it is the maximum instead of the sum, or the sum of squares.
        maximum: u32,
        squared: u32,
    }
}

impl Lower for kernel::Reduce {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let [outer, reduced, inner] = [self.outer, self.reduced, self.inner].map(|size| size as u64);
        let work = Reduce {
            input: lowering.at(self.input),
            output: lowering.at(self.output),
            outer,
            reduced,
            inner,
            maximum: (self.reduction == kernel::Reduction::Max).into(),
            squared: (self.reduction == kernel::Reduction::SquareSum).into(),
        };
        step.push(if inner == 1 && reduced < LONG_ROW {
            Job::by_row(work, self.outer)
        } else {
            Job::new(work, outer * inner.div_ceil(32)).with_shared_memory(REDUCE_BYTES)
        });
    }
}
