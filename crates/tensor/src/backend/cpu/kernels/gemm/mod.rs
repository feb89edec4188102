//! Matrix product: C\[m, n\] = epilogue(op(A) · B), with sums in f32.
//!
//! C is cut into panels of [`PANEL`] columns, and each panel into bands of [`cut::BAND`] rows, the units (`cut.rs`). What a thread
//! has of it it computes in chunks of at most [`CHUNK`] rows of one panel: k is walked in blocks whose part of B stays in the
//! first-level cache (`tile.rs`), and once a chunk is complete, while it is there too, the epilogue is applied to it, or the
//! weights are updated of which it is the gradient.
//!
//! Operands lie by rows or in panels as wide as C's, in which case a block of any of them is contiguous. A transposed first
//! operand costs nothing; a transposed second operand has been transposed by the planner. Where the first operand is the
//! samples of the batch, those of a chunk are normalised into a place of their own (`left.rs`) and read there for all panels.
//!
//! Where a plan multiplies bfloat16, factors are rounded to it as they are made ready: what of B a block needs, and what of A a
//! chunk needs. A product of two of them is exact in f32, so that its sums have the same bits whether or not the processor fuses
//! multiplication and addition.
//!
//! Every element of C is one chain of multiply-adds in the order of k, whatever the cutting. Where the processor multiplies
//! whole tiles, the products of layers are made of those instead (`tiled.rs`).

mod batched;
mod cut;
mod left;
mod pack;
mod reach;
mod right;
mod tile;
pub(super) mod tiled;

use std::ops::Range;

use super::super::context::Context;
use super::super::floats::{Floats, ROOM, Room};
use super::super::matrix::Matrix;
use super::super::simd::{MAX_LANES, Simd};
use super::Compute;
use super::map::formula;
use super::update::Changes;
use crate::ir::kernel::{EpilogueStep, Gemm, MapOp, Sink};
use crate::ir::{Program, Value};
pub(in super::super) use cut::PANEL;
use cut::{CHUNK, bands, columns, tracts};
use left::Operand;
use reach::Reach;
use right::Right;

/// The operands of a product.
struct Product<'k> {
    a: Operand<'k>,
    b: Right,
    k: usize,
}

/// A part of C that is completed at once.
#[derive(Clone)]
struct Chunk {
    rows: Range<usize>,
    columns: Range<usize>,
    /// Where its sums are made, and the way from a row to the next.
    sums: *mut f32,
    stride: usize,
    /// Whether they begin with what is there.
    resume: bool,
}

impl Compute for Gemm {
    fn units(&self) -> usize {
        bands(self) * self.n.div_ceil(PANEL)
    }

    fn part(&self, program: &Program, share: &Range<usize>, operand: Value) -> Option<Range<usize>> {
        Reach::new(self, program, share).of(operand)
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let b = Right::new(context.matrix(self.b, (self.k, self.n)), context.rounds_factors());
        let mut product = Product { a: Operand::new(self, context), b, k: self.k };
        for tract in tracts(&share, bands(self)) {
            if let (Some(sink), 0) = (&self.column_sum, tract.bands.start) {
                for panel in tract.panels.clone() {
                    // SAFETY: the caller's contract; the unit of the first band owns its panel's sums.
                    unsafe { column_sums::<S>(&product, columns(self, panel), sink, context) };
                }
            }
            let mut rows = tract.rows(self);
            while !rows.is_empty() {
                let chunk = rows.start..product.a.chunk_end(&rows);
                rows.start = chunk.end;
                for panel in tract.panels.clone() {
                    // SAFETY: the caller's contract.
                    unsafe { self.chunk::<S>(&mut product, chunk.clone(), columns(self, panel), context) };
                }
            }
        }
    }
}

/// The sums of a chunk that lie nowhere else fit into a room.
const _: () = assert!(CHUNK * PANEL <= ROOM);

impl Gemm {
    /// Computes some rows of a panel of C.
    #[inline(always)]
    unsafe fn chunk<S: Simd>(
        &self,
        product: &mut Product<'_>,
        rows: Range<usize>,
        columns: Range<usize>,
        context: &Context<'_>,
    ) {
        let mut room = Room::new();
        let (sums, stride) = match &self.c {
            Sink::Store(c) | Sink::Add(c) if self.sums_in(context.floats(*c)) => {
                let c = context.matrix(*c, (self.m, self.n));
                (c.at(rows.start, columns.start).wide(), c.stride(columns.start))
            }
            _ => (room.start(), columns.len()),
        };
        let chunk = Chunk { rows, columns, sums, stride, resume: self.c.adds() };
        // SAFETY: the caller's contract; the room is large enough for any chunk.
        unsafe {
            product.multiply::<S>(&chunk);
            match &self.c {
                Sink::Store(c) | Sink::Add(c) => {
                    self.finish::<S>(context.matrix(*c, (self.m, self.n)), &chunk, context);
                }
                Sink::Update(target) => {
                    let parameter = context.matrix(target.parameter, (self.m, self.n));
                    update::<S>(&Changes::new(target, context), parameter, &chunk);
                }
            }
        }
    }

    /// Whether sums can be made in C: not where that is rounded, or where the epilogue reads a matrix in whose place it may lie.
    #[inline(always)]
    fn sums_in(&self, c: Floats) -> bool {
        let reads_others = self.epilogue.steps().any(|step| step.other.is_some());
        c.are_wide() && (self.c.adds() || !reads_others)
    }

    /// Applies the epilogue to the sums of a chunk, and stores what comes of it, unless they lie in C already.
    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, c: Matrix, chunk: &Chunk, context: &Context<'_>) {
        let Chunk { rows, columns, sums, stride, .. } = chunk;
        let mut room = Room::new();
        if let Some(bias) = self.epilogue.bias {
            // SAFETY: there is a bias for each column.
            let bias =
                unsafe { context.floats(bias).offset(columns.start).widened::<S>(columns.len(), &mut room) };
            for row in 0..rows.len() {
                let row = sums.wrapping_add(row * stride);
                // SAFETY: a row of sums, and a bias for each of its columns.
                unsafe { formula::<S>(MapOp::Add, (row, 1), (bias, 1), row, columns.len()) };
            }
        }
        let mut steps = self.epilogue.steps().peekable();
        while let Some(EpilogueStep { formula: step, other }) = steps.next() {
            let other = other.map(|other| context.floats(other));
            let stores = steps.peek().is_none() && c.start.are_wide();
            for Line { offset, sums, length } in lines(c, chunk) {
                // C may lie where a matrix does that is still to be read.
                let to = if stores { c.start.offset(offset).wide() } else { sums };
                // SAFETY: the line lies within C, the other operand lies like C, and as many sums have been made.
                unsafe {
                    let other = other.map_or(sums.cast_const(), |other| {
                        other.offset(offset).widened::<S>(length, &mut room)
                    });
                    formula::<S>(*step, (sums, 1), (other, 1), to, length);
                }
            }
        }
        if !c.start.are_wide() {
            for Line { offset, sums, length } in lines(c, chunk) {
                // SAFETY: as above.
                unsafe { c.start.offset(offset).keep::<S>(sums, length) };
            }
        }
    }
}

/// Elements of a chunk that lie side by side, in the matrix and among the sums.
struct Line {
    /// How far from the first element of the matrix they begin.
    offset: usize,
    /// Where their sums do.
    sums: *mut f32,
    length: usize,
}

/// A chunk of a matrix in lines: its rows, or all of it where those follow one another without gaps.
fn lines(c: Matrix, chunk: &Chunk) -> impl Iterator<Item = Line> {
    let Chunk { rows, columns, sums, stride, .. } = chunk.clone();
    let has_gaps = c.stride(columns.start) != columns.len() || stride != columns.len();
    let together = if has_gaps { 1 } else { rows.len().max(1) };
    let (first, column, length) = (rows.start, columns.start, together * columns.len());
    rows.step_by(together).map(move |row| {
        let sums = sums.wrapping_add((row - first) * stride);
        Line { offset: c.offset(row, column), sums, length }
    })
}

/// Moves a chunk of a parameter along its gradients, the sums of the chunk, which lie without gaps.
#[inline(always)]
unsafe fn update<S: Simd>(changes: &Changes, parameter: Matrix, chunk: &Chunk) {
    for Line { offset, sums, length } in lines(parameter, chunk) {
        // SAFETY: the line lies within the parameter, and as many sums have been made.
        unsafe { changes.apply::<S>(sums, offset..offset + length) };
    }
}

/// Σₖ B\[k, j\] for the given columns.
#[inline(always)]
unsafe fn column_sums<S: Simd>(
    product: &Product<'_>,
    columns: Range<usize>,
    sink: &Sink,
    context: &Context<'_>,
) {
    let b = product.b.matrix;
    let stride = b.stride(columns.start);
    let mut j = columns.start;
    while j < columns.end {
        let n = (columns.end - j).min(S::LANES);
        let b = b.at(0, j);
        // SAFETY: reads rows of B, and writes n sums or updates n elements, all within the operands.
        unsafe {
            let mut sum = match sink {
                Sink::Add(sums) => context.floats(*sums).load::<S>(j, n),
                Sink::Store(_) | Sink::Update(_) => S::splat(0.0),
            };
            for k in 0..product.k {
                sum = S::add(sum, b.load::<S>(k * stride, n));
            }
            match sink {
                Sink::Add(sums) | Sink::Store(sums) => context.floats(*sums).store::<S>(j, sum, n),
                Sink::Update(target) => {
                    let mut gradients = [0.0; MAX_LANES];
                    S::store(gradients.as_mut_ptr(), sum);
                    Changes::new(target, context).apply::<S>(gradients.as_ptr(), j..j + n);
                }
            }
        }
        j += n;
    }
}
