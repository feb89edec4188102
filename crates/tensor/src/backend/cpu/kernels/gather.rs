//! Picks the samples of a batch and normalises them.

use std::ops::Range;

use super::super::context::Context;
use super::super::floats::{ROOM, Room};
use super::super::simd::Simd;
use super::samples::{normalised, pick, prefetch};
use super::{Compute, rows};
use crate::ir::kernel::Gather;
use crate::ir::{Program, Value};

impl Compute for Gather {
    fn units(&self) -> usize {
        self.samples.rows
    }

    fn part(&self, _: &Program, share: &Range<usize>, _: Value) -> Option<Range<usize>> {
        rows(share, self.samples.width())
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let width = self.samples.width();
        let output = context.floats(self.output);
        let together = if output.are_wide() { width } else { ROOM };
        let mut room = Room::new();
        for row in share {
            prefetch(&self.samples, context, row, 0..width);
            for first in (0..width).step_by(together.max(1)) {
                let columns = first..width.min(first + together);
                let output = output.offset(row * width + first);
                // SAFETY: the caller's contract; the output has room for every sample of the batch.
                unsafe {
                    let (made, count, line) =
                        (output.made_in(&mut room), columns.len(), normalised(&self.samples));
                    pick::<S>(&self.samples, context, row..row + 1, columns, line, (made, count));
                    output.keep::<S>(made, count);
                }
            }
        }
    }
}
