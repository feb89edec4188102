//! Puts columns of matrices side by side.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::{BLOCK, Compute};
use crate::ir::kernel::{Columns, Join, Part};
use crate::ir::{Program, Value};

impl Join {
    /// The elements of the output that some units write.
    fn elements(&self, share: &Range<usize>) -> Range<usize> {
        share.start * BLOCK..(self.rows * self.columns()).min(share.end * BLOCK)
    }

    /// The part in which a column of the output lies, and the columns of the part to its left.
    fn part_of(&self, mut column: usize) -> (&Part, usize) {
        let mut parts = self.parts.iter();
        let part = parts.find(|part| {
            let is_within = column < part.width;
            column -= if is_within { 0 } else { part.width };
            is_within
        });
        (part.expect("a column of the output lies in a part"), column)
    }
}

impl Compute for Join {
    fn units(&self) -> usize {
        (self.rows * self.columns()).div_ceil(BLOCK)
    }

    fn part(&self, _: &Program, share: &Range<usize>, operand: Value) -> Option<Range<usize>> {
        (operand == self.output).then(|| self.elements(share))
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let (output, columns) = (context.floats(self.output), self.columns());
        let mut elements = self.elements(&share);
        while !elements.is_empty() {
            let (row, column) = (elements.start / columns, elements.start % columns);
            let (part, left) = self.part_of(column);
            let run = (part.width - left).min(elements.len());
            // SAFETY: the run lies within a row of the output, and as far within its part, which another value holds.
            unsafe {
                let to = output.offset(elements.start);
                match part.columns {
                    Columns::Number(x) => (0..run).for_each(|i| to.set(i, x)),
                    Columns::Of { value, first, columns } => {
                        to.copy::<S>(context.floats(value).offset(row * columns + first + left), run);
                    }
                }
            }
            elements.start += run;
        }
    }
}
