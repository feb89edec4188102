//! Samples as kernels read them where the dataset has them.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::{MAX_LANES, Simd};
use crate::ir::DType;
use crate::ir::kernel::Samples;

/// What is made of an element: x · scale + shift.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) scale: f32,
    pub(super) shift: f32,
}

/// As the network wants them, by channel.
pub(super) fn normalised(samples: &Samples) -> impl Fn(usize) -> Line {
    |channel| Line { scale: samples.scale[channel], shift: samples.shift[channel] }
}

/// A channel, or a part of one: which it is, its elements of a sample, and where they go.
struct Piece {
    channel: usize,
    elements: Range<usize>,
    output: usize,
}

/// Writes what `line` makes of the elements `columns` of the samples `rows` of the batch to `output`, which is so many elements
/// from row to row.
///
/// # Safety
/// As [`super::execute`]; the output has room for all of them.
#[inline(always)]
pub(super) unsafe fn pick<S: Simd>(
    samples: &Samples,
    context: &Context<'_>,
    rows: Range<usize>,
    columns: Range<usize>,
    line: impl Fn(usize) -> Line,
    (output, stride): (*mut f32, usize),
) {
    let size = samples.dtype.size();
    for piece in pieces(samples, columns) {
        let Line { scale, shift } = line(piece.channel);
        let length = piece.elements.len();
        for (i, row) in rows.clone().enumerate() {
            let first = context.row(row) * samples.width() + piece.elements.start;
            // SAFETY: the session checked that every row exists and that rows have this many elements of this type.
            unsafe {
                let source =
                    std::slice::from_raw_parts(context.view.samples.add(first * size), length * size);
                let output = output.add(i * stride + piece.output);
                match samples.dtype {
                    DType::U8 => normalise_bytes::<S>(source, output, scale, shift),
                    dtype => {
                        for (j, element) in source.chunks_exact(size).enumerate() {
                            *output.add(j) = dtype.decode(element) * scale + shift;
                        }
                    }
                }
            }
        }
    }
}

/// Some elements of a sample, channel by channel.
fn pieces(samples: &Samples, columns: Range<usize>) -> impl Iterator<Item = Piece> {
    let pixels = samples.pixels;
    let channels =
        if columns.is_empty() { 0..0 } else { columns.start / pixels..columns.end.div_ceil(pixels) };
    channels.map(move |channel| {
        let elements = columns.start.max(channel * pixels)..columns.end.min((channel + 1) * pixels);
        Piece { channel, output: elements.start - columns.start, elements }
    })
}

/// Asks for the elements `columns` of the sample that will be number `row` of the next batch: it may lie anywhere in the
/// dataset, where the processor does not look for it by itself.
#[inline(always)]
pub(super) fn prefetch(samples: &Samples, context: &Context<'_>, row: usize, columns: Range<usize>) {
    let Some(next) = context.next_row(row) else { return };
    let size = samples.dtype.size();
    let start = context.view.samples.wrapping_add((next * samples.width() + columns.start) * size);
    (0..columns.len() * size).step_by(64).for_each(|line| ask_for(start.wrapping_add(line)));
}

/// Asks for the line of the cache that has a byte.
#[inline(always)]
fn ask_for(byte: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch may name any address; SSE is part of x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(byte.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = byte;
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
            let mut bytes = [0; MAX_LANES];
            bytes[..tail.len()].copy_from_slice(tail);
            S::store_n(output.add(whole), S::fma(S::load_u8(bytes.as_ptr()), scale_v, shift_v), tail.len());
        }
    }
}
