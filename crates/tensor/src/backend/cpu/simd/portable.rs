//! Plain Rust over small arrays, for the compiler to vectorise with whatever the build's baseline has (SSE2, NEON).
//!
//! Products are not fused: without the hardware a fused multiply-add is a slow library call.

use super::Simd;
use crate::ir::{bf16, from_bf16};

/// No instruction set in particular.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

const N: usize = 8;
type V = [f32; N];

#[inline(always)]
fn zip(a: V, b: V, f: impl Fn(f32, f32) -> f32) -> V {
    std::array::from_fn(|i| f(a[i], b[i]))
}

// SAFETY (of every block below): the trait's contract says that pointers are valid.
impl Simd for Portable {
    const LANES: usize = N;
    const TILE_VECTORS: usize = 1;
    type V = V;

    #[inline]
    unsafe fn vectorize<R>(f: impl FnOnce() -> R) -> R {
        f()
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> V {
        [x; N]
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> V {
        // SAFETY: see above.
        unsafe { p.cast::<V>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_n(p: *const f32, n: usize) -> V {
        // SAFETY: see above; only the first n elements are read.
        std::array::from_fn(|i| if i < n { unsafe { *p.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store(p: *mut f32, v: V) {
        // SAFETY: see above.
        unsafe { p.cast::<V>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn store_n(p: *mut f32, v: V, n: usize) {
        // SAFETY: see above; only the first n elements are written.
        v.iter().take(n).enumerate().for_each(|(i, &x)| unsafe { *p.add(i) = x });
    }
    #[inline(always)]
    unsafe fn load_u8(p: *const u8) -> V {
        // SAFETY: see above; N bytes are read.
        unsafe { p.cast::<[u8; N]>().read_unaligned() }.map(f32::from)
    }
    #[inline(always)]
    unsafe fn load_bf16(p: *const u16) -> V {
        // SAFETY: see above; N numbers are read.
        unsafe { p.cast::<[u16; N]>().read_unaligned() }.map(from_bf16)
    }
    #[inline(always)]
    unsafe fn round_bf16(v: V) -> V {
        v.map(|x| from_bf16(bf16(x)))
    }
    #[inline(always)]
    unsafe fn add(a: V, b: V) -> V {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: V, b: V) -> V {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: V, b: V) -> V {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(a: V, b: V) -> V {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn fma(a: V, b: V, c: V) -> V {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn fnma(a: V, b: V, c: V) -> V {
        std::array::from_fn(|i| c[i] - a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn max(a: V, b: V) -> V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(a: V, b: V) -> V {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn sqrt(a: V) -> V {
        a.map(f32::sqrt)
    }
    #[inline(always)]
    unsafe fn select_less(a: V, b: V, then: V, other: V) -> V {
        std::array::from_fn(|i| if a[i] < b[i] { then[i] } else { other[i] })
    }
    #[inline(always)]
    unsafe fn select_equal(a: V, b: V, then: V, other: V) -> V {
        std::array::from_fn(|i| if a[i] == b[i] { then[i] } else { other[i] })
    }
    #[inline(always)]
    unsafe fn round(a: V) -> V {
        const SHIFT: f32 = 12_582_912.0; // 1.5 · 2²³: adding it leaves no bits behind the point
        a.map(|x| (x + SHIFT) - SHIFT)
    }
    #[inline(always)]
    unsafe fn exp2(n: V) -> V {
        n.map(|n| f32::from_bits(((n as i32 + 127) as u32) << 23))
    }
}
