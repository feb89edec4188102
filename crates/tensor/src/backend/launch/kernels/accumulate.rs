//! One value added to another in place.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::kernel;

shared! {
    /// output += input
    struct Accumulate {
        input: Input<f32>,
        output: Output<f32>,
        elements: u64,
    }
}

impl Lower for kernel::Accumulate {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let (input, output) = (lowering.at(self.input), lowering.at(self.output));
        let work = Accumulate { input, output, elements: self.elements as u64 };
        step.push(Job::by_element(work, self.elements));
    }
}
