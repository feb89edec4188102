//! The largest column of each row, or whether it is the label.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::kernel;

shared! {
    /// Each row's largest column; with labels 1 where it is the label, else 0.
    struct ArgMax {
        input: Input<f32>,
        /// Or null.
        labels: Input<u8>,
        output: Output<f32>,
        rows: u64,
        columns: u64,
    }
}

impl Lower for kernel::ArgMax {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let work = ArgMax {
            input: lowering.at(self.input),
            labels: lowering.at_or_null(self.labels),
            output: lowering.at(self.output),
            rows: self.rows as u64,
            columns: self.columns as u64,
        };
        step.push(Job::by_row(work, self.rows));
    }
}
