//! Moves the position in the batch on.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::Compute;
use crate::ir::StepBlock;
use crate::ir::kernel::Proceed;

impl Compute for Proceed {
    fn units(&self) -> usize {
        1
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, _: Range<usize>) {
        // SAFETY: the step block lies at its place in the arena, and this kernel alone touches it in this stage.
        unsafe { (*context.at::<StepBlock>(self.step_block)).first_row += self.rows as u32 };
    }
}
