//! The product by tiles, where the processor has them.
//!
//! Rows of A and some columns of B are packed (`pack.rs`), some steps of k at a time, and multiplied tile by tile: four tiles of
//! sums stay in registers while k is walked. The sums of some panels are made together, so that what has been packed of A
//! serves them all; then they go to C, and the epilogue is applied.
//!
//! Every sum is made in one order, of groups of [`STEPS`] steps, whatever the cutting, and does not depend on how many rows
//! there are. Sums over the samples of a batch are left to `tile.rs`: a batch that comes in parts continues them sample by
//! sample.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::super::super::context::Context;
use super::super::super::matrix::Matrix;
use super::super::super::simd::Simd;
use super::super::super::tiles::{SIDE, STEPS, Tiles};
use super::Chunk;
use super::cut::{CHUNK, PANEL, bands, columns, tracts};
use super::pack::{Columns, DEPTH, PARTS, ROWS, Rows, Source, WIDTH, pack_columns};
use crate::ir::kernel::{Gemm, Sink};

/// Panels whose sums are made together.
const PANELS: usize = 4;

/// Whether a product is one for tiles: it has enough columns and steps to fill some, and sums nothing over samples.
pub(in super::super) fn fits(gemm: &Gemm) -> bool {
    let only_stores = matches!(gemm.c, Sink::Store(_)) && gemm.column_sum.is_none();
    only_stores && !gemm.transpose_a && gemm.k >= STEPS && gemm.n >= SIDE
}

/// What a thread needs beside the operands. Nothing of it is read before it is written.
struct Room {
    rows: Rows,
    columns: Columns,
    sums: [Sums; PANELS],
}

/// The sums of a panel, and what is to be added to each of its columns.
#[repr(align(64))]
struct Sums {
    sums: [[MaybeUninit<f32>; PANEL]; ROWS],
    shifts: [MaybeUninit<f32>; PANEL],
}

/// A product, and where its operands are.
struct Product<'k> {
    gemm: &'k Gemm,
    a: Source<'k>,
    b: Matrix,
    context: &'k Context<'k>,
}

/// Computes the units `share` of a product that [`fits`].
///
/// # Safety
/// As [`super::super::execute`], and as [`Tiles::begin`].
#[inline(always)]
pub(in super::super) unsafe fn compute<S: Simd, T: Tiles>(
    gemm: &Gemm,
    context: &Context<'_>,
    share: Range<usize>,
) {
    let (a, b) = (Source::new(gemm, context), context.matrix(gemm.b, (gemm.k, gemm.n)));
    let product = Product { gemm, a, b, context };
    let mut room = MaybeUninit::<Room>::uninit();
    // SAFETY: all of it may be uninitialised.
    let room = unsafe { room.assume_init_mut() };
    // SAFETY: the caller's contract.
    let mut tiles = unsafe { T::begin() };
    for tract in tracts(&share, bands(gemm)) {
        let rows = tract.rows(gemm);
        for first in rows.clone().step_by(ROWS) {
            let rows = first..rows.end.min(first + ROWS);
            let mut packed = None;
            for panel in tract.panels.clone().step_by(PANELS) {
                let panels = panel..tract.panels.end.min(panel + PANELS);
                // SAFETY: the caller's contract.
                unsafe {
                    product.sum::<S, T>(&rows, &panels, room, &mut packed, &mut tiles);
                    product.store::<S>(&rows, panels, room);
                }
            }
        }
    }
}

impl Product<'_> {
    /// Makes the sums of some rows of some panels. `packed` is which steps of these rows are.
    #[inline(always)]
    unsafe fn sum<S: Simd, T: Tiles>(
        &self,
        rows: &Range<usize>,
        panels: &Range<usize>,
        room: &mut Room,
        packed: &mut Option<Range<usize>>,
        tiles: &mut T,
    ) {
        for first in (0..self.gemm.k).step_by(self.a.depth()) {
            let steps = first..self.gemm.k.min(first + self.a.depth());
            if *packed != Some(steps.clone()) {
                // SAFETY: the caller's contract; there is room for so many rows and steps.
                unsafe { self.a.pack::<S>(rows.clone(), steps.clone(), self.context, &mut room.rows) };
                *packed = Some(steps.clone());
            }
            for (i, panel) in panels.clone().enumerate() {
                let columns = columns(self.gemm, panel);
                for start in columns.clone().step_by(WIDTH) {
                    let part = start..columns.end.min(start + WIDTH);
                    // SAFETY: as above.
                    unsafe { self.sum_columns::<S, T>(rows, &steps, (i, start % PANEL), part, room, tiles) };
                }
            }
        }
    }

    /// Adds some steps to the sums of some columns, which begin at column `at` of panel `i` of those in the room.
    #[inline(always)]
    unsafe fn sum_columns<S: Simd, T: Tiles>(
        &self,
        rows: &Range<usize>,
        steps: &Range<usize>,
        (i, at): (usize, usize),
        columns: Range<usize>,
        room: &mut Room,
        tiles: &mut T,
    ) {
        let Sums { sums, shifts } = &mut room.sums[i];
        if steps.start == 0 {
            shifts[at..at + WIDTH].fill(MaybeUninit::new(0.0));
        }
        let (down, across) = (rows.len().div_ceil(SIDE), columns.len().div_ceil(SIDE));
        let shifts = shifts[at..].as_mut_ptr().cast();
        for first in steps.clone().step_by(DEPTH) {
            let part = first..steps.end.min(first + DEPTH);
            let (size, resume) = (part.len().div_ceil(STEPS), first > 0);
            // SAFETY: the caller's contract; there is room for so many columns and steps.
            unsafe {
                let columns = columns.clone();
                pack_columns::<S>(self.b, columns, part, &self.a, &mut room.columns, shifts);
                let operands = Operands {
                    rows: &room.rows,
                    columns: &room.columns,
                    parts: self.a.parts(),
                    other_parts: self.a.other_parts(),
                    first: (first - steps.start) / STEPS,
                    tiles: size,
                };
                for i in (0..down).step_by(2) {
                    let sums: *mut f32 = sums[i * SIDE][at..].as_mut_ptr().cast();
                    match (down - i > 1, across > 1) {
                        (true, true) => operands.block::<T, true, true>(i, resume, sums, tiles),
                        (true, false) => operands.block::<T, true, false>(i, resume, sums, tiles),
                        (false, true) => operands.block::<T, false, true>(i, resume, sums, tiles),
                        (false, false) => operands.block::<T, false, false>(i, resume, sums, tiles),
                    }
                }
            }
        }
    }

    /// Moves sums to C, and applies the epilogue to them while they are in the cache.
    #[inline(always)]
    unsafe fn store<S: Simd>(&self, rows: &Range<usize>, panels: Range<usize>, room: &mut Room) {
        let c = match &self.gemm.c {
            Sink::Store(c) | Sink::Add(c) => self.context.matrix(*c, (self.gemm.m, self.gemm.n)),
            Sink::Update(_) => return, // does not fit
        };
        let stays = !self.gemm.sums_in(c.start);
        for (panel, Sums { sums, shifts }) in panels.zip(&mut room.sums) {
            let columns = columns(self.gemm, panel);
            let shifts = self.a.pixels().map(|_| shifts.as_ptr().cast());
            for first in rows.clone().step_by(CHUNK) {
                let chunk = first..rows.end.min(first + CHUNK);
                let sums: *mut f32 = sums[first - rows.start..].as_mut_ptr().cast();
                let (to, stride) = match stays {
                    true => (sums, PANEL),
                    false => (c.at(first, columns.start).wide(), c.stride(columns.start)),
                };
                for row in 0..chunk.len() {
                    let (from, to) = (sums.wrapping_add(row * PANEL), to.wrapping_add(row * stride));
                    // SAFETY: as many sums have been made, and there is a row of as many columns.
                    unsafe { move_row::<S>(from, shifts, to, columns.len()) };
                }
                let columns = columns.clone();
                let chunk = Chunk { rows: chunk, columns, sums: to, stride, resume: false };
                // SAFETY: the caller's contract.
                unsafe { self.gemm.finish::<S>(c, &chunk, self.context) };
            }
        }
    }
}

/// A row of sums, with their shifts if there are any.
#[inline(always)]
unsafe fn move_row<S: Simd>(from: *const f32, shifts: Option<*const f32>, to: *mut f32, count: usize) {
    for i in (0..count).step_by(S::LANES) {
        let n = (count - i).min(S::LANES);
        // SAFETY: the caller's contract: there is room for whole vectors of sums and shifts.
        unsafe {
            let sums = S::load(from.add(i));
            let sums = shifts.map_or(sums, |shifts| S::add(sums, S::load(shifts.add(i))));
            S::store_up_to(to.add(i), sums, n);
        }
    }
}

/// Operands that have been packed.
struct Operands<'r> {
    rows: &'r Rows,
    columns: &'r Columns,
    /// Parts of the first one's numbers.
    parts: usize,
    /// Parts of the second one's.
    other_parts: usize,
    /// Tiles along k, and the first of the rows'.
    tiles: usize,
    first: usize,
}

impl Operands<'_> {
    /// Up to two by two tiles of sums, in registers 0 to 3, with two of A in 4 and 5 and two of B in 6 and 7. Of the products
    /// of parts the small ones come first.
    #[inline(always)]
    unsafe fn block<T: Tiles, const TALL: bool, const WIDE: bool>(
        &self,
        i: usize,
        resume: bool,
        sums: *mut f32,
        tiles: &mut T,
    ) {
        let below = SIDE * PANEL;
        // SAFETY: the caller's contract.
        unsafe {
            if resume {
                tiles.load_sums::<0>(sums, PANEL);
                if WIDE {
                    tiles.load_sums::<1>(sums.add(SIDE), PANEL);
                }
                if TALL {
                    tiles.load_sums::<2>(sums.add(below), PANEL);
                }
                if TALL && WIDE {
                    tiles.load_sums::<3>(sums.add(below + SIDE), PANEL);
                }
            } else {
                tiles.zero::<0>();
                tiles.zero::<1>();
                tiles.zero::<2>();
                tiles.zero::<3>();
            }
            for step in 0..self.tiles {
                for part in 0..self.parts {
                    tiles.load::<4>(self.rows.tile([part, self.parts], self.first + step, i));
                    if TALL {
                        tiles.load::<5>(self.rows.tile([part, self.parts], self.first + step, i + 1));
                    }
                    for other in (0..self.other_parts - part).rev() {
                        tiles.load::<6>(self.columns.tile([other, PARTS], step, 0));
                        tiles.multiply::<0, 4, 6>();
                        if TALL {
                            tiles.multiply::<2, 5, 6>();
                        }
                        if WIDE {
                            tiles.load::<7>(self.columns.tile([other, PARTS], step, 1));
                            tiles.multiply::<1, 4, 7>();
                            if TALL {
                                tiles.multiply::<3, 5, 7>();
                            }
                        }
                    }
                }
            }
            tiles.store_sums::<0>(sums, PANEL);
            if WIDE {
                tiles.store_sums::<1>(sums.add(SIDE), PANEL);
            }
            if TALL {
                tiles.store_sums::<2>(sums.add(below), PANEL);
            }
            if TALL && WIDE {
                tiles.store_sums::<3>(sums.add(below + SIDE), PANEL);
            }
        }
    }
}
