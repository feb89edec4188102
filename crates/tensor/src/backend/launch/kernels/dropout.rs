//! Dropout, whose mask is computed from counters.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::kernel::{STREAM, threshold};
use crate::ir::StepBlock;
use crate::ir::kernel;

shared! {
    /// Sets the random words of masks apart from those of initial weights.
    const DROPOUT_STREAM: u32 = STREAM;

    /// Scales the units that are kept and sets the others to zero.
    struct Dropout {
        input: Input<f32>,
        output: Output<f32>,
        step_block: Input<StepBlock>,
        rows: u64,
        units: u64,
        /// A unit whose random word is smaller is dropped.
        limit: u32,
        layer: u32,
        scale: f32,
    }
}

impl Lower for kernel::Dropout {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let work = Dropout {
            input: lowering.at(self.input),
            output: lowering.at(self.output),
            step_block: lowering.at(self.step_block),
            rows: self.rows as u64,
            units: self.units as u64,
            limit: threshold(self.rate),
            layer: self.layer,
            scale: 1.0 / (1.0 - self.rate),
        };
        step.push(Job::by_element(work, self.rows * self.units.div_ceil(4)));
    }
}
