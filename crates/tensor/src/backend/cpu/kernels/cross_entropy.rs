//! Cross-entropy losses and their gradient, a row at a time.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::exponentials::{affine, exponentials, row_max, sum_of_exponentials};
use super::{Compute, rows};
use crate::ir::kernel::{ClassShare, CrossEntropy, RowScale};
use crate::ir::{Program, Value};

impl Compute for CrossEntropy {
    fn units(&self) -> usize {
        self.rows
    }

    fn part(&self, _: &Program, share: &Range<usize>, operand: Value) -> Option<Range<usize>> {
        if operand == self.logits || self.dlogits == Some(operand) {
            return rows(share, self.columns);
        }
        let by_row = operand == self.labels || self.losses == Some(operand);
        (by_row || self.scale == RowScale::PerRow(operand)).then(|| share.clone())
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let logits: *const f32 = context.at(self.logits);
        for row in share {
            // SAFETY: rows lie within the operands; the label is compared with the columns before it is used.
            unsafe {
                let x = logits.add(row * self.columns);
                let label = context.label(self.labels, row, self.columns);
                let max = row_max::<S>(x, self.columns);
                // Without weights and smoothing hit and mass are 1, which changes no bit.
                let share = RowShare::new(&self.share, context, x, self.columns, label, max);
                let sum = match self.dlogits {
                    Some(dlogits) => {
                        let dx = context.at::<f32>(dlogits).add(row * self.columns);
                        let sum = exponentials::<S>(x, dx, self.columns, max);
                        let scale = row_scale(self.scale, context, row);
                        affine::<S>(dx, dx, self.columns, scale * share.mass / sum, 0.0);
                        if label < self.columns {
                            *dx.add(label) -= scale * share.hit;
                        }
                        spread_out(&self.share, context, dx, self.columns, scale);
                        sum
                    }
                    None => sum_of_exponentials::<S>(x, self.columns, max),
                };
                if let Some(losses) = self.losses {
                    let loss = if label < self.columns {
                        share.mass * libm::logf(sum) - share.hit * (*x.add(label) - max) - share.spread
                    } else {
                        f32::NAN
                    };
                    *context.at::<f32>(losses).add(row) = loss;
                }
            }
        }
    }
}

/// A row's shares: of its label, of all classes together, and s Σⱼ wⱼ (xⱼ − max).
struct RowShare {
    hit: f32,
    mass: f32,
    spread: f32,
}

impl RowShare {
    #[inline(always)]
    unsafe fn new(
        share: &ClassShare,
        context: &Context<'_>,
        x: *const f32,
        columns: usize,
        label: usize,
        max: f32,
    ) -> RowShare {
        // SAFETY: there is a weight for each column, and the label is compared with them before it is used.
        unsafe {
            let mut hit = share.hit;
            if let (Some(weights), true) = (share.weights, label < columns) {
                hit *= *context.at::<f32>(weights).add(label);
            }
            if share.spread == 0.0 {
                return RowShare { hit, mass: hit, spread: 0.0 };
            }
            let (mut weights, mut distances) = (0.0, 0.0);
            for column in 0..columns {
                let weight = class_weight(share, context, column);
                weights += weight;
                distances += weight * (*x.add(column) - max);
            }
            RowShare { hit, mass: hit + share.spread * weights, spread: share.spread * distances }
        }
    }
}

/// Takes each class's share off the gradient of a row.
#[inline(always)]
unsafe fn spread_out(share: &ClassShare, context: &Context<'_>, dx: *mut f32, columns: usize, scale: f32) {
    if share.spread != 0.0 {
        for column in 0..columns {
            // SAFETY: the caller's contract.
            unsafe { *dx.add(column) -= scale * share.spread * class_weight(share, context, column) };
        }
    }
}

#[inline(always)]
unsafe fn class_weight(share: &ClassShare, context: &Context<'_>, column: usize) -> f32 {
    // SAFETY: there is a weight for each column.
    share.weights.map_or(1.0, |weights| unsafe { *context.at::<f32>(weights).add(column) })
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
