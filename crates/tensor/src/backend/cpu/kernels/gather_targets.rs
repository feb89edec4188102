//! Picks the targets of a batch.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::Compute;
use crate::ir::TargetFormat;
use crate::ir::kernel::GatherTargets;

impl Compute for GatherTargets {
    fn units(&self) -> usize {
        1
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, _: Range<usize>) {
        for i in 0..self.rows {
            let row = context.row(i);
            // SAFETY: the session checked that every row exists and has targets of this kind; the output has a place for each.
            unsafe {
                match self.format {
                    TargetFormat::Class => {
                        *context.at::<u8>(self.output).add(i) = *context.view.targets.add(row)
                    }
                    TargetFormat::WideClass => {
                        *context.at::<u16>(self.output).add(i) = *context.view.targets.cast::<u16>().add(row)
                    }
                    TargetFormat::Values(width) => {
                        let source = context.view.targets.cast::<f32>().add(row * width);
                        context.at::<f32>(self.output).add(i * width).copy_from_nonoverlapping(source, width);
                    }
                }
            }
        }
    }
}
