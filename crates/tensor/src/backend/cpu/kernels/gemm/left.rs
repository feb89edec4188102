//! The first operand as the product reads it: a matrix where it lies, or what has to be made ready first, a part at a time:
//! samples, and factors that are rounded to bfloat16.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::super::super::context::Context;
use super::super::super::floats::Floats;
use super::super::super::matrix::Matrix;
use super::super::super::simd::Simd;
use super::super::samples::{normalised, pick, prefetch};
use super::cut::{CHUNK, READY, ready_rows};
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
    /// Whether its numbers are rounded to bfloat16.
    rounds: bool,
    k: usize,
    ready: Ready,
}

#[derive(Clone, Copy)]
enum Source<'k> {
    Matrix(Matrix),
    Samples(&'k Samples, &'k Context<'k>),
}

/// Numbers that have been made ready, and of which rows and steps of op(A) they are.
struct Ready {
    part: Option<[Range<usize>; 2]>,
    numbers: Numbers,
}

#[repr(align(64))]
struct Numbers([MaybeUninit<f32>; READY]);

impl<'k> Operand<'k> {
    #[inline(always)]
    pub(super) fn new(gemm: &'k Gemm, context: &'k Context<'k>) -> Operand<'k> {
        let shape = if gemm.transpose_a { (gemm.k, gemm.m) } else { (gemm.m, gemm.k) };
        let source = match &gemm.a {
            Left::Value(a) | Left::Gathered(a, _) => Source::Matrix(context.matrix(*a, shape)),
            Left::Samples(samples) => Source::Samples(samples, context),
        };
        Operand::of(source, gemm, context.rounds_factors())
    }

    /// A matrix in the place of the first operand of `gemm`.
    #[inline(always)]
    pub(super) fn matrix(matrix: Matrix, gemm: &Gemm, rounds: bool) -> Operand<'k> {
        Operand::of(Source::Matrix(matrix), gemm, rounds)
    }

    #[inline(always)]
    fn of(source: Source<'k>, gemm: &Gemm, rounds: bool) -> Operand<'k> {
        let numbers = Numbers([const { MaybeUninit::uninit() }; READY]);
        let ready = Ready { part: None, numbers };
        Operand { source, transposed: gemm.transpose_a, rounds, k: gemm.k, ready }
    }

    /// Where rows that begin at `rows.start` and lie alike end: those of a transposed matrix lie in one panel.
    pub(super) fn chunk_end(&self, rows: &Range<usize>) -> usize {
        let most = rows.end.min(rows.start + CHUNK);
        match &self.source {
            Source::Matrix(a) if self.transposed => most.min(a.end(rows.start)),
            // Those of transposed samples are few bytes of each, which is read as rarely as can be.
            Source::Samples(..) if !self.transposed => most.min(rows.start + ready_rows(self.k)),
            _ => most,
        }
    }

    /// The steps from `k` on of at most [`CHUNK`] rows, as many as lie evenly.
    ///
    /// # Safety
    /// As [`super::super::execute`]; `rows` have been cut by [`Operand::chunk_end`].
    #[inline(always)]
    pub(super) unsafe fn strip<S: Simd>(&mut self, rows: &Range<usize>, k: usize) -> Strip {
        match self.source {
            Source::Matrix(a) if self.rounds => {
                let end = if self.transposed { self.k } else { a.end(k) };
                // SAFETY: the caller's contract; the steps lie in one panel.
                unsafe { self.ready::<S>(rows, k..end.min(k + READY / rows.len())) }
            }
            Source::Matrix(a) if self.transposed => {
                let start = a.at(k, rows.start).wide();
                Strip { start, row: 1, step: a.stride(rows.start), depth: self.k - k }
            }
            Source::Matrix(a) => {
                let start = a.at(rows.start, k).wide();
                Strip { start, row: a.stride(k), step: 1, depth: a.end(k) - k }
            }
            // SAFETY: the caller's contract.
            Source::Samples(..) => unsafe { self.ready::<S>(rows, k..self.k.min(k + READY / rows.len())) },
        }
    }

    /// These rows and steps of op(A), made ready unless they are.
    #[inline(always)]
    unsafe fn ready<S: Simd>(&mut self, rows: &Range<usize>, steps: Range<usize>) -> Strip {
        let part = [rows.clone(), steps.clone()];
        if self.ready.part.as_ref() != Some(&part) {
            // SAFETY: the caller's contract; there is room for so many rows and steps.
            unsafe {
                match &self.source {
                    Source::Matrix(a) => self.ready.copy::<S>(a, self.transposed, rows, &steps),
                    Source::Samples(samples, context) => {
                        self.ready.pick::<S>(samples, context, self.transposed, rows, &steps);
                        if self.rounds {
                            self.ready.round::<S>(rows.len() * steps.len());
                        }
                    }
                }
            }
            self.ready.part = Some(part);
        }
        let (start, depth) = (self.ready.start().cast_const(), steps.len());
        match self.transposed {
            true => Strip { start, row: 1, step: rows.len(), depth },
            false => Strip { start, row: depth, step: 1, depth },
        }
    }
}

/// Sets `n` numbers at `to` to those at `from`, rounded to bfloat16.
///
/// # Safety
/// There are as many, and they do not overlap but are the same.
#[inline(always)]
pub(super) unsafe fn factors<S: Simd>(from: Floats, to: *mut f32, n: usize) {
    for i in (0..n).step_by(S::LANES) {
        let lanes = (n - i).min(S::LANES);
        // SAFETY: the caller's contract.
        unsafe {
            let numbers = from.load::<S>(i, lanes);
            let rounded = if from.are_wide() { S::round_bf16(numbers) } else { numbers };
            S::store_up_to(to.add(i), rounded, lanes);
        }
    }
}

impl Ready {
    fn start(&mut self) -> *mut f32 {
        self.numbers.0.as_mut_ptr().cast()
    }

    /// Rounds the first `n` numbers to bfloat16.
    #[inline(always)]
    unsafe fn round<S: Simd>(&mut self, n: usize) {
        // SAFETY: the caller's contract.
        unsafe { factors::<S>(Floats::of(self.start()), self.start(), n) };
    }

    /// Makes these rows and steps of a matrix ready, which lie in one panel of it, rounded to bfloat16.
    #[inline(always)]
    unsafe fn copy<S: Simd>(
        &mut self,
        a: &Matrix,
        transposed: bool,
        rows: &Range<usize>,
        steps: &Range<usize>,
    ) {
        let (lines, columns) = if transposed { (steps, rows) } else { (rows, steps) };
        for (i, line) in lines.clone().enumerate() {
            let to = self.start().wrapping_add(i * columns.len());
            // SAFETY: the caller's contract.
            unsafe { factors::<S>(a.at(line, columns.start), to, columns.len()) };
        }
    }

    /// Makes these rows and steps of samples ready.
    #[inline(always)]
    unsafe fn pick<S: Simd>(
        &mut self,
        samples: &Samples,
        context: &Context<'_>,
        transposed: bool,
        rows: &Range<usize>,
        steps: &Range<usize>,
    ) {
        let output = self.start();
        // SAFETY: the caller's contract; there is room for so many rows and steps.
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
    }
}
