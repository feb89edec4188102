//! Optimizer steps over one contiguous range of parameters: the formulas of `ops::optimizer`, a vector at a time.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::{BLOCK, Compute};
use crate::ir::kernel::{Target, Update};
use crate::ir::{Optimizer, Program, StepBlock, Value};

/// The arrays of an update at one place, and what gradients are multiplied by.
#[derive(Clone, Copy)]
struct Arrays {
    p: *mut f32,
    g: *const f32,
    moments: [*mut f32; 2],
    factor: f32,
}

/// An update of which gradients are given piece by piece.
pub(super) struct Changes {
    optimizer: Optimizer,
    block: StepBlock,
    arrays: Arrays,
}

impl Compute for Update {
    fn units(&self) -> usize {
        self.elements.div_ceil(BLOCK)
    }

    fn part(&self, _: &Program, share: &Range<usize>, operand: Value) -> Option<Range<usize>> {
        let by_element = operand == self.gradient || self.target.changed().any(|changed| changed == operand);
        by_element.then(|| share.start * BLOCK..self.elements.min(share.end * BLOCK))
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let range = share.start * BLOCK..self.elements.min(share.end * BLOCK);
        let gradient = context.floats(self.gradient).wide();
        // SAFETY: the caller's contract.
        unsafe {
            let changes = Changes::new(&self.target, context);
            changes.apply::<S>(gradient.wrapping_add(range.start), range);
        }
    }
}

impl Changes {
    /// # Safety
    /// Nothing may write the divisor and the step block meanwhile.
    #[inline(always)]
    pub(super) unsafe fn new(target: &Target, context: &Context<'_>) -> Changes {
        let unused: *mut f32 = std::ptr::null_mut();
        // SAFETY: one number, and a block, at their places in the arena, which nothing writes in this stage.
        let (factor, block) = unsafe {
            let factor = target.divisor.map_or(1.0, |divisor| 1.0 / *context.at::<f32>(divisor));
            (factor, *context.at::<StepBlock>(target.step_block))
        };
        let arrays = Arrays {
            p: context.at(target.parameter),
            g: unused,
            moments: target.moments.map(|moment| moment.map_or(unused, |moment| context.at(moment))),
            factor,
        };
        Changes { optimizer: target.optimizer, block, arrays }
    }

    /// Moves the elements `range`, counted as they lie, along their gradients, which begin at `g`.
    ///
    /// # Safety
    /// As [`super::execute`]; the range lies within the parameter, and there are as many gradients.
    #[inline(always)]
    pub(super) unsafe fn apply<S: Simd>(&self, g: *const f32, range: Range<usize>) {
        let arrays = &Arrays { g: g.wrapping_sub(range.start), ..self.arrays };
        let block = &self.block;
        // SAFETY: the range lies within all arrays the optimizer has.
        unsafe {
            match self.optimizer {
                Optimizer::Sgd { momentum: 0.0, weight_decay } => {
                    sgd::<S>(arrays, range, block, weight_decay as f32);
                }
                Optimizer::Sgd { momentum, weight_decay } => {
                    momentum_sgd::<S>(arrays, range, block, momentum as f32, weight_decay as f32);
                }
                Optimizer::Adam { beta1, beta2, epsilon, weight_decay } => {
                    let factors = Factors::new(beta1, beta2, epsilon, weight_decay, 1.0);
                    match arrays.factor == 1.0 && weight_decay == 0.0 {
                        true => adam::<S, true>(arrays, range, block, &factors),
                        false => adam::<S, false>(arrays, range, block, &factors),
                    }
                }
                Optimizer::AdamW { beta1, beta2, epsilon, weight_decay } => {
                    let keep = 1.0 - f64::from(block.learning_rate) * weight_decay;
                    adam::<S, false>(arrays, range, block, &Factors::new(beta1, beta2, epsilon, 0.0, keep));
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

/// `n` gradients from element `i` on, as the optimizer takes them. A factor of 1 changes no bit.
#[inline(always)]
unsafe fn gradient<S: Simd>(a: &Arrays, i: usize, n: usize) -> S::V {
    // SAFETY: the caller's contract.
    unsafe { S::mul(S::load_up_to(a.g.wrapping_add(i), n), S::splat(a.factor)) }
}

#[inline(always)]
unsafe fn sgd<S: Simd>(a: &Arrays, range: Range<usize>, block: &StepBlock, decay: f32) {
    vectors::<S>(
        range,
        #[inline(always)]
        |i, n| {
            // SAFETY: the range lies within the arrays.
            unsafe {
                let p = S::load_up_to(a.p.add(i), n);
                let g = S::fma(p, S::splat(decay), gradient::<S>(a, i, n));
                S::store_up_to(a.p.add(i), S::fnma(g, S::splat(block.learning_rate), p), n);
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
                let p = S::load_up_to(a.p.add(i), n);
                let g = S::fma(p, S::splat(decay), gradient::<S>(a, i, n));
                let b = S::fma(S::load_up_to(a.moments[0].add(i), n), S::splat(momentum), g);
                S::store_up_to(a.moments[0].add(i), b, n);
                S::store_up_to(a.p.add(i), S::fnma(b, S::splat(block.learning_rate), p), n);
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

/// `PLAIN`: the gradient is taken as it is, and nothing off the parameter besides the step.
#[inline(always)]
unsafe fn adam<S: Simd, const PLAIN: bool>(a: &Arrays, range: Range<usize>, block: &StepBlock, f: &Factors) {
    vectors::<S>(
        range,
        #[inline(always)]
        |i, n| {
            // SAFETY: the range lies within the arrays.
            unsafe {
                let p = S::load_up_to(a.p.add(i), n);
                let g = match PLAIN {
                    true => S::load_up_to(a.g.wrapping_add(i), n),
                    false => S::fma(p, S::splat(f.decay), gradient::<S>(a, i, n)),
                };
                let m = S::fma(
                    S::load_up_to(a.moments[0].add(i), n),
                    S::splat(f.keep_first),
                    S::mul(g, S::splat(f.take_first)),
                );
                let squared = S::mul(S::mul(g, g), S::splat(f.take_second));
                let v = S::fma(S::load_up_to(a.moments[1].add(i), n), S::splat(f.keep_second), squared);
                S::store_up_to(a.moments[0].add(i), m, n);
                S::store_up_to(a.moments[1].add(i), v, n);
                let root = S::fma(S::sqrt(v), S::splat(block.second_correction), S::splat(f.epsilon));
                let step = S::div(S::mul(m, S::splat(block.step_size)), root);
                let left = if PLAIN { p } else { S::mul(p, S::splat(f.keep)) };
                S::store_up_to(a.p.add(i), S::sub(left, step), n);
            }
        },
    );
}
