//! Products of two lists of matrices: each is cut as one alone is, and all their units are those of one kernel.

use std::ops::Range;

use super::super::super::context::Context;
use super::super::super::floats::Room;
use super::super::super::matrix::Matrix;
use super::super::super::simd::Simd;
use super::super::Compute;
use super::cut::{bands, columns, tracts};
use super::left::Operand;
use super::right::Right;
use super::{Chunk, Product};
use crate::ir::kernel::{BatchedGemm, Gemm};
use crate::ir::{Program, Value};

impl BatchedGemm {
    /// The products that some units belong to, at least in part.
    fn items(&self, share: &Range<usize>) -> Range<usize> {
        let units = self.first().units().max(1);
        share.start / units..share.end.div_ceil(units)
    }
}

impl Compute for BatchedGemm {
    fn units(&self) -> usize {
        self.batch * self.first().units()
    }

    fn part(&self, _: &Program, share: &Range<usize>, operand: Value) -> Option<Range<usize>> {
        let operands = [self.a, self.b, self.c].into_iter().zip(self.sizes());
        let sizes: Vec<usize> =
            operands.filter(|&(value, _)| value == operand).map(|(_, size)| size).collect();
        let items = self.items(share);
        // One that is both A and B is cut in two ways.
        let [size] = sizes[..] else { return None };
        Some(items.start * size..items.end * size)
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let first = self.first();
        let units = first.units();
        let (m, n, k) = (self.m, self.n, self.k);
        let starts = [self.a, self.b, self.c].map(|value| context.floats(value));
        let rounds = context.rounds_factors();
        for item in self.items(&share) {
            let of_item = item * units;
            let share = share.start.max(of_item) - of_item..share.end.min(of_item + units) - of_item;
            let [size_a, size_b, size_c] = self.sizes();
            let a_shape = if self.transpose_a { (k, m) } else { (m, k) };
            let a = Matrix::by_rows(starts[0].offset(item * size_a), a_shape);
            let b = Matrix::by_rows(starts[1].offset(item * size_b), (k, n));
            let c = Matrix::by_rows(starts[2].offset(item * size_c), (m, n));
            let (a, b) = (Operand::matrix(a, &first, rounds), Right::new(b, rounds));
            let mut product = Product { a, b, k };
            // SAFETY: the caller's contract; the matrices are those of this product.
            unsafe { multiply::<S>(&first, &mut product, c, &share) };
        }
    }
}

/// Computes the units `share` of a product into C.
#[inline(always)]
unsafe fn multiply<S: Simd>(gemm: &Gemm, product: &mut Product<'_>, c: Matrix, share: &Range<usize>) {
    let mut room = Room::new();
    for tract in tracts(share, bands(gemm)) {
        let mut rows = tract.rows(gemm);
        while !rows.is_empty() {
            let chunk = rows.start..product.a.chunk_end(&rows);
            rows.start = chunk.end;
            for panel in tract.panels.clone() {
                let columns = columns(gemm, panel);
                let to = c.at(chunk.start, columns.start);
                let width = if to.are_wide() { c.stride(columns.start) } else { columns.len() };
                let (sums, count) = (to.made_in(&mut room), columns.len());
                let chunk = Chunk { rows: chunk.clone(), columns, sums, stride: width, resume: false };
                // SAFETY: the caller's contract; the rows lie in C, which is row-major.
                unsafe {
                    product.multiply::<S>(&chunk);
                    for row in 0..chunk.rows.len() {
                        to.offset(row * c.columns).keep::<S>(sums.wrapping_add(row * width), count);
                    }
                }
            }
        }
    }
}
