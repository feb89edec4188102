//! Picks the samples of a batch and normalises them.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::{Compute, rows};
use crate::ir::kernel::Gather;
use crate::ir::{DType, Program, Value};

impl Compute for Gather {
    fn units(&self) -> usize {
        self.rows
    }

    fn part(&self, _: &Program, share: &Range<usize>, _: Value) -> Option<Range<usize>> {
        rows(share, self.channels * self.pixels)
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let width = self.channels * self.pixels;
        let output: *mut f32 = context.at(self.output);
        for i in share {
            let row = context.row(i);
            // SAFETY: the session checked that every row exists and that rows have `width` elements of this type.
            unsafe {
                if let (DType::U8, Some(&next)) = (self.dtype, context.next.and_then(|rows| rows.get(i))) {
                    prefetch(context.view.samples.wrapping_add(next as usize * width), width);
                }
                for channel in 0..self.channels {
                    let (start, output) =
                        (channel * self.pixels, output.add(i * width + channel * self.pixels));
                    let (first, scale, shift) =
                        (row * width + start, self.scale[channel], self.shift[channel]);
                    match self.dtype {
                        DType::U8 => {
                            let source =
                                std::slice::from_raw_parts(context.view.samples.add(first), self.pixels);
                            normalise_bytes::<S>(source, output, scale, shift);
                        }
                        dtype => {
                            let size = dtype.size();
                            let source = context.view.samples.add(first * size);
                            let source = std::slice::from_raw_parts(source, self.pixels * size);
                            for (j, element) in source.chunks_exact(size).enumerate() {
                                *output.add(j) = dtype.decode(element) * scale + shift;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Asks for the bytes of a row that the next step will read.
#[inline(always)]
fn prefetch(start: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..bytes).step_by(64) {
        // SAFETY: a prefetch may name any address; SSE is part of x86-64.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(
                start.wrapping_add(line).cast(),
            )
        };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (start, bytes);
}

#[inline(always)]
unsafe fn normalise_bytes<S: Simd>(source: &[u8], output: *mut f32, scale: f32, shift: f32) {
    let whole = source.len() / S::LANES * S::LANES;
    // SAFETY: the output has as many elements as the source.
    unsafe {
        let (scale_v, shift_v) = (S::splat(scale), S::splat(shift));
        for i in (0..whole).step_by(S::LANES) {
            S::store(output.add(i), S::fma(S::load_u8(source.as_ptr().add(i)), scale_v, shift_v));
        }
        let tail = &source[whole..];
        if !tail.is_empty() {
            let mut bytes = [0; super::super::simd::MAX_LANES];
            bytes[..tail.len()].copy_from_slice(tail);
            S::store_n(output.add(whole), S::fma(S::load_u8(bytes.as_ptr()), scale_v, shift_v), tail.len());
        }
    }
}
