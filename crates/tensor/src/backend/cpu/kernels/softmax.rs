//! Softmax and its logarithm, a row at a time.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::exponentials::{affine, exponentials, row_max};
use super::{Compute, rows};
use crate::ir::kernel::Softmax;
use crate::ir::{Program, Value};

impl Compute for Softmax {
    fn units(&self) -> usize {
        self.rows
    }

    fn part(&self, _: &Program, share: &Range<usize>, _: Value) -> Option<Range<usize>> {
        rows(share, self.columns)
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let (input, output): (*const f32, *mut f32) = (context.at(self.input), context.at(self.output));
        for row in share {
            // SAFETY: rows lie within input and output.
            unsafe {
                let (x, y) = (input.add(row * self.columns), output.add(row * self.columns));
                let max = row_max::<S>(x, self.columns);
                let sum = exponentials::<S>(x, y, self.columns, max);
                if self.log {
                    // Two steps, for one subtraction of max + ln Σ would lose the logarithm beside a large maximum.
                    affine::<S>(x, y, self.columns, 1.0, -max);
                    affine::<S>(y, y, self.columns, 1.0, -libm::logf(sum));
                } else {
                    affine::<S>(y, y, self.columns, 1.0 / sum, 0.0);
                }
            }
        }
    }
}
