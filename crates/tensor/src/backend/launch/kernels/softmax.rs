//! Softmax over rows, or its logarithm.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::kernel;

shared! {
    /// Softmax over rows, or its logarithm.
    struct Softmax {
        input: Input<f32>,
        output: Output<f32>,
        rows: u64,
        columns: u64,
        logarithm: u32,
    }
}

impl Lower for kernel::Softmax {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let work = Softmax {
            input: lowering.at(self.input),
            output: lowering.at(self.output),
            rows: self.rows as u64,
            columns: self.columns as u64,
            logarithm: self.log.into(),
        };
        step.push(Job::by_row(work, self.rows));
    }
}
