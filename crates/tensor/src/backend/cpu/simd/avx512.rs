//! 512-bit vectors: masked tails, 32 registers.

use std::arch::x86_64::*;

use super::Simd;

/// AVX-512 F, BW, DQ and VL.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

#[inline(always)]
fn mask(n: usize) -> __mmask16 {
    debug_assert!(n <= 16);
    ((1u32 << n) - 1) as __mmask16
}

// SAFETY (of every block below): the trait's contract says that features are enabled and pointers valid.
impl Simd for Avx512 {
    const LANES: usize = 16;
    const TILE_VECTORS: usize = 4;
    type V = __m512;

    #[inline]
    unsafe fn vectorize<R>(f: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma,avx2")]
        fn enabled<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        // SAFETY: the caller knows that the processor has these features.
        unsafe { enabled(f) }
    }

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn load_n(p: *const f32, n: usize) -> __m512 {
        // SAFETY: see above; masked lanes are not touched.
        unsafe { _mm512_maskz_loadu_ps(mask(n), p) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m512) {
        // SAFETY: see above.
        unsafe { _mm512_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn store_n(p: *mut f32, v: __m512, n: usize) {
        // SAFETY: see above; masked lanes are not touched.
        unsafe { _mm512_mask_storeu_ps(p, mask(n), v) }
    }
    #[inline(always)]
    unsafe fn load_u8(p: *const u8) -> __m512 {
        // SAFETY: see above; 16 bytes are read.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(p.cast()))) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn div(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { quotient(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn fnma(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_fnmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_min_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn sqrt(a: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_sqrt_ps(a) }
    }
    #[inline(always)]
    unsafe fn select_less(a: __m512, b: __m512, then: __m512, other: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), other, then) }
    }
    #[inline(always)]
    unsafe fn select_equal(a: __m512, b: __m512, then: __m512, other: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), other, then) }
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const u16) -> __m512 {
        // SAFETY: see above; 16 numbers are read.
        unsafe {
            let halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves))
        }
    }
    #[inline(always)]
    unsafe fn round_bf16(v: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe {
            let bits = _mm512_castps_si512(v);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let nearest = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
            let is_nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(v, v);
            let nearest = _mm512_mask_or_epi32(nearest, is_nan, bits, _mm512_set1_epi32(0x40_0000));
            _mm512_castsi512_ps(_mm512_and_si512(nearest, _mm512_set1_epi32(0xffff_0000_u32 as i32)))
        }
    }
    #[inline(always)]
    unsafe fn bf16(v: __m512) -> __m512 {
        /// Of the two magnitudes the smaller one, with the sign of the first operand.
        const SMALLER_MAGNITUDE: i32 = 0b0010;
        // SAFETY: see above.
        unsafe {
            let v = _mm512_range_ps::<SMALLER_MAGNITUDE>(v, _mm512_set1_ps(super::MOST_BF16));
            let nearest = _mm512_add_epi32(_mm512_castps_si512(v), _mm512_set1_epi32(0x8000));
            _mm512_castsi512_ps(_mm512_and_si512(nearest, _mm512_set1_epi32(0xffff_0000_u32 as i32)))
        }
    }
    #[inline(always)]
    unsafe fn store_pairs(p: *mut u32, low: __m512, high: __m512) {
        /// The second operand's bit where the third one's is set, else the first one's.
        const CHOOSE: i32 = 0xd8;
        // SAFETY: see above.
        unsafe {
            let low = _mm512_srli_epi32::<16>(_mm512_castps_si512(low));
            let mask = _mm512_set1_epi32(0xffff_0000_u32 as i32);
            let pairs = _mm512_ternarylogic_epi32::<CHOOSE>(low, _mm512_castps_si512(high), mask);
            _mm512_storeu_si512(p.cast(), pairs);
        }
    }
    #[inline(always)]
    unsafe fn store_upper(p: *mut u16, v: __m512) {
        // SAFETY: see above.
        unsafe {
            let halves = _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(_mm512_castps_si512(v)));
            _mm256_storeu_si256(p.cast(), halves);
        }
    }
    #[inline(always)]
    unsafe fn round(a: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_roundscale_ps::<0>(a) }
    }
    #[inline(always)]
    unsafe fn exp2(n: __m512) -> __m512 {
        // SAFETY: see above.
        unsafe { _mm512_scalef_ps(_mm512_set1_ps(1.0), n) }
    }
}

/// a / b, rounded as `vdivps` rounds it, from multiplications: the divider takes as long as all else an update of weights
/// does, and is the one unit that cannot work on the next vector meanwhile.
///
/// Markstein, "Computation of elementary functions on the IBM RISC System/6000 processor", IBM J. Res. Dev. 34(1), 1990:
/// from an estimate of 1/d within 2⁻¹⁴, which may differ between processors, two Newton steps make the reciprocal rounded
/// to nearest, and the remainder n - q·d, which is exact, corrects the quotient. The theorem leaves out the divisor whose
/// mantissa is all ones: its reciprocal, the least of all, may come out as 1/2 and is raised to the next number. Mantissas are divided apart from exponents, so that no remainder is lost to
/// underflow, and zeros, infinities and NaN come out right through their exponents.
///
/// # Safety
/// Within [`Simd::vectorize`], with denormals flushed: one as the result would be rounded twice.
#[inline(always)]
unsafe fn quotient(a: __m512, b: __m512) -> __m512 {
    /// Of the two magnitudes the larger one, with the sign of the first operand.
    const LARGER_MAGNITUDE: i32 = 0b0011;
    // SAFETY: AVX-512F and AVX-512DQ are enabled here, as the caller promises; registers only.
    unsafe {
        let one = _mm512_set1_ps(1.0);
        let n = _mm512_getmant_ps::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_SRC>(a);
        let d = _mm512_getmant_ps::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_SRC>(b);
        let exponent = _mm512_sub_ps(_mm512_getexp_ps(a), _mm512_getexp_ps(b));
        let y = _mm512_rcp14_ps(d);
        let y = _mm512_fmadd_ps(_mm512_fnmadd_ps(d, y, one), y, y);
        let y = _mm512_fmadd_ps(_mm512_fnmadd_ps(d, y, one), y, y);
        let y = _mm512_range_ps::<LARGER_MAGNITUDE>(y, _mm512_set1_ps(0.5_f32.next_up()));
        let q = _mm512_mul_ps(n, y);
        let q = _mm512_fmadd_ps(_mm512_fnmadd_ps(q, d, n), y, q);
        _mm512_scalef_ps(q, exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares a vector of quotients with those of the divider.
    unsafe fn compare(n: [f32; 16], d: [f32; 16]) {
        let mut found = [0.0; 16];
        // SAFETY: the caller is within `vectorize`; all arrays have 16 elements.
        unsafe {
            let [vn, vd] = [n, d].map(|x| _mm512_loadu_ps(x.as_ptr()));
            _mm512_storeu_ps(found.as_mut_ptr(), quotient(vn, vd));
        }
        for i in 0..16 {
            assert_eq!(found[i].to_bits(), (n[i] / d[i]).to_bits(), "{:e} / {:e}", n[i], d[i]);
        }
    }

    #[test]
    fn quotients_are_those_of_the_divider_for_every_mantissa_of_the_divisor() {
        if !super::super::InstructionSet::available().contains(&super::super::InstructionSet::Avx512) {
            eprintln!("SKIPPED: this processor has no AVX-512");
            return;
        }
        let ones = f32::from_bits(0x3fff_ffff);
        let mut noise = 1_u32;
        let mut mantissa = || {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from_bits(0x3f80_0000 | noise >> 9)
        };
        // SAFETY: the processor has AVX-512.
        unsafe {
            Avx512::vectorize(|| {
                for first in (0x3f80_0000_u32..0x4000_0000).step_by(16) {
                    let all: [f32; 16] = std::array::from_fn(|i| f32::from_bits(first + i as u32));
                    compare(std::array::from_fn(|_| mantissa()), all);
                    compare(all, [ones; 16]);
                    compare([1.0; 16], all.map(|d| -d));
                }
            });
        }
    }
}
