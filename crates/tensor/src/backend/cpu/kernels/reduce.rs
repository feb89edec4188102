//! Sums, of numbers or their squares, and maxima along one axis: `[outer, reduced, inner]` → `[outer, inner]`.
//!
//! Where there is an inner dimension, vectors run along it and rows are added in order. Where there is none, vectors
//! run along the reduced axis. Either way the numbers are summed in blocks in f32 and the blocks in f64, so that a
//! million of them lose no more than a thousand would.

use std::ops::Range;

use super::super::context::Context;
use super::super::floats::Floats;
use super::super::simd::{MAX_LANES, Simd};
use super::Compute;
use crate::ir::kernel::{Reduce, Reduction};

/// Numbers summed in f32 before the sum is passed on in f64.
const RUN: usize = 1024;
/// Outputs in a unit, where vectors run along them.
const COLUMNS: usize = 64;

impl Compute for Reduce {
    fn units(&self) -> usize {
        if self.inner == 1 { self.outer } else { self.outer * self.inner.div_ceil(COLUMNS) }
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let (input, output) = (context.floats(self.input), context.floats(self.output));
        for unit in share {
            // SAFETY: units address disjoint outputs and rows within the input.
            unsafe {
                if self.inner == 1 {
                    let numbers = input.offset(unit * self.reduced);
                    output.set(unit, along::<S>(self.reduction, numbers, self.reduced));
                    continue;
                }
                let panels = self.inner.div_ceil(COLUMNS);
                let (outer, first) = (unit / panels, unit % panels * COLUMNS);
                let mut column = first;
                while column < self.inner.min(first + COLUMNS) {
                    let n = (self.inner.min(first + COLUMNS) - column).min(S::LANES);
                    let start = input.offset(outer * self.reduced * self.inner + column);
                    let v = across::<S>(self.reduction, start, self.reduced, self.inner, n);
                    let to = output.offset(outer * self.inner + column);
                    v.iter().take(n).enumerate().for_each(|(i, &x)| to.set(i, x));
                    column += n;
                }
            }
        }
    }
}

/// The larger of two numbers, or NaN if either is.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}

/// A sum with a number added, or its square.
#[inline(always)]
unsafe fn plus<S: Simd>(reduction: Reduction, sum: S::V, x: S::V) -> S::V {
    // SAFETY: the caller's contract.
    unsafe { if reduction == Reduction::SquareSum { S::fma(x, x, sum) } else { S::add(sum, x) } }
}

/// Reduces `n` neighbouring numbers to one.
#[inline(always)]
unsafe fn along<S: Simd>(reduction: Reduction, p: Floats, n: usize) -> f32 {
    if reduction == Reduction::Max {
        // SAFETY: reads p .. p + n.
        return (0..n).map(|i| unsafe { p.get(i) }).fold(f32::NEG_INFINITY, larger);
    }
    let mut total = 0f64;
    let mut i = 0;
    while i < n {
        let end = n.min(i + RUN);
        // SAFETY: reads p .. p + n.
        unsafe {
            let mut sum = S::splat(0.0);
            while i < end {
                sum = plus::<S>(reduction, sum, p.load::<S>(i, (end - i).min(S::LANES)));
                i += S::LANES;
            }
            total += f64::from(S::sum(sum));
        }
        i = end;
    }
    total as f32
}

/// Reduces `rows` rows of `n` numbers each to `n` numbers.
#[inline(always)]
unsafe fn across<S: Simd>(
    reduction: Reduction,
    p: Floats,
    rows: usize,
    stride: usize,
    n: usize,
) -> [f32; MAX_LANES] {
    if reduction == Reduction::Max {
        let mut largest = [f32::NEG_INFINITY; MAX_LANES];
        for row in 0..rows {
            for (column, largest) in largest.iter_mut().enumerate().take(n) {
                // SAFETY: reads n numbers of each row.
                *largest = larger(*largest, unsafe { p.get(row * stride + column) });
            }
        }
        return largest;
    }
    let mut totals = [0f64; MAX_LANES];
    for from in (0..rows).step_by(RUN) {
        let mut lanes = [0f32; MAX_LANES];
        // SAFETY: reads n numbers of each row; the buffer has MAX_LANES elements.
        unsafe {
            let mut v = S::splat(0.0);
            for row in from..rows.min(from + RUN) {
                v = plus::<S>(reduction, v, p.load::<S>(row * stride, n));
            }
            S::store(lanes.as_mut_ptr(), v);
        }
        totals.iter_mut().zip(lanes).for_each(|(total, x)| *total += f64::from(x));
    }
    totals.map(|x| x as f32)
}
