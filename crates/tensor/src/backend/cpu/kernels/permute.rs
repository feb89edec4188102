//! Copies a value with its dimensions in another order.

use std::ops::Range;

use super::super::context::Context;
use super::super::matrix::Matrix;
use super::super::simd::Simd;
use super::{BLOCK, Compute};
use crate::ir::kernel::Permute;

/// Edge of the squares in which a matrix is transposed: a line of the cache.
const SQUARE: usize = 16;

impl Compute for Permute {
    fn units(&self) -> usize {
        match self.transposes() {
            Some((_, columns)) => columns.div_ceil(SQUARE),
            None => self.shape.elements().div_ceil(BLOCK),
        }
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        if let Some((rows, columns)) = self.transposes() {
            let input = context.matrix(self.input, (rows, columns));
            let output = context.matrix(self.output, (columns, rows));
            let columns = share.start * SQUARE..columns.min(share.end * SQUARE);
            // SAFETY: the caller's contract.
            return unsafe { transpose(input, output, columns) };
        }
        let (input, output) = (context.floats(self.input), context.floats(self.output));
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
                unsafe { output.set(i + j, input.get(source + j * stride)) };
            }
            i += run;
        }
    }
}

/// Copies some columns of a matrix to the rows of its transpose, square by square. No square lies in two panels.
unsafe fn transpose(input: Matrix, output: Matrix, columns: Range<usize>) {
    for left in columns.clone().step_by(SQUARE) {
        for top in (0..input.rows).step_by(SQUARE) {
            let (from, to) = (input.at(top, left), output.at(left, top));
            let (from_row, to_row) = (input.stride(left), output.stride(top));
            let (width, height) = (SQUARE.min(columns.end - left), SQUARE.min(input.rows - top));
            // SAFETY: both lie within their matrices.
            let copy = |column: usize, row: usize| unsafe {
                to.set(column * to_row + row, from.get(row * from_row + column));
            };
            (0..width).for_each(|column| (0..height).for_each(|row| copy(column, row)));
        }
    }
}
