//! Adds one value to another.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::{BLOCK, Compute};
use crate::ir::kernel::Accumulate;

impl Compute for Accumulate {
    fn units(&self) -> usize {
        self.elements.div_ceil(BLOCK)
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let (input, output) = (context.floats(self.input), context.floats(self.output));
        let mut i = share.start * BLOCK;
        let end = self.elements.min(share.end * BLOCK);
        while i < end {
            let n = (end - i).min(S::LANES);
            // SAFETY: both values have `elements` elements.
            unsafe {
                output.store::<S>(i, S::add(output.load::<S>(i, n), input.load::<S>(i, n)), n);
            };
            i += n;
        }
    }
}
