//! Begins a step.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::Compute;
use crate::ir::kernel::Advance;
use crate::ir::{StepBlock, power};

impl Compute for Advance {
    fn units(&self) -> usize {
        1
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, _: Range<usize>) {
        // SAFETY: the step block lies at its place in the arena, and this kernel alone touches it in this stage.
        let block = unsafe { &mut *context.at::<StepBlock>(self.step_block) };
        block.step += 1;
        block.first_row = 0;
        let learning_rate = self.learning_rate.at(block.step);
        let correction = |beta: f64| 1.0 - power(beta, block.step);
        let (first, second) = self
            .optimizer
            .betas()
            .map_or((1.0, 1.0), |(beta1, beta2)| (correction(beta1), correction(beta2)));
        block.learning_rate = learning_rate as f32;
        block.step_size = (learning_rate / first) as f32;
        block.second_correction = (1.0 / second.sqrt()) as f32;
    }
}
