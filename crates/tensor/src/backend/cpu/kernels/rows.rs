//! Kernels whose units are rows: softmax, the losses with their gradients, argmax, dropout.

use std::ops::Range;

use super::super::simd::Simd;
use super::Context;
use crate::ops::dropout::{mask_words, threshold};
use crate::plan::{ArgMax, CrossEntropy, Dropout, Mse, RowScale, Softmax, StepBlock};

/// The largest of `n` numbers (−∞ for none).
#[inline(always)]
unsafe fn row_max<S: Simd>(x: *const f32, n: usize) -> f32 {
    // SAFETY: reads x .. x + n; lanes behind the end are set to −∞ by shifting the last vector back, or one by one.
    unsafe {
        if n < S::LANES {
            return (0..n).map(|i| *x.add(i)).fold(f32::NEG_INFINITY, f32::max);
        }
        let mut max = S::load(x.add(n - S::LANES));
        for i in (0..n - S::LANES).step_by(S::LANES) {
            max = S::max(max, S::load(x.add(i)));
        }
        S::largest(max)
    }
}

/// Writes e^(xᵢ − max) to `y` and returns Σ of them.
#[inline(always)]
unsafe fn exponentials<S: Simd>(x: *const f32, y: *mut f32, n: usize, max: f32) -> f32 {
    // SAFETY: reads and writes n elements.
    unsafe {
        let shift = S::splat(max);
        let mut sum = S::splat(0.0);
        let mut i = 0;
        while i + S::LANES <= n {
            let e = S::exp(S::sub(S::load(x.add(i)), shift));
            S::store(y.add(i), e);
            sum = S::add(sum, e);
            i += S::LANES;
        }
        let mut total = S::sum(sum);
        if i < n {
            S::store_n(y.add(i), S::exp(S::sub(S::load_n(x.add(i), n - i), shift)), n - i);
            total += (i..n).map(|i| *y.add(i)).sum::<f32>();
        }
        total
    }
}

/// y ← scale · x + shift over `n` elements; x and y may be the same.
#[inline(always)]
unsafe fn affine<S: Simd>(x: *const f32, y: *mut f32, n: usize, scale: f32, shift: f32) {
    // SAFETY: reads and writes n elements.
    unsafe {
        let (scale, shift) = (S::splat(scale), S::splat(shift));
        let mut i = 0;
        while i < n {
            let lanes = (n - i).min(S::LANES);
            S::store_n(y.add(i), S::fma(S::load_n(x.add(i), lanes), scale, shift), lanes);
            i += lanes;
        }
    }
}

#[inline(always)]
pub(super) unsafe fn softmax<S: Simd>(k: &Softmax, context: &Context<'_>, share: Range<usize>) {
    let (input, output): (*const f32, *mut f32) = (context.at(k.input), context.at(k.output));
    for row in share {
        // SAFETY: rows lie within input and output.
        unsafe {
            let (x, y) = (input.add(row * k.columns), output.add(row * k.columns));
            let max = row_max::<S>(x, k.columns);
            let sum = exponentials::<S>(x, y, k.columns, max);
            if k.log {
                // Two steps, for one subtraction of max + ln Σ would lose the logarithm beside a large maximum.
                affine::<S>(x, y, k.columns, 1.0, -max);
                affine::<S>(y, y, k.columns, 1.0, -sum.ln());
            } else {
                affine::<S>(y, y, k.columns, 1.0 / sum, 0.0);
            }
        }
    }
}

#[inline(always)]
unsafe fn row_scale(scale: RowScale, context: &Context<'_>, row: usize) -> f32 {
    match scale {
        RowScale::Constant(scale) => scale,
        // SAFETY: the value has a number for each row.
        RowScale::PerRow(value) => unsafe { *context.at::<f32>(value).add(row) },
    }
}

#[inline(always)]
pub(super) unsafe fn cross_entropy<S: Simd>(k: &CrossEntropy, context: &Context<'_>, share: Range<usize>) {
    let (logits, labels): (*const f32, *const u8) = (context.at(k.logits), context.at(k.labels));
    for row in share {
        // SAFETY: rows lie within the operands; the label is compared with the columns before it is used.
        unsafe {
            let x = logits.add(row * k.columns);
            let label = usize::from(*labels.add(row));
            let max = row_max::<S>(x, k.columns);
            let sum = match k.dlogits {
                Some(dlogits) => {
                    let dx = context.at::<f32>(dlogits).add(row * k.columns);
                    let sum = exponentials::<S>(x, dx, k.columns, max);
                    let scale = row_scale(k.scale, context, row);
                    affine::<S>(dx, dx, k.columns, scale / sum, 0.0);
                    if label < k.columns {
                        *dx.add(label) -= scale;
                    }
                    sum
                }
                None => sum_of_exponentials::<S>(x, k.columns, max),
            };
            if let Some(losses) = k.losses {
                let loss = if label < k.columns { sum.ln() - (*x.add(label) - max) } else { f32::NAN };
                *context.at::<f32>(losses).add(row) = loss;
            }
        }
    }
}

/// Σ e^(xᵢ − max), summed as [`exponentials`] does.
#[inline(always)]
unsafe fn sum_of_exponentials<S: Simd>(x: *const f32, n: usize, max: f32) -> f32 {
    // SAFETY: reads n elements; the buffer has MAX_LANES.
    unsafe {
        let shift = S::splat(max);
        let mut sum = S::splat(0.0);
        let mut i = 0;
        while i + S::LANES <= n {
            sum = S::add(sum, S::exp(S::sub(S::load(x.add(i)), shift)));
            i += S::LANES;
        }
        let mut tail = [0.0; super::super::simd::MAX_LANES];
        S::store(tail.as_mut_ptr(), S::exp(S::sub(S::load_n(x.add(i), n - i), shift)));
        let tail: f32 = tail[..n - i].iter().sum();
        S::sum(sum) + tail
    }
}

#[inline(always)]
pub(super) unsafe fn mse<S: Simd>(k: &Mse, context: &Context<'_>, share: Range<usize>) {
    let (prediction, target): (*const f32, *const f32) = (context.at(k.prediction), context.at(k.target));
    let width = 1.0 / k.columns as f32;
    for row in share {
        // SAFETY: rows lie within the operands.
        unsafe {
            let (p, t) = (prediction.add(row * k.columns), target.add(row * k.columns));
            let factor = S::splat(2.0 * width * row_scale(k.scale, context, row));
            let mut squares = S::splat(0.0);
            let mut i = 0;
            while i < k.columns {
                let n = (k.columns - i).min(S::LANES);
                let error = S::sub(S::load_n(p.add(i), n), S::load_n(t.add(i), n));
                squares = S::fma(error, error, squares);
                if let Some(dp) = k.dprediction {
                    S::store_n(context.at::<f32>(dp).add(row * k.columns + i), S::mul(error, factor), n);
                }
                i += n;
            }
            if let Some(losses) = k.losses {
                *context.at::<f32>(losses).add(row) = S::sum(squares) * width;
            }
        }
    }
}

#[inline(always)]
pub(super) unsafe fn argmax(k: &ArgMax, context: &Context<'_>, share: Range<usize>) {
    let (input, output): (*const f32, *mut f32) = (context.at(k.input), context.at(k.output));
    for row in share {
        // SAFETY: rows lie within the operands.
        unsafe {
            let x = std::slice::from_raw_parts(input.add(row * k.columns), k.columns);
            let mut best = 0;
            for (i, &value) in x.iter().enumerate() {
                if value > x[best] || value.is_nan() && !x[best].is_nan() {
                    best = i;
                }
            }
            *output.add(row) = match k.labels {
                None => best as f32,
                Some(labels) => {
                    let right = best == usize::from(*context.at::<u8>(labels).add(row));
                    f32::from(u8::from(right && !x.iter().any(|x| x.is_nan())))
                }
            };
        }
    }
}

#[inline(always)]
pub(super) unsafe fn dropout(k: &Dropout, context: &Context<'_>, share: Range<usize>) {
    let (input, output): (*const f32, *mut f32) = (context.at(k.input), context.at(k.output));
    let (limit, scale) = (threshold(k.rate), 1.0 / (1.0 - k.rate));
    // SAFETY: the step block lies at its place in the arena, and nothing writes it in this stage.
    let StepBlock { step, seed, first_row, .. } = unsafe { *context.at::<StepBlock>(k.step_block) };
    for row in share {
        for block in 0..k.units.div_ceil(4) {
            let words = mask_words(seed, k.layer, step, u64::from(first_row) + row as u64, block as u32);
            for (lane, word) in words.iter().enumerate().take(k.units - 4 * block) {
                let i = row * k.units + 4 * block + lane;
                // SAFETY: i lies within the operands.
                unsafe { *output.add(i) = if *word >= limit { *input.add(i) * scale } else { 0.0 } };
            }
        }
    }
}
