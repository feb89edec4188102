//! Copies a value with its dimensions in another order.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::{BLOCK, Compute};
use crate::ir::kernel::Permute;

impl Compute for Permute {
    fn units(&self) -> usize {
        self.shape.elements().div_ceil(BLOCK)
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let (input, output): (*const f32, *mut f32) = (context.at(self.input), context.at(self.output));
        let elements = self.shape.elements();
        let (_, columns) = self.shape.rows();
        let stride = self.strides[self.shape.rank().saturating_sub(1)];
        let mut i = share.start * BLOCK;
        let end = elements.min(share.end * BLOCK);
        while i < end {
            let run = (columns - i % columns).min(end - i);
            let mut rest = i;
            let mut source = 0;
            for (axis, &dim) in self.shape.dims().iter().enumerate().rev() {
                source += rest % dim * self.strides[axis];
                rest /= dim;
            }
            for j in 0..run {
                // SAFETY: the strides map every element of the shape into the input.
                unsafe { *output.add(i + j) = *input.add(source + j * stride) };
            }
            i += run;
        }
    }
}
