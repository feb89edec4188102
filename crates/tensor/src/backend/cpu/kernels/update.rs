//! Optimizer steps over one contiguous range of parameters: the formulas of `ops::optimizer`, a vector at a time.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::{BLOCK, Compute};
use crate::ir::kernel::Update;
use crate::ir::{Optimizer, StepBlock};

/// The four arrays of an update at one place, and what gradients are multiplied by.
struct Arrays {
    p: *mut f32,
    g: *const f32,
    moments: [*mut f32; 2],
    factor: f32,
}

impl Compute for Update {
    fn units(&self) -> usize {
        self.elements.div_ceil(BLOCK)
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let unused: *mut f32 = std::ptr::null_mut();
        let arrays = Arrays {
            p: context.at(self.parameter),
            g: context.at(self.gradient),
            moments: self.moments.map(|moment| moment.map_or(unused, |moment| context.at(moment))),
            // SAFETY: the divisor is one number, which nothing writes in this stage.
            factor: self.divisor.map_or(1.0, |divisor| unsafe { 1.0 / *context.at::<f32>(divisor) }),
        };
        let range = share.start * BLOCK..self.elements.min(share.end * BLOCK);
        // SAFETY: the step block lies at its place in the arena, and nothing writes it in this stage.
        let block = unsafe { *context.at::<StepBlock>(self.step_block) };
        // SAFETY: the range lies within all arrays the optimizer has.
        unsafe {
            match self.optimizer {
                Optimizer::Sgd { momentum: 0.0, weight_decay } => {
                    sgd::<S>(&arrays, range, &block, weight_decay as f32);
                }
                Optimizer::Sgd { momentum, weight_decay } => {
                    momentum_sgd::<S>(&arrays, range, &block, momentum as f32, weight_decay as f32);
                }
                Optimizer::Adam { beta1, beta2, epsilon, weight_decay } => {
                    let factors = Factors::new(beta1, beta2, epsilon, weight_decay, 1.0);
                    adam::<S>(&arrays, range, &block, &factors);
                }
                Optimizer::AdamW { beta1, beta2, epsilon, weight_decay } => {
                    let keep = 1.0 - f64::from(block.learning_rate) * weight_decay;
                    adam::<S>(&arrays, range, &block, &Factors::new(beta1, beta2, epsilon, 0.0, keep));
                }
            }
        }
    }
}

/// Calls `f(i, n)` for each vector of the range, `n` elements from `i` on.
#[inline(always)]
fn vectors<S: Simd>(range: Range<usize>, mut f: impl FnMut(usize, usize)) {
    let mut i = range.start;
    while i + S::LANES <= range.end {
        f(i, S::LANES);
        i += S::LANES;
    }
    if i < range.end {
        f(i, range.end - i);
    }
}

#[inline(always)]
unsafe fn load<S: Simd>(p: *const f32, n: usize) -> S::V {
    // SAFETY: the caller's contract.
    unsafe { if n == S::LANES { S::load(p) } else { S::load_n(p, n) } }
}

#[inline(always)]
unsafe fn store<S: Simd>(p: *mut f32, v: S::V, n: usize) {
    // SAFETY: the caller's contract.
    unsafe { if n == S::LANES { S::store(p, v) } else { S::store_n(p, v, n) } }
}

/// `n` gradients from element `i` on, as the optimizer takes them. A factor of 1 changes no bit.
#[inline(always)]
unsafe fn gradient<S: Simd>(a: &Arrays, i: usize, n: usize) -> S::V {
    // SAFETY: the caller's contract.
    unsafe { S::mul(load::<S>(a.g.add(i), n), S::splat(a.factor)) }
}

#[inline(always)]
unsafe fn sgd<S: Simd>(a: &Arrays, range: Range<usize>, block: &StepBlock, decay: f32) {
    vectors::<S>(
        range,
        #[inline(always)]
        |i, n| {
            // SAFETY: the range lies within the arrays.
            unsafe {
                let p = load::<S>(a.p.add(i), n);
                let g = S::fma(p, S::splat(decay), gradient::<S>(a, i, n));
                store::<S>(a.p.add(i), S::fnma(g, S::splat(block.learning_rate), p), n);
            }
        },
    );
}

#[inline(always)]
unsafe fn momentum_sgd<S: Simd>(
    a: &Arrays,
    range: Range<usize>,
    block: &StepBlock,
    momentum: f32,
    decay: f32,
) {
    vectors::<S>(
        range,
        #[inline(always)]
        |i, n| {
            // SAFETY: the range lies within the arrays.
            unsafe {
                let p = load::<S>(a.p.add(i), n);
                let g = S::fma(p, S::splat(decay), gradient::<S>(a, i, n));
                let b = S::fma(load::<S>(a.moments[0].add(i), n), S::splat(momentum), g);
                store::<S>(a.moments[0].add(i), b, n);
                store::<S>(a.p.add(i), S::fnma(b, S::splat(block.learning_rate), p), n);
            }
        },
    );
}

/// The numbers of Adam's formula, each rounded to f32 once: 1 − β from f64, or it would lose half its digits.
struct Factors {
    keep_first: f32,
    take_first: f32,
    keep_second: f32,
    take_second: f32,
    epsilon: f32,
    /// Weight decay added to the gradient.
    decay: f32,
    /// What decoupled weight decay leaves of the parameter.
    keep: f32,
}

impl Factors {
    #[inline(always)]
    fn new(beta1: f64, beta2: f64, epsilon: f64, decay: f64, keep: f64) -> Factors {
        Factors {
            keep_first: beta1 as f32,
            take_first: (1.0 - beta1) as f32,
            keep_second: beta2 as f32,
            take_second: (1.0 - beta2) as f32,
            epsilon: epsilon as f32,
            decay: decay as f32,
            keep: keep as f32,
        }
    }
}

#[inline(always)]
unsafe fn adam<S: Simd>(a: &Arrays, range: Range<usize>, block: &StepBlock, f: &Factors) {
    vectors::<S>(
        range,
        #[inline(always)]
        |i, n| {
            // SAFETY: the range lies within the arrays.
            unsafe {
                let p = load::<S>(a.p.add(i), n);
                let g = S::fma(p, S::splat(f.decay), gradient::<S>(a, i, n));
                let m = S::fma(
                    load::<S>(a.moments[0].add(i), n),
                    S::splat(f.keep_first),
                    S::mul(g, S::splat(f.take_first)),
                );
                let squared = S::mul(S::mul(g, g), S::splat(f.take_second));
                let v = S::fma(load::<S>(a.moments[1].add(i), n), S::splat(f.keep_second), squared);
                store::<S>(a.moments[0].add(i), m, n);
                store::<S>(a.moments[1].add(i), v, n);
                let root = S::fma(S::sqrt(v), S::splat(block.second_correction), S::splat(f.epsilon));
                let step = S::div(S::mul(m, S::splat(block.step_size)), root);
                store::<S>(a.p.add(i), S::sub(S::mul(p, S::splat(f.keep)), step), n);
            }
        },
    );
}
