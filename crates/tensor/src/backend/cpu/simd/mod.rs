//! Vectors: one small trait, and what each instruction set makes of it.
//!
//! Kernels are written once, generic over [`Simd`], and compiled once per instruction set inside
//! [`Simd::vectorize`], a function that has the features enabled; the processor decides at run time which copy runs.
//! Nothing here forces a target processor on whoever builds the crate.
//!
//! Every operation is one that IEEE 754 defines to the last bit, or is made of such: no estimate of a root or a quotient,
//! which processors of one instruction set round differently, and no function of the system's mathematical library.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use portable::Portable;

use crate::ir::{DType, NumberTypes};

/// The largest number that rounds to a finite one of bfloat16.
pub(crate) const MOST_BF16: f32 = f32::from_bits(0x7f7f_7fff);

/// Most lanes any instruction set has.
pub(crate) const MAX_LANES: usize = 16;

/// An instruction set for vectors of f32.
///
/// # Safety
/// All methods but `vectorize` must be called inside it (so that the features are enabled); pointers must be valid for
/// `LANES` elements, or for `n` where an `n` is given. No alignment is required.
pub(crate) trait Simd: Copy + Send + Sync + 'static {
    /// Elements in a vector.
    const LANES: usize;
    /// Vectors in a row of a matrix product's tile: as many as leave room in the registers for six rows of them.
    const TILE_VECTORS: usize;
    /// The vector.
    type V: Copy;

    /// Calls `f` with the instruction set's features enabled.
    ///
    /// # Safety
    /// The processor must have the instruction set.
    unsafe fn vectorize<R>(f: impl FnOnce() -> R) -> R;

    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(p: *const f32) -> Self::V;
    /// The first `n <= LANES` elements, zeros behind them.
    unsafe fn load_n(p: *const f32, n: usize) -> Self::V;
    unsafe fn store(p: *mut f32, v: Self::V);
    /// Stores the first `n <= LANES` elements only.
    unsafe fn store_n(p: *mut f32, v: Self::V, n: usize);
    /// `LANES` bytes as floats.
    unsafe fn load_u8(p: *const u8) -> Self::V;
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// a / b, rounded correctly.
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// a · b + c, fused where the instruction set can.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// c − a · b, fused where the instruction set can.
    unsafe fn fnma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The larger; `b` where either is NaN.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// The smaller; `b` where either is NaN.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// √a, rounded correctly.
    unsafe fn sqrt(a: Self::V) -> Self::V;
    /// `then` where a < b, else `other`.
    unsafe fn select_less(a: Self::V, b: Self::V, then: Self::V, other: Self::V) -> Self::V;
    /// `then` where a = b, else `other`, also where either is NaN.
    unsafe fn select_equal(a: Self::V, b: Self::V, then: Self::V, other: Self::V) -> Self::V;
    /// Rounds to the nearest whole number, for |a| below 2²².
    unsafe fn round(a: Self::V) -> Self::V;
    /// 2ⁿ for a whole number n in −126 ..= 127.
    unsafe fn exp2(n: Self::V) -> Self::V;

    /// `LANES` numbers of bfloat16.
    unsafe fn load_bf16(p: *const u16) -> Self::V;
    /// The nearest numbers of bfloat16, ties to even, infinity beyond the largest one: with the upper halves of their bits alone.
    unsafe fn round_bf16(v: Self::V) -> Self::V;

    /// The same, ties away from zero, and the largest one beyond it.
    #[inline(always)]
    unsafe fn bf16(v: Self::V) -> Self::V {
        let nearest = |x: f32| {
            let bits = x.clamp(-MOST_BF16, MOST_BF16).to_bits();
            f32::from_bits((bits + 0x8000) & 0xffff_0000)
        };
        // SAFETY: the buffer has MAX_LANES elements; features are the caller's.
        unsafe {
            let mut lanes = [0.0; MAX_LANES];
            Self::store(lanes.as_mut_ptr(), v);
            Self::load(lanes.map(nearest).as_ptr())
        }
    }

    /// Stores the upper halves of two vectors' bits in turn: the lower neighbour from `low`.
    #[inline(always)]
    unsafe fn store_pairs(p: *mut u32, low: Self::V, high: Self::V) {
        // SAFETY: the buffers have MAX_LANES elements; features are the caller's.
        unsafe {
            let mut lanes = [[0.0_f32; MAX_LANES]; 2];
            Self::store(lanes[0].as_mut_ptr(), low);
            Self::store(lanes[1].as_mut_ptr(), high);
            let pairs = lanes[0].iter().zip(lanes[1]).take(Self::LANES);
            for (i, (low, high)) in pairs.enumerate() {
                *p.add(i) = low.to_bits() >> 16 | high.to_bits() & 0xffff_0000;
            }
        }
    }

    /// Stores the upper half of each lane's bits.
    #[inline(always)]
    unsafe fn store_upper(p: *mut u16, v: Self::V) {
        // SAFETY: the buffer has MAX_LANES elements; features are the caller's.
        unsafe {
            let mut lanes = [0.0_f32; MAX_LANES];
            Self::store(lanes.as_mut_ptr(), v);
            for (i, lane) in lanes.iter().enumerate().take(Self::LANES) {
                *p.add(i) = (lane.to_bits() >> 16) as u16;
            }
        }
    }

    /// The first `n <= LANES` numbers of bfloat16, zeros behind them.
    #[inline(always)]
    unsafe fn load_bf16_up_to(p: *const u16, n: usize) -> Self::V {
        // SAFETY: the caller's contract; the buffer has MAX_LANES elements.
        unsafe {
            if n == Self::LANES {
                return Self::load_bf16(p);
            }
            let mut lanes = [0_u16; MAX_LANES];
            lanes.as_mut_ptr().copy_from_nonoverlapping(p, n);
            Self::load_bf16(lanes.as_ptr())
        }
    }

    /// Stores the first `n <= LANES` elements only, each as the nearest number of bfloat16.
    #[inline(always)]
    unsafe fn store_bf16_up_to(p: *mut u16, v: Self::V, n: usize) {
        // SAFETY: the caller's contract; the buffer has MAX_LANES elements.
        unsafe {
            let nearest = Self::round_bf16(v);
            if n == Self::LANES {
                return Self::store_upper(p, nearest);
            }
            let mut lanes = [0_u16; MAX_LANES];
            Self::store_upper(lanes.as_mut_ptr(), nearest);
            p.copy_from_nonoverlapping(lanes.as_ptr(), n);
        }
    }

    /// The first `n <= LANES` elements, zeros behind them; a whole vector without a mask.
    #[inline(always)]
    unsafe fn load_up_to(p: *const f32, n: usize) -> Self::V {
        // SAFETY: the caller's contract.
        unsafe { if n == Self::LANES { Self::load(p) } else { Self::load_n(p, n) } }
    }

    /// Stores the first `n <= LANES` elements only; a whole vector without a mask.
    #[inline(always)]
    unsafe fn store_up_to(p: *mut f32, v: Self::V, n: usize) {
        // SAFETY: the caller's contract.
        unsafe { if n == Self::LANES { Self::store(p, v) } else { Self::store_n(p, v, n) } }
    }

    /// Σ of the lanes, pairwise: lane i with lane i + half, until one is left.
    #[inline(always)]
    unsafe fn sum(v: Self::V) -> f32 {
        // SAFETY: the buffer has MAX_LANES elements; features are the caller's.
        unsafe { Self::fold(v, |a, b| a + b) }
    }

    /// The largest lane.
    #[inline(always)]
    unsafe fn largest(v: Self::V) -> f32 {
        // SAFETY: as for `sum`.
        unsafe { Self::fold(v, |a, b| if a > b { a } else { b }) }
    }

    #[inline(always)]
    unsafe fn fold(v: Self::V, f: impl Fn(f32, f32) -> f32) -> f32 {
        let mut lanes = [0.0; MAX_LANES];
        // SAFETY: the buffer has MAX_LANES elements.
        unsafe { Self::store(lanes.as_mut_ptr(), v) };
        let mut width = Self::LANES;
        while width > 1 {
            width /= 2;
            for i in 0..width {
                lanes[i] = f(lanes[i], lanes[i + width]);
            }
        }
        lanes[0]
    }

    /// eˣ to 2 ulp: x = n ln 2 + r, e^r by a polynomial fitted on |r| ≤ ln 2 / 2, times 2ⁿ. 0 below −87.3, +∞ above 88.7.
    #[inline(always)]
    unsafe fn exp(x: Self::V) -> Self::V {
        // SAFETY: arithmetic only; features are the caller's.
        unsafe {
            let (low, high) = (Self::splat(-87.336_54), Self::splat(88.72));
            let clamped = Self::max(low, Self::min(high, x)); // in this order a NaN stays one
            let n = Self::round(Self::mul(clamped, Self::splat(std::f32::consts::LOG2_E)));
            let r = Self::fnma(n, Self::splat(0.693_359_4), clamped);
            let r = Self::fnma(n, Self::splat(-2.121_944_4e-4), r);
            let mut p = Self::splat(0.001_390_13);
            for c in [0.008_363_14, 0.041_666_85, 0.166_665_77, 0.5] {
                p = Self::fma(p, r, Self::splat(c));
            }
            let tail = Self::fma(Self::mul(p, r), r, r);
            let y = Self::add(tail, Self::splat(1.0));
            // 2ⁿ in two factors, so that n = 128 is possible.
            let half = Self::round(Self::mul(n, Self::splat(0.5)));
            let y = Self::mul(Self::mul(y, Self::exp2(half)), Self::exp2(Self::sub(n, half)));
            let y = Self::select_less(x, low, Self::splat(0.0), y);
            Self::select_less(high, x, Self::splat(f32::INFINITY), y)
        }
    }
}

/// The instruction sets this build knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InstructionSet {
    /// 512-bit vectors, and tiles for the products of layers: each operand as a sum of three numbers of bfloat16.
    Amx,
    /// 512-bit vectors.
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// What the compiler makes of plain Rust.
    Portable,
    /// The same with a model of tiles.
    #[cfg(test)]
    Model,
}

impl InstructionSet {
    /// All there are, in the order of [`InstructionSet::available`].
    pub const ALL: [InstructionSet; 4] =
        [InstructionSet::Avx512, InstructionSet::Amx, InstructionSet::Avx2, InstructionSet::Portable];

    /// All that this processor can run. The first is what is used where none is named: the fastest for batches of up to some
    /// hundred samples. (Tiles are faster from there on.)
    #[must_use]
    pub fn available() -> Vec<InstructionSet> {
        let mut sets = vec![InstructionSet::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(InstructionSet::Avx2);
            }
            let wide = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq");
            #[cfg(target_os = "linux")]
            if wide && super::tiles::Amx::is_available() {
                sets.push(InstructionSet::Amx);
            }
            if wide {
                sets.push(InstructionSet::Avx512);
            }
        }
        sets.reverse();
        sets
    }

    /// The one that is used for these types of numbers where none is named: products of bfloat16 are what tiles are made for.
    #[must_use]
    pub fn fastest(types: NumberTypes) -> InstructionSet {
        let available = InstructionSet::available();
        let has_tiles = types.compute == DType::Bf16 && available.contains(&InstructionSet::Amx);
        if has_tiles { InstructionSet::Amx } else { available[0] }
    }

    /// The one with this name, whether this processor has it or not.
    #[must_use]
    pub fn named(name: &str) -> Option<InstructionSet> {
        InstructionSet::ALL.into_iter().find(|set| set.name() == name)
    }

    /// Its usual name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            InstructionSet::Amx => "AMX",
            InstructionSet::Avx512 => "AVX-512",
            InstructionSet::Avx2 => "AVX2+FMA",
            InstructionSet::Portable => "portable",
            #[cfg(test)]
            InstructionSet::Model => "model",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::float_mode::flush_denormals;
    use super::*;

    /// Applies `f` to every pair of numbers, a vector at a time.
    unsafe fn each<S: Simd>(pairs: &[(f32, f32)], f: impl Fn(S::V, S::V) -> S::V) -> Vec<f32> {
        let mut results = Vec::new();
        for &(a, b) in pairs {
            let mut lanes = [0.0; MAX_LANES];
            // SAFETY: the buffer has MAX_LANES elements; the caller is within `vectorize`.
            unsafe { S::store(lanes.as_mut_ptr(), f(S::splat(a), S::splat(b))) };
            results.push(lanes[S::LANES - 1]);
        }
        results
    }

    unsafe fn check<S: Simd>() {
        let numbers = [0.0, f32::MIN_POSITIVE, 1e-20, 0.3, 1.0, 7.5, 1e20, f32::MAX, f32::INFINITY, f32::NAN];
        let signed = |&x: &f32| [x, -x];
        let pairs: Vec<(f32, f32)> =
            numbers.iter().flat_map(|&a| numbers.iter().flat_map(signed).map(move |b| (a, b))).collect();
        let (mut roots, mut quotients, mut exponentials) = (Vec::new(), Vec::new(), Vec::new());
        flush_denormals(&mut || {
            // SAFETY: the caller knows that the processor has the instruction set.
            unsafe {
                S::vectorize(|| {
                    roots = each::<S>(&pairs, |a, _| S::sqrt(a));
                    quotients = each::<S>(&pairs, |a, b| S::div(a, b));
                    exponentials = each::<S>(&pairs, |a, _| S::exp(a));
                });
            }
        });
        let same = |found: f32, expected: f32| found == expected || found.is_nan() && expected.is_nan();
        let close = |found: f32, expected: f32| {
            same(found, expected) || (found - expected).abs() <= 3e-7 * expected.abs().max(f32::MIN_POSITIVE)
        };
        for (i, &(a, b)) in pairs.iter().enumerate() {
            assert!(same(roots[i], a.sqrt()), "root of {a}: {}", roots[i]);
            let quotient = if (a / b).is_subnormal() { 0.0_f32.copysign(b) } else { a / b };
            assert!(same(quotients[i], quotient), "{a} / {b}: {}", quotients[i]);
            let signs = [quotients[i], quotient].map(f32::is_sign_negative);
            assert!(quotient.is_nan() || signs[0] == signs[1], "{a} / {b}: the sign of {}", quotients[i]);
            let exponential = f64::from(a).exp() as f32;
            assert!(close(exponentials[i], exponential), "exp({a}): {}", exponentials[i]);
        }
    }

    #[test]
    fn roots_and_quotients_are_exact_and_exponentials_close_up_to_infinity_and_nan() {
        for set in InstructionSet::available() {
            // SAFETY: the set is available.
            unsafe {
                match set {
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Amx | InstructionSet::Avx512 => check::<Avx512>(),
                    #[cfg(target_arch = "x86_64")]
                    InstructionSet::Avx2 => check::<Avx2>(),
                    _ => check::<Portable>(),
                }
            }
        }
    }
}
