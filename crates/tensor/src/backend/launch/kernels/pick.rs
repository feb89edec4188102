//! A number for each label.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::lowering::{Job, Lower, Lowering, StepBuilder};
use crate::ir::kernel;

shared! {
    /// output[i] = values[labels[i]]
    struct Pick {
        values: Input<f32>,
        labels: Input<u8>,
        output: Output<f32>,
        classes: u64,
        rows: u64,
    }
}

impl Lower for kernel::Pick {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let work = Pick {
            values: lowering.at(self.values),
            labels: lowering.at(self.labels),
            output: lowering.at(self.output),
            classes: self.classes as u64,
            rows: self.rows as u64,
        };
        step.push(Job::by_element(work, self.rows));
    }
}
