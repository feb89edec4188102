//! Squared errors and their gradient.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::kernel;

shared! {
    /// Losses, their gradient, or both; what is not wanted is null.
    struct Mse {
        prediction: Input<f32>,
        target: Input<f32>,
        losses: Output<f32>,
        gradient: Output<f32>,
        /// The gradient's factor for each row; null if `scale` is that of all rows.
        scales: Input<f32>,
        rows: u64,
        columns: u64,
        scale: f32,
    }
}

impl Lower for kernel::Mse {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let (scale, scales) = lowering.row_scale(self.scale);
        let work = Mse {
            prediction: lowering.at(self.prediction),
            target: lowering.at(self.target),
            losses: lowering.at_or_null(self.losses),
            gradient: lowering.at_or_null(self.dprediction),
            scales,
            rows: self.rows as u64,
            columns: self.columns as u64,
            scale,
        };
        step.push(Job::by_row(work, self.rows));
    }
}
