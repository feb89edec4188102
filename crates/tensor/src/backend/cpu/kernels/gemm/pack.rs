//! Operands as tiles want them: each number as the sum of three of bfloat16, x = h + m + l, where h is the nearest to x, m the
//! nearest to what is left, and l the rest, exactly. Of the nine products that makes of one, the six largest count: those
//! left out are below 2⁻²⁵ of it.
//!
//! Where a plan multiplies bfloat16, a number is the nearest one, and that is all of it.
//!
//! Pixels are whole numbers up to 255, which bfloat16 has exactly: they take one part. A sample x = u · s + t is multiplied as
//! (u − z) · s + (z · s + t), with z the pixel nearest to x = 0: u − z is exact, s goes into the other operand, and the rest, at
//! most half a step between pixels, is added to the sums of all rows alike. So nothing large cancels.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::super::super::context::Context;
use super::super::super::floats::Floats;
use super::super::super::matrix::Matrix;
use super::super::super::simd::Simd;
use super::super::super::tiles::{SIDE, STEPS, TILE_BYTES};
use super::super::samples::{Line, normalised, pick};
use crate::ir::DType;
use crate::ir::kernel::{self, Gemm, Samples};

/// Parts of a number.
pub(super) const PARTS: usize = 3;

/// Most rows of the first operand that are packed together.
pub(super) const ROWS: usize = 256;

/// Tiles along k of them, of all parts: a sample of 28 × 28 pixels.
const ROW_TILES: usize = 25;

/// Most columns of the second operand that are packed together.
pub(super) const WIDTH: usize = 2 * SIDE;

/// Most steps of them: as many as stay in the first-level cache, with what they are multiplied by.
pub(super) const DEPTH: usize = 128;

/// `D` times `W` tiles.
#[repr(align(64))]
pub(super) struct Packed<const D: usize, const W: usize>([[[MaybeUninit<u8>; TILE_BYTES]; W]; D]);

/// The first operand, part by part, step by step.
pub(super) type Rows = Packed<ROW_TILES, { ROWS / SIDE }>;

/// The second one.
pub(super) type Columns = Packed<{ PARTS * DEPTH / STEPS }, { WIDTH / SIDE }>;

impl<const D: usize, const W: usize> Packed<D, W> {
    /// A tile, by its part of `parts`, by its place along k and by that across.
    #[inline(always)]
    pub(super) fn tile(&self, [part, parts]: [usize; 2], step: usize, across: usize) -> *const u8 {
        self.0[part * (D / parts) + step][across].as_ptr().cast()
    }

    #[inline(always)]
    fn tile_mut(&mut self, [part, parts]: [usize; 2], step: usize, across: usize) -> *mut u8 {
        self.0[part * (D / parts) + step][across].as_mut_ptr().cast()
    }
}

/// The first operand of a product by tiles.
pub(super) struct Source<'k> {
    left: Left<'k>,
    /// Whether numbers are rounded to bfloat16.
    rounds: bool,
}

enum Left<'k> {
    /// A matrix `[m, k]`.
    Matrix(Matrix),
    /// Samples of the batch.
    Samples(&'k Samples),
}

impl<'k> Source<'k> {
    #[inline(always)]
    pub(super) fn new(gemm: &'k Gemm, context: &Context<'_>) -> Source<'k> {
        let left = match &gemm.a {
            kernel::Left::Value(a) => Left::Matrix(context.matrix(*a, (gemm.m, gemm.k))),
            kernel::Left::Samples(samples) | kernel::Left::Gathered(_, samples) => Left::Samples(samples),
        };
        Source { left, rounds: context.rounds_factors() }
    }

    /// The samples, if they are multiplied as pixels.
    pub(super) fn pixels(&self) -> Option<&'k Samples> {
        match self.left {
            Left::Samples(samples) if samples.dtype == DType::U8 && !self.rounds => Some(samples),
            _ => None,
        }
    }

    /// Of how many parts its numbers are.
    pub(super) fn parts(&self) -> usize {
        if self.pixels().is_some() { 1 } else { self.other_parts() }
    }

    /// Of how many parts the numbers are by which it is multiplied.
    pub(super) fn other_parts(&self) -> usize {
        if self.rounds { 1 } else { PARTS }
    }

    /// Most steps that are packed together.
    pub(super) fn depth(&self) -> usize {
        ROW_TILES / self.parts() * STEPS
    }

    /// Packs these rows and steps.
    ///
    /// # Safety
    /// As [`super::super::execute`]; there are at most [`ROWS`] rows and as many steps as [`Source::depth`] says, from a
    /// multiple of [`STEPS`] on.
    #[inline(always)]
    pub(super) unsafe fn pack<S: Simd>(
        &self,
        rows: Range<usize>,
        steps: Range<usize>,
        context: &Context<'_>,
        packed: &mut Rows,
    ) {
        let mut room = [0.0_f32; ROW_TILES * STEPS];
        for (i, row) in rows.clone().enumerate() {
            if let Left::Samples(samples) = self.left {
                let output = (room.as_mut_ptr(), 0);
                let line = |channel| match self.pixels() {
                    Some(pixels) => Line { scale: 1.0, shift: -Centre::of(pixels, channel).zero },
                    None => normalised(samples)(channel),
                };
                // SAFETY: the caller's contract.
                unsafe { pick::<S>(samples, context, row..row + 1, steps.clone(), line, output) };
            }
            for (tile, k) in steps.clone().step_by(STEPS).enumerate() {
                let numbers = match &self.left {
                    Left::Matrix(a) => a.at(row, k), // side by side: panels are as wide as some tiles
                    Left::Samples(_) => Floats::of(room.as_ptr().wrapping_add(tile * STEPS)),
                };
                let count = STEPS.min(steps.end - k);
                // SAFETY: the row has so many numbers from k on.
                unsafe { self.pack_row::<S>(numbers, count, packed, (tile, i)) };
            }
        }
        for i in rows.len()..rows.len().next_multiple_of(SIDE) {
            for tile in 0..steps.len().div_ceil(STEPS) {
                // SAFETY: no number is read.
                unsafe { self.pack_row::<S>(Floats::of(room.as_ptr()), 0, packed, (tile, i)) };
            }
        }
    }

    /// A row of a tile, with zeros behind `count` numbers.
    #[inline(always)]
    unsafe fn pack_row<S: Simd>(
        &self,
        numbers: Floats,
        count: usize,
        packed: &mut Rows,
        (tile, row): (usize, usize),
    ) {
        let parts = self.parts();
        for first in (0..STEPS).step_by(S::LANES) {
            // SAFETY: the caller's contract; the row of a tile has 32 numbers of two bytes.
            unsafe {
                let mut rest = numbers.load::<S>(first, count.saturating_sub(first).min(S::LANES));
                for part in 0..parts {
                    let nearest = match self.rounds {
                        true => S::round_bf16(rest),
                        false if part + 1 < PARTS => S::bf16(rest),
                        false => rest,
                    };
                    let place = packed.tile_mut([part, parts], tile, row / SIDE);
                    S::store_upper(place.add(row % SIDE * 64 + first * 2).cast(), nearest);
                    rest = S::sub(rest, nearest);
                }
            }
        }
    }
}

/// How the pixels of a channel are multiplied.
#[derive(Clone, Copy)]
struct Centre {
    /// The pixel nearest to 0.
    zero: f32,
    /// What a step between pixels is.
    scale: f32,
    /// What the pixel `zero` is.
    shift: f32,
}

impl Centre {
    #[inline(always)]
    fn of(samples: &Samples, channel: usize) -> Centre {
        let Line { scale, shift } = normalised(samples)(channel);
        let zero = -f64::from(shift) / f64::from(scale);
        let zero = if zero.is_finite() { zero.round().clamp(0.0, 255.0) } else { 0.0 };
        Centre { zero: zero as f32, scale, shift: (f64::from(scale) * zero + f64::from(shift)) as f32 }
    }
}

/// Packs the steps `steps` of some columns of a panel of B: times the scale of the pixels by which they will be multiplied,
/// adding to `shifts` what the pixels' shifts make of them.
///
/// # Safety
/// As [`super::super::execute`]; there are at most [`WIDTH`] columns, as many shifts, and at most [`DEPTH`] steps.
#[inline(always)]
pub(super) unsafe fn pack_columns<S: Simd>(
    b: Matrix,
    columns: Range<usize>,
    steps: Range<usize>,
    source: &Source<'_>,
    packed: &mut Columns,
    shifts: *mut f32,
) {
    let stride = b.stride(columns.start);
    for first in (0..columns.len().next_multiple_of(SIDE)).step_by(S::LANES) {
        let n = columns.len().saturating_sub(first).min(S::LANES);
        let numbers = b.at(steps.start, columns.start).offset(first);
        // SAFETY: the caller's contract; n columns from `first` on are there.
        unsafe {
            let mut strip = Strip::<S> {
                numbers,
                stride,
                n,
                steps: steps.clone(),
                rounds: source.rounds,
                centre: Walk::new(source.pixels()),
                shift: S::load(shifts.add(first)),
            };
            for tile in 0..steps.len().div_ceil(STEPS) {
                let place = |part: usize| {
                    packed.tile_mut([part, PARTS], tile, first / SIDE).wrapping_add(first % SIDE * 4)
                };
                strip.tile([0, 1, 2].map(place));
            }
            S::store(shifts.add(first), strip.shift);
        }
    }
}

/// A vector's columns of B, walked step by step.
struct Strip<'k, S: Simd> {
    numbers: Floats,
    stride: usize,
    /// Whether a number is the nearest one of bfloat16, and no more parts.
    rounds: bool,
    /// How many columns.
    n: usize,
    /// Those left; behind them are zeros.
    steps: Range<usize>,
    centre: Walk<'k, S>,
    /// Σ of what the shifts of pixels make of it.
    shift: S::V,
}

impl<S: Simd> Strip<'_, S> {
    /// The next steps, pair by pair, to a tile of each part.
    #[inline(always)]
    unsafe fn tile(&mut self, places: [*mut u8; PARTS]) {
        for pair in 0..STEPS / 2 {
            // SAFETY: the caller's contract.
            unsafe {
                let [mut low, mut high] = [self.next(), self.next()];
                if self.rounds {
                    let place = places[0].add(pair * 64);
                    S::store_pairs(place.cast(), S::round_bf16(low), S::round_bf16(high));
                    continue;
                }
                for (part, place) in places.into_iter().enumerate() {
                    let last = part + 1 == PARTS;
                    let [l, h] = if last { [low, high] } else { [S::bf16(low), S::bf16(high)] };
                    S::store_pairs(place.add(pair * 64).cast(), l, h);
                    [low, high] = [S::sub(low, l), S::sub(high, h)];
                }
            }
        }
    }

    /// The next step, as pixels are multiplied by it.
    #[inline(always)]
    unsafe fn next(&mut self) -> S::V {
        // SAFETY: the caller's contract: the step is there.
        unsafe {
            let Some(step) = self.steps.next() else { return S::splat(0.0) };
            let numbers = self.numbers.load::<S>(0, self.n);
            self.numbers = self.numbers.offset(self.stride);
            let Some((scale, shift)) = self.centre.at(step) else { return numbers };
            self.shift = S::add(S::mul(numbers, shift), self.shift);
            S::mul(numbers, scale)
        }
    }
}

/// Scale and shift of pixels, walked in the order of their elements.
struct Walk<'k, S: Simd> {
    pixels: Option<&'k Samples>,
    /// First element of the next channel.
    end: usize,
    line: Option<(S::V, S::V)>,
}

impl<'k, S: Simd> Walk<'k, S> {
    #[inline(always)]
    fn new(pixels: Option<&'k Samples>) -> Walk<'k, S> {
        Walk { pixels, end: 0, line: None }
    }

    /// Those of an element, not before the last one asked for.
    #[inline(always)]
    unsafe fn at(&mut self, element: usize) -> Option<(S::V, S::V)> {
        if let (Some(pixels), true) = (self.pixels, element >= self.end) {
            let channel = element / pixels.pixels;
            let Centre { scale, shift, .. } = Centre::of(pixels, channel);
            // SAFETY: features are the caller's.
            self.line = unsafe { Some((S::splat(scale), S::splat(shift))) };
            self.end = (channel + 1) * pixels.pixels;
        }
        self.line
    }
}
