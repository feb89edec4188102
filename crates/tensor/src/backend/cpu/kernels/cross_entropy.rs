//! Cross-entropy losses and their gradient, a row at a time.

use std::ops::Range;

use super::super::context::Context;
use super::super::floats::{Floats, ROOM, Room};
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
        let logits = context.floats(self.logits);
        let mut room = Room::new();
        for row in share {
            // SAFETY: rows lie within the operands; the label is compared with the columns before it is used.
            unsafe {
                let x = logits.offset(row * self.columns);
                let label = context.label(self.labels, row, self.columns);
                let max = row_max::<S>(x, self.columns);
                // Without weights and smoothing hit and mass are 1, which changes no bit.
                let share = RowShare::new(&self.share, context, x, self.columns, label, max);
                let dx = self.dlogits.map(|dx| context.floats(dx).offset(row * self.columns));
                let sum = match dx {
                    Some(dx) if dx.are_wide() => exponentials::<S>(x, dx.wide(), self.columns, max),
                    _ => sum_of_exponentials::<S>(x, self.columns, max),
                };
                if let Some(dx) = dx {
                    let scale = row_scale(self.scale, context, row);
                    let row = Row { x, label, max, factor: scale * share.mass / sum, hit: scale * share.hit };
                    self.gradient::<S>(&row, dx, scale, context, &mut room);
                }
                if let Some(losses) = self.losses {
                    let loss = if label < self.columns {
                        share.mass * libm::logf(sum) - share.hit * (x.get(label) - max) - share.spread
                    } else {
                        f32::NAN
                    };
                    context.floats(losses).set(row, loss);
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
        x: Floats,
        columns: usize,
        label: usize,
        max: f32,
    ) -> RowShare {
        // SAFETY: there is a weight for each column, and the label is compared with them before it is used.
        unsafe {
            let mut hit = share.hit;
            if let (Some(weights), true) = (share.weights, label < columns) {
                hit *= context.floats(weights).get(label);
            }
            if share.spread == 0.0 {
                return RowShare { hit, mass: hit, spread: 0.0 };
            }
            let (mut weights, mut distances) = (0.0, 0.0);
            for column in 0..columns {
                let weight = class_weight(share, context, column);
                weights += weight;
                distances += weight * (x.get(column) - max);
            }
            RowShare { hit, mass: hit + share.spread * weights, spread: share.spread * distances }
        }
    }
}

/// What the gradient of a row is made of.
struct Row {
    x: Floats,
    label: usize,
    max: f32,
    /// Of each exponential.
    factor: f32,
    /// What is taken off at the label.
    hit: f32,
}

impl CrossEntropy {
    /// Makes the gradient of a row, of exponentials where `dx` is f32: a number is rounded once, when it is complete.
    #[inline(always)]
    unsafe fn gradient<S: Simd>(
        &self,
        row: &Row,
        dx: Floats,
        scale: f32,
        context: &Context<'_>,
        room: &mut Room,
    ) {
        for first in (0..self.columns).step_by(ROOM) {
            let columns = first..self.columns.min(first + ROOM);
            let dx = dx.offset(first);
            let made = dx.made_in(room);
            // SAFETY: the caller's contract; as many numbers are made as there are columns.
            unsafe {
                if !dx.are_wide() {
                    exponentials::<S>(row.x.offset(first), made, columns.len(), row.max);
                }
                affine::<S>(Floats::of(made), made, columns.len(), row.factor, 0.0);
                if columns.contains(&row.label) {
                    *made.add(row.label - first) -= row.hit;
                }
                spread_out(&self.share, context, made, columns.clone(), scale);
                dx.keep::<S>(made, columns.len());
            }
        }
    }
}

/// Takes the share of each of some classes off the gradient of a row.
#[inline(always)]
unsafe fn spread_out(
    share: &ClassShare,
    context: &Context<'_>,
    dx: *mut f32,
    columns: Range<usize>,
    scale: f32,
) {
    if share.spread != 0.0 {
        for (i, column) in columns.enumerate() {
            // SAFETY: the caller's contract.
            unsafe { *dx.add(i) -= scale * share.spread * class_weight(share, context, column) };
        }
    }
}

#[inline(always)]
unsafe fn class_weight(share: &ClassShare, context: &Context<'_>, column: usize) -> f32 {
    // SAFETY: there is a weight for each column.
    share.weights.map_or(1.0, |weights| unsafe { context.floats(weights).get(column) })
}

/// The gradient by the loss of a row.
#[inline(always)]
pub(super) unsafe fn row_scale(scale: RowScale, context: &Context<'_>, row: usize) -> f32 {
    match scale {
        RowScale::Constant(scale) => scale,
        // SAFETY: the value has a number for each row.
        RowScale::PerRow(value) => unsafe { context.floats(value).get(row) },
    }
}
