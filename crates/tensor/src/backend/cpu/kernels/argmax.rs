//! The largest column of each row.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::{Compute, rows};
use crate::ir::kernel::ArgMax;
use crate::ir::{Program, Value};

impl Compute for ArgMax {
    fn units(&self) -> usize {
        self.rows
    }

    fn part(&self, _: &Program, share: &Range<usize>, operand: Value) -> Option<Range<usize>> {
        rows(share, if operand == self.input { self.columns } else { 1 })
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let (input, output) = (context.floats(self.input), context.floats(self.output));
        for row in share {
            // SAFETY: rows lie within the operands.
            unsafe {
                let x = input.offset(row * self.columns);
                let (mut best, mut largest) = (0, f32::NEG_INFINITY);
                for i in 0..self.columns {
                    let value = x.get(i);
                    if value > largest || value.is_nan() && !largest.is_nan() {
                        (best, largest) = (i, value);
                    }
                }
                let answer = match self.labels {
                    None => best as f32,
                    Some(labels) => {
                        let right = best == context.label(labels, row, self.columns);
                        f32::from(u8::from(right && !largest.is_nan()))
                    }
                };
                output.set(row, answer);
            }
        }
    }
}
