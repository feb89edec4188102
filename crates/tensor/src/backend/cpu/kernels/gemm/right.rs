//! The second operand as the product reads it: where it lies, or a block of it rounded to bfloat16 and widened again.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::super::super::matrix::Matrix;
use super::super::super::simd::Simd;
use super::cut::{DEPTH, PANEL};
use super::left::factors;

/// The second operand of a product.
pub(super) struct Right {
    pub(super) matrix: Matrix,
    rounds: bool,
    block: Block,
}

#[repr(align(64))]
struct Block([MaybeUninit<f32>; DEPTH * PANEL]);

impl Right {
    #[inline(always)]
    pub(super) fn new(matrix: Matrix, rounds: bool) -> Right {
        Right { matrix, rounds, block: Block([const { MaybeUninit::uninit() }; DEPTH * PANEL]) }
    }

    /// At most [`DEPTH`] steps of k of some columns of a panel: the first number, and the way from a step to the next.
    ///
    /// # Safety
    /// As [`super::super::execute`]; the matrix has these steps and columns.
    #[inline(always)]
    pub(super) unsafe fn block<S: Simd>(
        &mut self,
        steps: Range<usize>,
        columns: &Range<usize>,
    ) -> (*const f32, usize) {
        let (first, stride) = (self.matrix.at(steps.start, columns.start), self.matrix.stride(columns.start));
        if !self.rounds {
            return (first.wide(), stride);
        }
        let block: *mut f32 = self.block.0.as_mut_ptr().cast();
        for step in 0..steps.len() {
            let to = block.wrapping_add(step * columns.len());
            // SAFETY: the caller's contract; there is room for DEPTH rows of a panel.
            unsafe { factors::<S>(first.offset(step * stride), to, columns.len()) };
        }
        (block, columns.len())
    }
}
