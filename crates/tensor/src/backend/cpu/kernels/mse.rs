//! Squared errors and their gradient, a row at a time.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::cross_entropy::row_scale;
use super::{Compute, rows};
use crate::ir::kernel::{Mse, RowScale};
use crate::ir::{Program, Value};

impl Compute for Mse {
    fn units(&self) -> usize {
        self.rows
    }

    fn part(&self, _: &Program, share: &Range<usize>, operand: Value) -> Option<Range<usize>> {
        let by_row = self.losses == Some(operand) || self.scale == RowScale::PerRow(operand);
        rows(share, if by_row { 1 } else { self.columns })
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let (prediction, target) = (context.floats(self.prediction), context.floats(self.target));
        let width = 1.0 / self.columns as f32;
        for row in share {
            // SAFETY: rows lie within the operands.
            unsafe {
                let (p, t) = (prediction.offset(row * self.columns), target.offset(row * self.columns));
                let factor = S::splat(2.0 * width * row_scale(self.scale, context, row));
                let mut squares = S::splat(0.0);
                let mut i = 0;
                while i < self.columns {
                    let n = (self.columns - i).min(S::LANES);
                    let error = S::sub(p.load::<S>(i, n), t.load::<S>(i, n));
                    squares = S::fma(error, error, squares);
                    if let Some(dp) = self.dprediction {
                        let gradient = S::mul(error, factor);
                        context.floats(dp).store::<S>(row * self.columns + i, gradient, n);
                    }
                    i += n;
                }
                if let Some(losses) = self.losses {
                    context.floats(losses).set(row, S::sum(squares) * width);
                }
            }
        }
    }
}
