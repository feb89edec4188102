//! Matrix product: C\[m, n\] = epilogue(op(A) · B), f32.
//!
//! C is cut into panels of [`PANEL`] columns, and each panel into bands of [`BAND`] rows, the units (`cut.rs`). What a thread
//! has of a panel it computes in chunks of at most [`CHUNK`] rows: k is walked in blocks whose part of B stays in the
//! first-level cache (`tile.rs`), and once a chunk is complete, while it is there too, the epilogue is applied to it, or the
//! weights are updated of which it is the gradient.
//!
//! Operands lie by rows or in panels as wide as C's, in which case a block of any of them is contiguous. A transposed first
//! operand costs nothing; a transposed second operand has been transposed by the planner.
//!
//! Every element of C is one chain of multiply-adds in the order of k, whatever the cutting.

mod cut;
mod reach;
mod tile;

use std::mem::MaybeUninit;
use std::ops::Range;

use super::super::context::Context;
use super::super::matrix::Matrix;
use super::super::simd::{MAX_LANES, Simd};
use super::Compute;
use super::map::formula;
use super::update::Changes;
use crate::ir::kernel::{EpilogueStep, Gemm, MapOp, Sink};
use crate::ir::{Program, Value};
pub(in super::super) use cut::PANEL;
use cut::{BAND, CHUNK, bands};
use reach::Reach;

/// The operands of a product.
#[derive(Clone, Copy)]
struct Product {
    /// As it is stored: `[k, m]` if it is transposed.
    a: Matrix,
    transpose_a: bool,
    b: Matrix,
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
        let a_shape = if self.transpose_a { (self.k, self.m) } else { (self.m, self.k) };
        let product = Product {
            a: context.matrix(self.a, a_shape),
            transpose_a: self.transpose_a,
            b: context.matrix(self.b, (self.k, self.n)),
            k: self.k,
        };
        let bands = bands(self);
        let mut unit = share.start;
        while unit < share.end {
            let (panel, band) = (unit / bands, unit % bands);
            let last = share.end.min((panel + 1) * bands);
            let columns = panel * PANEL..self.n.min((panel + 1) * PANEL);
            let rows = band * BAND..self.m.min((band + last - unit) * BAND);
            // SAFETY: the caller's contract; the unit of the first band owns its panel's sums.
            unsafe {
                if let (Some(sink), 0) = (&self.column_sum, band) {
                    column_sums::<S>(&product, columns.clone(), sink, context);
                }
                self.rows::<S>(&product, rows, columns, context);
            }
            unit = last;
        }
    }
}

/// Room for the sums of a chunk that are stored nowhere.
#[repr(align(64))]
struct Room([MaybeUninit<f32>; CHUNK * PANEL]);

trait Rows {
    /// Computes some rows of a panel of C, chunk by chunk.
    unsafe fn rows<S: Simd>(
        &self,
        product: &Product,
        rows: Range<usize>,
        columns: Range<usize>,
        context: &Context<'_>,
    );

    /// Applies the epilogue to a chunk of C.
    unsafe fn finish<S: Simd>(&self, c: Matrix, chunk: &Chunk, context: &Context<'_>);
}

impl Rows for Gemm {
    #[inline(always)]
    unsafe fn rows<S: Simd>(
        &self,
        product: &Product,
        mut rows: Range<usize>,
        columns: Range<usize>,
        context: &Context<'_>,
    ) {
        let mut room = Room([const { MaybeUninit::uninit() }; CHUNK * PANEL]);
        while !rows.is_empty() {
            let part = rows.start..product.chunk_end(&rows);
            rows.start = part.end;
            let chunk = match &self.c {
                Sink::Store(c) | Sink::Add(c) => {
                    let c = context.matrix(*c, (self.m, self.n));
                    let (sums, stride) = (c.at(part.start, columns.start), c.stride(columns.start));
                    Chunk { rows: part, columns: columns.clone(), sums, stride, resume: self.c.adds() }
                }
                Sink::Update(_) => {
                    let (sums, stride) = (room.0.as_mut_ptr().cast(), columns.len());
                    Chunk { rows: part, columns: columns.clone(), sums, stride, resume: false }
                }
            };
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
    }

    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, c: Matrix, chunk: &Chunk, context: &Context<'_>) {
        let Chunk { rows, columns, .. } = chunk;
        if let Some(bias) = self.epilogue.bias {
            let bias = context.at::<f32>(bias).wrapping_add(columns.start).cast_const();
            for row in rows.clone() {
                let row = c.at(row, columns.start);
                // SAFETY: a row of a panel of C, and a bias for each of its columns.
                unsafe { formula::<S>(MapOp::Add, (row, 1), (bias, 1), row, columns.len()) };
            }
        }
        for EpilogueStep { formula: step, other } in self.epilogue.steps() {
            let other = other.map(|other| context.at::<f32>(other).cast_const());
            for Line { offset, length } in lines(c, chunk) {
                let line = c.start.wrapping_add(offset);
                let other = other.map_or(line.cast_const(), |other| other.wrapping_add(offset));
                // SAFETY: the line lies within C, and the other operand lies like C.
                unsafe { formula::<S>(*step, (line, 1), (other, 1), line, length) };
            }
        }
    }
}

impl Product {
    /// Where the chunk at the start of `rows` ends: a transposed A has all its rows in one panel.
    fn chunk_end(&self, rows: &Range<usize>) -> usize {
        let most = rows.end.min(rows.start + CHUNK);
        if self.transpose_a { most.min(self.a.end(rows.start)) } else { most }
    }
}

/// Elements of a chunk that lie side by side.
struct Line {
    /// How far from the first element of the matrix they begin.
    offset: usize,
    length: usize,
}

/// A chunk of a matrix in lines: its rows, or all of it where those follow one another without gaps.
fn lines(c: Matrix, chunk: &Chunk) -> impl Iterator<Item = Line> {
    let Chunk { rows, columns, .. } = chunk;
    let together = if c.stride(columns.start) == columns.len() { rows.len().max(1) } else { 1 };
    let (length, column) = (together * columns.len(), columns.start);
    rows.clone().step_by(together).map(move |row| Line { offset: c.offset(row, column), length })
}

/// Moves a chunk of a parameter along its gradients, the sums of the chunk, which lie without gaps.
#[inline(always)]
unsafe fn update<S: Simd>(changes: &Changes, parameter: Matrix, chunk: &Chunk) {
    let mut gradients = chunk.sums.cast_const();
    for Line { offset, length } in lines(parameter, chunk) {
        // SAFETY: the line lies within the parameter, and as many sums have been made.
        unsafe { changes.apply::<S>(gradients, offset..offset + length) };
        gradients = gradients.wrapping_add(length);
    }
}

/// Σₖ B\[k, j\] for the given columns.
#[inline(always)]
unsafe fn column_sums<S: Simd>(product: &Product, columns: Range<usize>, sink: &Sink, context: &Context<'_>) {
    let stride = product.b.stride(columns.start);
    let mut j = columns.start;
    while j < columns.end {
        let n = (columns.end - j).min(S::LANES);
        let b = product.b.at(0, j);
        // SAFETY: reads rows of B, and writes n sums or updates n elements, all within the operands.
        unsafe {
            let mut sum = match sink {
                Sink::Add(sums) => S::load_n(context.at::<f32>(*sums).add(j), n),
                Sink::Store(_) | Sink::Update(_) => S::splat(0.0),
            };
            for k in 0..product.k {
                sum = S::add(sum, S::load_n(b.wrapping_add(k * stride), n));
            }
            match sink {
                Sink::Add(sums) | Sink::Store(sums) => S::store_n(context.at::<f32>(*sums).add(j), sum, n),
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
