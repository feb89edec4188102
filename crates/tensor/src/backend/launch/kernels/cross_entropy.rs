//! Cross-entropy losses and their gradient.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::kernel;

shared! {
    /// Losses, their gradient, or both; what is not wanted is null.
    struct CrossEntropy {
        logits: Input<f32>,
        labels: Input<u8>,
        losses: Output<f32>,
        gradient: Output<f32>,
        /// The gradient's factor for each row; null if `scale` is that of all rows.
        scales: Input<f32>,
        /// Of the classes; null if each is 1.
        weights: Input<f32>,
        rows: u64,
        columns: u64,
        scale: f32,
        /// The label's share of the loss, and each class's.
        hit: f32,
        spread: f32,
    }
}

impl Lower for kernel::CrossEntropy {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let (scale, scales) = lowering.row_scale(self.scale);
        let work = CrossEntropy {
            logits: lowering.at(self.logits),
            labels: lowering.at(self.labels),
            losses: lowering.at_or_null(self.losses),
            gradient: lowering.at_or_null(self.dlogits),
            scales,
            weights: lowering.at_or_null(self.share.weights),
            rows: self.rows as u64,
            columns: self.columns as u64,
            scale,
            hit: self.share.hit,
            spread: self.share.spread,
        };
        step.push(Job::by_row(work, self.rows));
    }
}
