//! Adds losses and right answers to the running sums, in f64 and in the order of the batch.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::Compute;
use crate::ir::MetricBlock;
use crate::ir::kernel::MetricSums;

impl Compute for MetricSums {
    fn units(&self) -> usize {
        1
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, _: Range<usize>) {
        // SAFETY: the sums lie at their place in the arena, and this kernel alone touches them in this stage; there is a
        // loss, and if counted a right answer, for each row.
        unsafe {
            let block = &mut *context.at::<MetricBlock>(self.metrics);
            let losses = std::slice::from_raw_parts(context.at::<f32>(self.losses), self.rows);
            if !self.continues {
                (block.last_sum, block.last_samples) = (0.0, 0);
            }
            for &loss in losses {
                block.loss_sum += f64::from(loss);
                block.last_sum += f64::from(loss);
            }
            block.samples += self.rows as u64;
            block.last_samples += self.rows as u64;
            if let Some(correct) = self.correct {
                let right = std::slice::from_raw_parts(context.at::<f32>(correct), self.rows);
                block.correct += right.iter().filter(|&&x| x != 0.0).count() as u64;
            }
        }
    }
}
