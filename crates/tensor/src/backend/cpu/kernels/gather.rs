//! Picks the samples of a batch and normalises them.

use std::ops::Range;

use super::super::context::Context;
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
        let output = context.at::<f32>(self.output);
        for row in share {
            prefetch(&self.samples, context, row, 0..width);
            let output = output.wrapping_add(row * width);
            // SAFETY: the caller's contract; the output has room for every sample of the batch.
            unsafe {
                let line = normalised(&self.samples);
                pick::<S>(&self.samples, context, row..row + 1, 0..width, line, (output, width));
            }
        }
    }
}
