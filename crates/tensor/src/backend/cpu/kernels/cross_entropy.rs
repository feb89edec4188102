//! Cross-entropy losses and their gradient, a row at a time.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::Compute;
use super::exponentials::{affine, exponentials, row_max, sum_of_exponentials};
use crate::ir::kernel::{CrossEntropy, RowScale};

impl Compute for CrossEntropy {
    fn units(&self) -> usize {
        self.rows
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let (logits, labels): (*const f32, *const u8) = (context.at(self.logits), context.at(self.labels));
        for row in share {
            // SAFETY: rows lie within the operands; the label is compared with the columns before it is used.
            unsafe {
                let x = logits.add(row * self.columns);
                let label = usize::from(*labels.add(row));
                let max = row_max::<S>(x, self.columns);
                let sum = match self.dlogits {
                    Some(dlogits) => {
                        let dx = context.at::<f32>(dlogits).add(row * self.columns);
                        let sum = exponentials::<S>(x, dx, self.columns, max);
                        let scale = row_scale(self.scale, context, row);
                        affine::<S>(dx, dx, self.columns, scale / sum, 0.0);
                        if label < self.columns {
                            *dx.add(label) -= scale;
                        }
                        sum
                    }
                    None => sum_of_exponentials::<S>(x, self.columns, max),
                };
                if let Some(losses) = self.losses {
                    let loss =
                        if label < self.columns { libm::logf(sum) - (*x.add(label) - max) } else { f32::NAN };
                    *context.at::<f32>(losses).add(row) = loss;
                }
            }
        }
    }
}

/// The gradient by the loss of a row.
#[inline(always)]
pub(super) unsafe fn row_scale(scale: RowScale, context: &Context<'_>, row: usize) -> f32 {
    match scale {
        RowScale::Constant(scale) => scale,
        // SAFETY: the value has a number for each row.
        RowScale::PerRow(value) => unsafe { *context.at::<f32>(value).add(row) },
    }
}
