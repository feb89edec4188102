//! Dropout with a mask that is computed on the spot.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::{Compute, rows};
use crate::ir::kernel::{Dropout, mask_words, threshold};
use crate::ir::{Program, StepBlock, Value};

impl Compute for Dropout {
    #[allow(clippy::misnamed_getters)] // units of work, not of a layer
    fn units(&self) -> usize {
        self.rows
    }

    fn part(&self, _: &Program, share: &Range<usize>, operand: Value) -> Option<Range<usize>> {
        if operand == self.step_block { None } else { rows(share, self.units) }
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let (input, output) = (context.floats(self.input), context.floats(self.output));
        let (limit, scale) = (threshold(self.rate), 1.0 / (1.0 - self.rate));
        // SAFETY: the step block lies at its place in the arena, and nothing writes it in this stage.
        let StepBlock { step, seed, first_row, .. } = unsafe { *context.at::<StepBlock>(self.step_block) };
        for row in share {
            for block in 0..self.units.div_ceil(4) {
                let words =
                    mask_words(seed, self.layer, step, u64::from(first_row) + row as u64, block as u32);
                for (lane, word) in words.iter().enumerate().take(self.units - 4 * block) {
                    let i = row * self.units + 4 * block + lane;
                    // SAFETY: i lies within the operands.
                    unsafe { output.set(i, if *word >= limit { input.get(i) * scale } else { 0.0 }) };
                }
            }
        }
    }
}
