//! What softmax and cross-entropy share: exponentials of a row, shifted by its largest number.

use super::super::floats::Floats;
use super::super::simd::{MAX_LANES, Simd};

/// The largest of `n` numbers (−∞ for none).
#[inline(always)]
pub(super) unsafe fn row_max<S: Simd>(x: Floats, n: usize) -> f32 {
    // SAFETY: reads x .. x + n; lanes behind the end are set to −∞ by shifting the last vector back, or one by one.
    unsafe {
        if n < S::LANES {
            return (0..n).map(|i| x.get(i)).fold(f32::NEG_INFINITY, f32::max);
        }
        let mut max = x.load::<S>(n - S::LANES, S::LANES);
        for i in (0..n - S::LANES).step_by(S::LANES) {
            max = S::max(max, x.load::<S>(i, S::LANES));
        }
        S::largest(max)
    }
}

/// Writes e^(xᵢ − max) to `y` and returns Σ of them.
#[inline(always)]
pub(super) unsafe fn exponentials<S: Simd>(x: Floats, y: *mut f32, n: usize, max: f32) -> f32 {
    // SAFETY: reads and writes n elements.
    unsafe {
        let shift = S::splat(max);
        let mut sum = S::splat(0.0);
        let mut i = 0;
        while i + S::LANES <= n {
            let e = S::exp(S::sub(x.load::<S>(i, S::LANES), shift));
            S::store(y.add(i), e);
            sum = S::add(sum, e);
            i += S::LANES;
        }
        let mut total = S::sum(sum);
        if i < n {
            S::store_n(y.add(i), S::exp(S::sub(x.load::<S>(i, n - i), shift)), n - i);
            total += (i..n).map(|i| *y.add(i)).sum::<f32>();
        }
        total
    }
}

/// y ← scale · x + shift over `n` elements; x and y may be the same.
#[inline(always)]
pub(super) unsafe fn affine<S: Simd>(x: Floats, y: *mut f32, n: usize, scale: f32, shift: f32) {
    // SAFETY: reads and writes n elements.
    unsafe {
        let (scale, shift) = (S::splat(scale), S::splat(shift));
        let mut i = 0;
        while i < n {
            let lanes = (n - i).min(S::LANES);
            S::store_n(y.add(i), S::fma(x.load::<S>(i, lanes), scale, shift), lanes);
            i += lanes;
        }
    }
}

/// Σ e^(xᵢ − max), summed as [`exponentials`] does.
#[inline(always)]
pub(super) unsafe fn sum_of_exponentials<S: Simd>(x: Floats, n: usize, max: f32) -> f32 {
    // SAFETY: reads n elements; the buffer has MAX_LANES.
    unsafe {
        let shift = S::splat(max);
        let mut sum = S::splat(0.0);
        let mut i = 0;
        while i + S::LANES <= n {
            sum = S::add(sum, S::exp(S::sub(x.load::<S>(i, S::LANES), shift)));
            i += S::LANES;
        }
        let mut tail = [0.0; MAX_LANES];
        S::store(tail.as_mut_ptr(), S::exp(S::sub(x.load::<S>(i, n - i), shift)));
        let tail: f32 = tail[..n - i].iter().sum();
        S::sum(sum) + tail
    }
}
