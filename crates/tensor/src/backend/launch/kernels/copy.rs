//! One value copied to another.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::kernel;

shared! {
    /// output = input
    struct Copy {
        input: Input<u8>,
        output: Output<u8>,
        bytes: u64,
    }
}

impl Lower for kernel::Copy {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let (input, output) = (lowering.at(self.input), lowering.at(self.output));
        let bytes = (4 * self.elements) as u64;
        step.push(Job::by_element(Copy { input, output, bytes }, self.elements));
    }
}
