//! The first operand as the product reads it: a matrix where it lies, or samples, of which a part is made ready at a time.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::super::super::context::Context;
use super::super::super::matrix::Matrix;
use super::super::super::simd::Simd;
use super::super::samples::{normalised, pick, prefetch};
use super::cut::{CHUNK, READY};
use crate::ir::kernel::{Gemm, Left, Samples};

/// Some steps of k of some rows of op(A), evenly spaced in memory.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    /// The element for the first row and step.
    pub(super) start: *const f32,
    /// The ways to the next row and to the next step.
    pub(super) row: usize,
    pub(super) step: usize,
    /// How many steps.
    pub(super) depth: usize,
}

/// The first operand of a product.
pub(super) struct Operand<'k> {
    source: Source<'k>,
    /// Whether it is stored as `[k, m]`.
    transposed: bool,
    k: usize,
    ready: Ready,
}

enum Source<'k> {
    Matrix(Matrix),
    Samples(&'k Samples, &'k Context<'k>),
}

/// Samples that have been made ready, and of which rows and steps of op(A) they are.
struct Ready {
    part: Option<[Range<usize>; 2]>,
    numbers: Numbers,
}

#[repr(align(64))]
struct Numbers([MaybeUninit<f32>; CHUNK * READY]);

impl<'k> Operand<'k> {
    #[inline(always)]
    pub(super) fn new(gemm: &'k Gemm, context: &'k Context<'k>) -> Operand<'k> {
        let shape = if gemm.transpose_a { (gemm.k, gemm.m) } else { (gemm.m, gemm.k) };
        let source = match &gemm.a {
            Left::Value(a) | Left::Gathered(a, _) => Source::Matrix(context.matrix(*a, shape)),
            Left::Samples(samples) => Source::Samples(samples, context),
        };
        Operand::of(source, gemm)
    }

    /// A matrix in the place of the first operand of `gemm`.
    #[inline(always)]
    pub(super) fn matrix(matrix: Matrix, gemm: &Gemm) -> Operand<'k> {
        Operand::of(Source::Matrix(matrix), gemm)
    }

    #[inline(always)]
    fn of(source: Source<'k>, gemm: &Gemm) -> Operand<'k> {
        let numbers = Numbers([const { MaybeUninit::uninit() }; CHUNK * READY]);
        Operand { source, transposed: gemm.transpose_a, k: gemm.k, ready: Ready { part: None, numbers } }
    }

    /// Where rows that begin at `rows.start` and lie alike end: those of a transposed matrix lie in one panel.
    pub(super) fn chunk_end(&self, rows: &Range<usize>) -> usize {
        let most = rows.end.min(rows.start + CHUNK);
        match &self.source {
            Source::Matrix(a) if self.transposed => most.min(a.end(rows.start)),
            _ => most,
        }
    }

    /// The steps from `k` on of at most [`CHUNK`] rows, as many as lie evenly.
    ///
    /// # Safety
    /// As [`super::super::execute`]; `rows` have been cut by [`Operand::chunk_end`].
    #[inline(always)]
    pub(super) unsafe fn strip<S: Simd>(&mut self, rows: &Range<usize>, k: usize) -> Strip {
        match &self.source {
            Source::Matrix(a) if self.transposed => {
                Strip { start: a.at(k, rows.start), row: 1, step: a.stride(rows.start), depth: self.k - k }
            }
            Source::Matrix(a) => {
                Strip { start: a.at(rows.start, k), row: a.stride(k), step: 1, depth: a.end(k) - k }
            }
            Source::Samples(samples, context) => {
                let steps = k..self.k.min(k + READY);
                // SAFETY: the caller's contract.
                unsafe { self.ready.fill::<S>(samples, context, self.transposed, rows, &steps) };
                let (across, depth) = (if self.transposed { rows.len() } else { steps.len() }, steps.len());
                let (row, step) = if self.transposed { (1, across) } else { (across, 1) };
                Strip { start: self.ready.numbers.0.as_ptr().cast(), row, step, depth }
            }
        }
    }
}

impl Ready {
    /// Makes these rows and steps of op(A) ready, unless they are.
    #[inline(always)]
    unsafe fn fill<S: Simd>(
        &mut self,
        samples: &Samples,
        context: &Context<'_>,
        transposed: bool,
        rows: &Range<usize>,
        steps: &Range<usize>,
    ) {
        if self.part.as_ref().is_some_and(|[r, s]| r == rows && s == steps) {
            return;
        }
        let output: *mut f32 = self.numbers.0.as_mut_ptr().cast();
        // SAFETY: the caller's contract; there is room for CHUNK rows of READY steps.
        unsafe {
            if transposed {
                steps.clone().for_each(|row| prefetch(samples, context, row, rows.clone()));
                let line = normalised(samples);
                pick::<S>(samples, context, steps.clone(), rows.clone(), line, (output, rows.len()));
            } else {
                for (i, row) in rows.clone().enumerate() {
                    let output = output.add(i * steps.len());
                    let line = normalised(samples);
                    pick::<S>(samples, context, row..row + 1, steps.clone(), line, (output, steps.len()));
                }
            }
        }
        self.part = Some([rows.clone(), steps.clone()]);
    }
}
