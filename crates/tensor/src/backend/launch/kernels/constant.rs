//! Numbers that the plan carries: one number many times is filled in by a kernel, others are copied from the host.

use crate::backend::launch::shared::{Output, shared};
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::kernel::{self, ConstantData};

shared! {
    /// Writes one number everywhere.
    struct Fill {
        output: Output<f32>,
        elements: u64,
        value: f32,
    }
}

impl Lower for kernel::Constant {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        match self.data {
            ConstantData::Fill(value, elements) => {
                let work = Fill { output: lowering.at(self.output), elements: elements as u64, value };
                step.push(Job::by_element(work, elements));
            }
            _ if self.data.elements() == 0 => {}
            _ => step.copy(lowering.at(self.output), self.data.clone()),
        }
    }
}
