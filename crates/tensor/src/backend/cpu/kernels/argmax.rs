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
        let (input, output): (*const f32, *mut f32) = (context.at(self.input), context.at(self.output));
        for row in share {
            // SAFETY: rows lie within the operands.
            unsafe {
                let x = std::slice::from_raw_parts(input.add(row * self.columns), self.columns);
                let mut best = 0;
                for (i, &value) in x.iter().enumerate() {
                    if value > x[best] || value.is_nan() && !x[best].is_nan() {
                        best = i;
                    }
                }
                *output.add(row) = match self.labels {
                    None => best as f32,
                    Some(labels) => {
                        let right = best == context.label(labels, row, self.columns);
                        f32::from(u8::from(right && !x.iter().any(|x| x.is_nan())))
                    }
                };
            }
        }
    }
}
