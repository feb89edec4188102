//! The product itself, without its epilogue: tiles of a few rows and vectors are kept in registers while k is walked. Per
//! step of k a tile loads its vectors of B once and multiplies them by one number of A per row.

use std::ops::Range;

use super::super::super::simd::Simd;
use super::cut::DEPTH;
use super::left::Strip;
use super::{Chunk, Product};

/// A few columns of C over some steps of k.
#[derive(Clone, Copy)]
struct Block {
    /// The element of A for the first row and step, and the way to the next row and to the next step.
    a: *const f32,
    a_row: usize,
    a_k: usize,
    b: *const f32,
    b_row: usize,
    c: *mut f32,
    c_row: usize,
    depth: usize,
    width: usize,
    /// Whether sums continue those in C.
    resume: bool,
}

impl Product<'_> {
    /// The sums of a chunk, whose columns are of one panel.
    #[inline(always)]
    pub(super) unsafe fn multiply<S: Simd>(&mut self, chunk: &Chunk) {
        let mut k = 0;
        loop {
            // SAFETY: the caller's contract.
            let a = unsafe { self.a.strip::<S>(&chunk.rows, k) };
            let mut column = chunk.columns.start;
            while column < chunk.columns.end {
                let width = (chunk.columns.end - column).min(S::TILE_VECTORS * S::LANES);
                // SAFETY: the caller's contract.
                unsafe { self.strip::<S>(chunk, a, k, column..column + width) };
                column += width;
            }
            k += a.depth;
            if k >= self.k {
                break;
            }
        }
    }

    /// Adds the steps of `a`, which are those from `k` on, to a few columns of a chunk, block by block.
    #[inline(always)]
    unsafe fn strip<S: Simd>(&mut self, chunk: &Chunk, a: Strip, first: usize, columns: Range<usize>) {
        let end = first + a.depth;
        let mut k = first;
        loop {
            let depth = (end - k).min(DEPTH);
            // SAFETY: the caller's contract.
            let (b, b_row) = unsafe { self.b.block::<S>(k..k + depth, &columns) };
            let block = Block {
                a: a.start.wrapping_add((k - first) * a.step),
                a_row: a.row,
                a_k: a.step,
                b,
                b_row,
                c: chunk.sums.wrapping_add(columns.start - chunk.columns.start),
                c_row: chunk.stride,
                depth,
                width: columns.len(),
                resume: k > 0 || chunk.resume,
            };
            // SAFETY: the caller's contract. Narrow strips take higher tiles, to have as many chains in flight.
            unsafe {
                match columns.len().div_ceil(S::LANES) {
                    1 => tiles::<S, 12, 1>(block, chunk.rows.len()),
                    2 => tiles::<S, 6, 2>(block, chunk.rows.len()),
                    3 => tiles::<S, 6, 3>(block, chunk.rows.len()),
                    _ => tiles::<S, 6, 4>(block, chunk.rows.len()),
                }
            }
            k += block.depth;
            if k >= end {
                break;
            }
        }
    }
}

/// Walks the rows in tiles of `R`.
#[inline(always)]
unsafe fn tiles<S: Simd, const R: usize, const V: usize>(block: Block, rows: usize) {
    let mut row = 0;
    // SAFETY: the caller's contract.
    unsafe {
        while row + R <= rows {
            tile::<S, R, V>(block.from(row));
            row += R;
        }
        if R > 6 && row + 6 <= rows {
            tile::<S, 6, V>(block.from(row));
            row += 6;
        }
        match rows - row {
            1 => tile::<S, 1, V>(block.from(row)),
            2 => tile::<S, 2, V>(block.from(row)),
            3 => tile::<S, 3, V>(block.from(row)),
            4 => tile::<S, 4, V>(block.from(row)),
            5 => tile::<S, 5, V>(block.from(row)),
            _ => {}
        }
    }
}

impl Block {
    /// The same from a later row on.
    #[inline(always)]
    fn from(self, row: usize) -> Block {
        let (a, c) = (self.a.wrapping_add(row * self.a_row), self.c.wrapping_add(row * self.c_row));
        Block { a, c, ..self }
    }
}

/// `R` rows and `V` vectors of C over all steps of a block, in registers.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // plain counted loops are unrolled early enough for the sums to stay in registers
unsafe fn tile<S: Simd, const R: usize, const V: usize>(block: Block) {
    let tail = block.width - (V - 1) * S::LANES;
    // SAFETY: the caller's contract: rows and columns lie within C, steps within A and B.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; R];
        if block.resume {
            for r in 0..R {
                sums[r] = load::<S, V>(block.c.add(r * block.c_row), tail);
            }
        }
        // Wrapping, for after the last step (and where there is none) they point behind the operand.
        let (mut a, mut b) = (block.a, block.b);
        if tail == S::LANES {
            for _ in 0..block.depth {
                let vectors: [S::V; V] = std::array::from_fn(|v| S::load(b.add(v * S::LANES)));
                multiply::<S, R, V>(&mut sums, a, block.a_row, vectors);
                a = a.wrapping_add(block.a_k);
                b = b.wrapping_add(block.b_row);
            }
        } else {
            for _ in 0..block.depth {
                multiply::<S, R, V>(&mut sums, a, block.a_row, load::<S, V>(b, tail));
                a = a.wrapping_add(block.a_k);
                b = b.wrapping_add(block.b_row);
            }
        }
        // Through a copy: the loop below is not unrolled, and an array that is indexed by a variable lives in memory.
        let complete = sums;
        for (r, sums) in complete.iter().enumerate() {
            store::<S, V>(block.c.add(r * block.c_row), *sums, tail);
        }
    }
}

#[inline(always)]
unsafe fn load<S: Simd, const V: usize>(p: *const f32, tail: usize) -> [S::V; V] {
    // SAFETY: the last vector reads `tail` elements only.
    std::array::from_fn(|v| unsafe {
        if v + 1 < V { S::load(p.add(v * S::LANES)) } else { S::load_n(p.add(v * S::LANES), tail) }
    })
}

#[inline(always)]
unsafe fn store<S: Simd, const V: usize>(p: *mut f32, vectors: [S::V; V], tail: usize) {
    for (v, vector) in vectors.into_iter().enumerate() {
        let n = if v + 1 < V { S::LANES } else { tail };
        // SAFETY: the last vector writes `tail` elements only.
        unsafe { S::store_up_to(p.add(v * S::LANES), vector, n) }
    }
}

#[inline(always)]
#[allow(clippy::needless_range_loop)] // as in `tile`
unsafe fn multiply<S: Simd, const R: usize, const V: usize>(
    sums: &mut [[S::V; V]; R],
    a: *const f32,
    a_row: usize,
    b: [S::V; V],
) {
    for r in 0..R {
        // SAFETY: A has an element for each row of the tile.
        unsafe {
            let x = S::splat(*a.add(r * a_row));
            for v in 0..V {
                sums[r][v] = S::fma(x, b[v], sums[r][v]);
            }
        }
    }
}
