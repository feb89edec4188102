//! Copies a value.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::Compute;
use crate::ir::kernel::Copy;

impl Compute for Copy {
    fn units(&self) -> usize {
        1
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, _: Range<usize>) {
        // SAFETY: two values of as many numbers that do not overlap, or the same.
        unsafe { context.floats(self.output).copy::<S>(context.floats(self.input), self.elements) };
    }
}
