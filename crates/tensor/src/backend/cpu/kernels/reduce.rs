//! Sums and maxima along one axis: `[outer, reduced, inner]` → `[outer, inner]`.
//!
//! Where there is an inner dimension, vectors run along it and rows are added in order. Where there is none, vectors
//! run along the reduced axis. Either way the numbers are summed in blocks in f32 and the blocks in f64, so that a
//! million of them lose no more than a thousand would.

use std::ops::Range;

use super::super::simd::{MAX_LANES, Simd};
use super::Context;
use crate::plan::{Reduce, Reduction};

/// Numbers summed in f32 before the sum is passed on in f64.
const RUN: usize = 1024;
/// Outputs in a unit, where vectors run along them.
const COLUMNS: usize = 64;

pub(super) fn units(reduce: &Reduce) -> usize {
    if reduce.inner == 1 { reduce.outer } else { reduce.outer * reduce.inner.div_ceil(COLUMNS) }
}

#[inline(always)]
pub(super) unsafe fn reduce<S: Simd>(k: &Reduce, context: &Context<'_>, share: Range<usize>) {
    let (input, output): (*const f32, *mut f32) = (context.at(k.input), context.at(k.output));
    for unit in share {
        // SAFETY: units address disjoint outputs and rows within the input.
        unsafe {
            if k.inner == 1 {
                *output.add(unit) = along::<S>(k.reduction, input.add(unit * k.reduced), k.reduced);
                continue;
            }
            let panels = k.inner.div_ceil(COLUMNS);
            let (outer, first) = (unit / panels, unit % panels * COLUMNS);
            let mut column = first;
            while column < k.inner.min(first + COLUMNS) {
                let n = (k.inner.min(first + COLUMNS) - column).min(S::LANES);
                let start = input.add(outer * k.reduced * k.inner + column);
                let v = across::<S>(k.reduction, start, k.reduced, k.inner, n);
                v.iter()
                    .take(n)
                    .enumerate()
                    .for_each(|(i, &x)| *output.add(outer * k.inner + column + i) = x);
                column += n;
            }
        }
    }
}

/// Reduces `n` neighbouring numbers to one.
#[inline(always)]
unsafe fn along<S: Simd>(reduction: Reduction, p: *const f32, n: usize) -> f32 {
    let mut total = 0f64;
    let mut largest = f32::NEG_INFINITY;
    let mut i = 0;
    while i < n {
        let end = n.min(i + RUN);
        // SAFETY: reads p .. p + n.
        unsafe {
            match reduction {
                Reduction::Sum => {
                    let mut sum = S::splat(0.0);
                    while i < end {
                        sum = S::add(sum, S::load_n(p.add(i), (end - i).min(S::LANES)));
                        i += S::LANES;
                    }
                    total += f64::from(S::sum(sum));
                }
                Reduction::Max => {
                    while i < end {
                        largest = largest.max(*p.add(i));
                        i += 1;
                    }
                }
            }
        }
        i = end;
    }
    if reduction == Reduction::Sum { total as f32 } else { largest }
}

/// Reduces `rows` rows of `n` numbers each to `n` numbers.
#[inline(always)]
unsafe fn across<S: Simd>(
    reduction: Reduction,
    p: *const f32,
    rows: usize,
    stride: usize,
    n: usize,
) -> [f32; MAX_LANES] {
    let mut result = [if reduction == Reduction::Sum { 0.0 } else { f32::NEG_INFINITY }; MAX_LANES];
    let mut totals = [0f64; MAX_LANES];
    for from in (0..rows).step_by(RUN) {
        let mut lanes = [0f32; MAX_LANES];
        // SAFETY: reads n numbers of each row; the buffers have MAX_LANES elements.
        unsafe {
            let mut v = S::load(result.as_ptr());
            for row in from..rows.min(from + RUN) {
                let x = S::load_n(p.add(row * stride), n);
                v = if reduction == Reduction::Sum { S::add(v, x) } else { S::max(v, x) };
            }
            S::store(lanes.as_mut_ptr(), v);
        }
        match reduction {
            Reduction::Sum => totals.iter_mut().zip(lanes).for_each(|(total, x)| *total += f64::from(x)),
            Reduction::Max => result = lanes,
        }
    }
    if reduction == Reduction::Sum { totals.map(|x| x as f32) } else { result }
}
