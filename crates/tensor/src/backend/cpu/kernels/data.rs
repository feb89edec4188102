//! Kernels that move data: the batch, constants, permutations; and the small ones that keep the books.

use std::ops::Range;

use super::super::simd::Simd;
use super::{BLOCK, Context};
use crate::DType;
use crate::ops::gather::TargetFormat;
use crate::ops::optimizer::power;
use crate::plan::{Advance, Data, Gather, GatherTargets, MetricBlock, MetricSums, Permute, StepBlock, Value};

#[inline(always)]
pub(super) unsafe fn advance(k: &Advance, context: &Context<'_>, _: Range<usize>) {
    // SAFETY: the step block lies at its place in the arena, and this kernel alone touches it in this stage.
    let block = unsafe { &mut *context.at::<StepBlock>(k.step_block) };
    block.step += 1;
    block.first_row = 0;
    let learning_rate = k.schedule.at(block.step);
    let correction = |beta: f64| 1.0 - power(beta, block.step);
    let (first, second) =
        k.optimizer.betas().map_or((1.0, 1.0), |(beta1, beta2)| (correction(beta1), correction(beta2)));
    block.learning_rate = learning_rate as f32;
    block.step_size = (learning_rate / first) as f32;
    block.second_correction = (1.0 / second.sqrt()) as f32;
}

#[inline(always)]
pub(super) unsafe fn metrics(k: &MetricSums, context: &Context<'_>, _: Range<usize>) {
    // SAFETY: the sums lie at their place in the arena, and this kernel alone touches them in this stage; there is a
    // loss, and if counted a right answer, for each row.
    unsafe {
        let block = &mut *context.at::<MetricBlock>(k.metrics);
        let losses = std::slice::from_raw_parts(context.at::<f32>(k.losses), k.rows);
        if !k.continues {
            (block.last_sum, block.last_samples) = (0.0, 0);
        }
        for &loss in losses {
            block.loss_sum += f64::from(loss);
            block.last_sum += f64::from(loss);
        }
        block.samples += k.rows as u64;
        block.last_samples += k.rows as u64;
        if let Some(correct) = k.correct {
            let right = std::slice::from_raw_parts(context.at::<f32>(correct), k.rows);
            block.correct += right.iter().filter(|&&x| x != 0.0).count() as u64;
        }
    }
}

#[inline(always)]
pub(super) unsafe fn gather<S: Simd>(k: &Gather, context: &Context<'_>, share: Range<usize>) {
    let width = k.channels * k.pixels;
    let output: *mut f32 = context.at(k.output);
    for i in share {
        let row = context.row(i);
        // SAFETY: the session checked that every row exists and that rows have `width` elements of this type.
        unsafe {
            if let (DType::U8, Some(&next)) = (k.dtype, context.next.and_then(|rows| rows.get(i))) {
                prefetch(context.view.samples.wrapping_add(next as usize * width), width);
            }
            for channel in 0..k.channels {
                let (start, output) = (channel * k.pixels, output.add(i * width + channel * k.pixels));
                let (first, scale, shift) = (row * width + start, k.scale[channel], k.shift[channel]);
                match k.dtype {
                    DType::U8 => {
                        let source = std::slice::from_raw_parts(context.view.samples.add(first), k.pixels);
                        normalise_bytes::<S>(source, output, scale, shift);
                    }
                    DType::F32 => {
                        let source = context.view.samples.cast::<f32>().add(first);
                        (0..k.pixels).for_each(|j| *output.add(j) = *source.add(j) * scale + shift);
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

#[inline(always)]
pub(super) unsafe fn gather_targets(k: &GatherTargets, context: &Context<'_>, _: Range<usize>) {
    for i in 0..k.rows {
        let row = context.row(i);
        // SAFETY: the session checked that every row exists and has targets of this kind; the output has a place for each.
        unsafe {
            match k.format {
                TargetFormat::Class => *context.at::<u8>(k.output).add(i) = *context.view.targets.add(row),
                TargetFormat::Values(width) => {
                    let source = context.view.targets.cast::<f32>().add(row * width);
                    context.at::<f32>(k.output).add(i * width).copy_from_nonoverlapping(source, width);
                }
            }
        }
    }
}

pub(super) unsafe fn constant(output: Value, data: &Data, context: &Context<'_>) {
    // SAFETY: the output has the size of the data.
    unsafe {
        match data {
            Data::F32(values) => {
                context.at::<f32>(output).copy_from_nonoverlapping(values.as_ptr(), values.len())
            }
            Data::U8(bytes) => context.at::<u8>(output).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()),
            Data::Fill(value, n) => {
                std::slice::from_raw_parts_mut(context.at::<f32>(output), *n).fill(*value)
            }
        }
    }
}

pub(super) unsafe fn copy(input: Value, output: Value, bytes: usize, context: &Context<'_>) {
    // SAFETY: two values of one size that do not overlap, or the same.
    unsafe { context.at::<u8>(output).copy_from(context.at::<u8>(input), bytes) };
}

#[inline(always)]
pub(super) unsafe fn accumulate<S: Simd>(
    &(input, output, elements): &(Value, Value, usize),
    context: &Context<'_>,
    share: Range<usize>,
) {
    let (input, output): (*const f32, *mut f32) = (context.at(input), context.at(output));
    let mut i = share.start * BLOCK;
    let end = elements.min(share.end * BLOCK);
    while i < end {
        let n = (end - i).min(S::LANES);
        // SAFETY: both values have so many elements.
        unsafe {
            S::store_n(output.add(i), S::add(S::load_n(output.add(i), n), S::load_n(input.add(i), n)), n)
        };
        i += n;
    }
}

pub(super) unsafe fn proceed(step_block: Value, rows: usize, context: &Context<'_>) {
    // SAFETY: the step block lies at its place in the arena, and this kernel alone touches it in this stage.
    unsafe { (*context.at::<StepBlock>(step_block)).first_row += rows as u32 };
}

pub(super) fn permute_units(k: &Permute) -> usize {
    k.shape.elements().div_ceil(BLOCK)
}

#[inline(always)]
pub(super) unsafe fn permute(k: &Permute, context: &Context<'_>, share: Range<usize>) {
    let (input, output): (*const f32, *mut f32) = (context.at(k.input), context.at(k.output));
    let elements = k.shape.elements();
    let (_, columns) = k.shape.rows();
    let stride = k.strides[k.shape.rank().saturating_sub(1)];
    let mut i = share.start * BLOCK;
    let end = elements.min(share.end * BLOCK);
    while i < end {
        let run = (columns - i % columns).min(end - i);
        let mut rest = i;
        let mut source = 0;
        for (axis, &dim) in k.shape.dims().iter().enumerate().rev() {
            source += rest % dim * k.strides[axis];
            rest /= dim;
        }
        for j in 0..run {
            // SAFETY: the strides map every element of the shape into the input.
            unsafe { *output.add(i + j) = *input.add(source + j * stride) };
        }
        i += run;
    }
}
