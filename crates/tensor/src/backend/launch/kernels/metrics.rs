//! Running sums of losses and right answers.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::common::WARPS;
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::MetricBlock;
use crate::ir::kernel;

shared! {
    /// Losses in shared memory at a time.
    const METRIC_RUN: u32 = 1024;

    /// Adds the losses and right answers of a batch.
    struct Metrics {
        losses: Input<f32>,
        /// Or null.
        correct: Input<f32>,
        sums: Output<MetricBlock>,
        rows: u64,
        /// Whether these rows are a further part of the last batch.
        continues: u32,
    }
}

/// The losses, and a count of each warp.
const SHARED_BYTES: u32 = 4 * (METRIC_RUN + WARPS);

impl Lower for kernel::MetricSums {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let work = Metrics {
            losses: lowering.at(self.losses),
            correct: lowering.at_or_null(self.correct),
            sums: lowering.at(self.metrics),
            rows: self.rows as u64,
            continues: self.continues.into(),
        };
        step.push(Job::new(work, 1).with_shared_memory(SHARED_BYTES));
    }
}
