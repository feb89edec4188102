//! Softmax and its logarithm, a row at a time.

use std::ops::Range;

use super::super::context::Context;
use super::super::floats::{Floats, ROOM, Room};
use super::super::simd::Simd;
use super::exponentials::{affine, exponentials, row_max, sum_of_exponentials};
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
        let (input, output) = (context.floats(self.input), context.floats(self.output));
        let mut room = Room::new();
        for row in share {
            // SAFETY: rows lie within input and output.
            unsafe {
                let (x, y) = (input.offset(row * self.columns), output.offset(row * self.columns));
                let max = row_max::<S>(x, self.columns);
                let are_made = y.are_wide() && !self.log;
                let sum = match are_made {
                    true => exponentials::<S>(x, y.wide(), self.columns, max),
                    false => sum_of_exponentials::<S>(x, self.columns, max),
                };
                for first in (0..self.columns).step_by(ROOM) {
                    let (x, y, n) = (x.offset(first), y.offset(first), ROOM.min(self.columns - first));
                    let made = y.made_in(&mut room);
                    let so_far = Floats::of(made);
                    if self.log {
                        // Two steps, for one subtraction of max + ln Σ would lose the logarithm beside a large maximum.
                        affine::<S>(x, made, n, 1.0, -max);
                        affine::<S>(so_far, made, n, 1.0, -libm::logf(sum));
                    } else {
                        if !are_made {
                            exponentials::<S>(x, made, n, max);
                        }
                        affine::<S>(so_far, made, n, 1.0 / sum, 0.0);
                    }
                    y.keep::<S>(made, n);
                }
            }
        }
    }
}
