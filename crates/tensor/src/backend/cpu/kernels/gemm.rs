//! Matrix product: C\[m, n\] = epilogue(op(A) · B), f32.
//!
//! C is cut into panels of [`PANEL`] columns, and each panel into bands of [`BAND`] rows, the units. Within a thread's
//! bands of a panel the k dimension is walked in blocks whose part of B stays in the first-level cache, and tiles of a
//! few rows and vectors are kept in registers: per step of k a tile loads its vectors of B once and multiplies them by
//! one number of A per row. A is read where it lies, by rows or columns, so a transposed first operand costs nothing;
//! a transposed second operand has been transposed by the planner.
//!
//! Every element of C is one chain of multiply-adds in the order of k, whatever the cutting.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::Compute;
use super::map::formula;
use crate::ir::kernel::{Epilogue, EpilogueStep, Gemm, MapOp};

/// Rows of C in a unit: a multiple of every tile height below.
const BAND: usize = 12;
/// Steps of k between two visits to memory.
const BLOCK_K: usize = 128;

/// Columns of C in a panel, the same for all instruction sets so that plans need not know.
const PANEL: usize = 64;

/// Pointers and strides of one product.
#[derive(Clone, Copy)]
struct Operands {
    a: *const f32,
    /// Elements of A from one row of C to the next, and from one step of k to the next.
    a_row: usize,
    a_k: usize,
    b: *const f32,
    c: *mut f32,
    n: usize,
    k: usize,
    /// Whether C's first numbers are those it holds.
    accumulate: bool,
}

/// What is done to a tile in registers once it is complete.
#[derive(Clone, Copy)]
struct Finish {
    /// Numbers added to each row.
    bias: Option<*const f32>,
    then: Then,
}

/// The formula that follows the bias.
#[derive(Clone, Copy)]
enum Then {
    Store,
    Relu,
    /// Numbers are kept where this activation, which lies as C does, is positive.
    Mask(*const f32),
}

impl Finish {
    /// What of an epilogue is done in registers, and the formulas that are applied to C afterwards, while it is in cache.
    fn of(
        epilogue: &Epilogue,
        context: &Context<'_>,
    ) -> (Finish, [Option<EpilogueStep>; Epilogue::MOST_STEPS]) {
        let bias = epilogue.bias.map(|bias| context.at::<f32>(bias).cast_const());
        let mut rest = epilogue.steps;
        let then = match epilogue.steps[0] {
            Some(EpilogueStep { formula: MapOp::Relu, .. }) => Then::Relu,
            Some(EpilogueStep { formula: MapOp::ReluGrad, other: Some(y) }) => Then::Mask(context.at(y)),
            _ => return (Finish { bias, then: Then::Store }, rest),
        };
        rest[0] = None;
        (Finish { bias, then }, rest)
    }
}

/// Bands of a product; one for its column sums where it has no rows.
fn bands(gemm: &Gemm) -> usize {
    gemm.m.div_ceil(BAND).max(usize::from(gemm.column_sum.is_some()))
}

impl Compute for Gemm {
    fn units(&self) -> usize {
        bands(self) * self.n.div_ceil(PANEL)
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let (a_row, a_k) = if self.transpose_a { (1, self.m) } else { (self.k, 1) };
        let operands = Operands {
            a: context.at(self.a),
            a_row,
            a_k,
            b: context.at(self.b),
            c: context.at(self.c),
            n: self.n,
            k: self.k,
            accumulate: self.accumulate,
        };
        let (finish, rest) = Finish::of(&self.epilogue, context);
        let bands = bands(self);
        let mut unit = share.start;
        while unit < share.end {
            let (panel, band) = (unit / bands, unit % bands);
            let last = share.end.min((panel + 1) * bands);
            let columns = panel * PANEL..self.n.min((panel + 1) * PANEL);
            if let (Some(sums), 0) = (self.column_sum, band) {
                // SAFETY: the caller's contract; the unit of the first band owns its panel's sums.
                unsafe {
                    column_sums::<S>(&operands, columns.clone(), context.at(sums), self.accumulate_sums)
                };
            }
            let rows = band * BAND..self.m.min((band + last - unit) * BAND);
            let mut column = columns.start;
            while column < columns.end {
                let width = (columns.end - column).min(S::TILE_VECTORS * S::LANES);
                // SAFETY: the caller's contract.
                unsafe { strip::<S>(&operands, rows.clone(), column, width, finish) };
                column += width;
            }
            for step in rest.iter().flatten() {
                // SAFETY: the caller's contract; the operand of a formula has the shape of C.
                unsafe { apply::<S>(step, &operands, context, rows.clone(), columns.clone()) };
            }
            unit = last;
        }
    }
}

/// Applies a formula of an epilogue to a part of C.
#[inline(always)]
unsafe fn apply<S: Simd>(
    step: &EpilogueStep,
    o: &Operands,
    context: &Context<'_>,
    rows: Range<usize>,
    columns: Range<usize>,
) {
    for row in rows {
        let start = row * o.n + columns.start;
        // SAFETY: rows and columns lie within C, and the other operand has its shape.
        unsafe {
            let c = o.c.add(start);
            let y = step.other.map_or(c.cast_const(), |other| context.at::<f32>(other).add(start));
            formula::<S>(step.formula, (c, 1), (y, 1), c, columns.len());
        }
    }
}

/// Σₖ B\[k, j\] for the given columns.
#[inline(always)]
unsafe fn column_sums<S: Simd>(o: &Operands, columns: Range<usize>, sums: *mut f32, accumulate: bool) {
    let mut j = columns.start;
    while j < columns.end {
        let n = (columns.end - j).min(S::LANES);
        // SAFETY: reads rows of B and writes n sums, all within the operands.
        unsafe {
            let mut sum = if accumulate { S::load_n(sums.add(j), n) } else { S::splat(0.0) };
            for k in 0..o.k {
                sum = S::add(sum, S::load_n(o.b.add(k * o.n + j), n));
            }
            S::store_n(sums.add(j), sum, n);
        }
        j += n;
    }
}

/// Rows of C in a strip of at most [`Simd::TILE_VECTORS`] vectors' width.
#[inline(always)]
unsafe fn strip<S: Simd>(o: &Operands, rows: Range<usize>, column: usize, width: usize, finish: Finish) {
    // SAFETY: the caller's contract. Narrow strips take higher tiles, to have as many chains in flight.
    unsafe {
        match width.div_ceil(S::LANES) {
            1 => blocks::<S, 12, 1>(o, rows, column, width, finish),
            2 => blocks::<S, 6, 2>(o, rows, column, width, finish),
            3 => blocks::<S, 6, 3>(o, rows, column, width, finish),
            _ => blocks::<S, 6, 4>(o, rows, column, width, finish),
        }
    }
}

/// Walks k in blocks and the rows in tiles of `R`.
#[inline(always)]
unsafe fn blocks<S: Simd, const R: usize, const V: usize>(
    o: &Operands,
    rows: Range<usize>,
    column: usize,
    width: usize,
    finish: Finish,
) {
    let mut k = 0;
    loop {
        let depth = (o.k - k).min(BLOCK_K);
        let finish = (k + depth == o.k).then_some(finish);
        let mut row = rows.start;
        // SAFETY: the caller's contract.
        unsafe {
            while row + R <= rows.end {
                tile::<S, R, V>(o, row, column, width, k, depth, finish);
                row += R;
            }
            if R > 6 && row + 6 <= rows.end {
                tile::<S, 6, V>(o, row, column, width, k, depth, finish);
                row += 6;
            }
            match rows.end - row {
                1 => tile::<S, 1, V>(o, row, column, width, k, depth, finish),
                2 => tile::<S, 2, V>(o, row, column, width, k, depth, finish),
                3 => tile::<S, 3, V>(o, row, column, width, k, depth, finish),
                4 => tile::<S, 4, V>(o, row, column, width, k, depth, finish),
                5 => tile::<S, 5, V>(o, row, column, width, k, depth, finish),
                _ => {}
            }
        }
        k += depth;
        if k >= o.k {
            break;
        }
    }
}

/// `R` rows and `V` vectors of C over `depth` steps of k, in registers.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // plain counted loops are unrolled early enough for the sums to stay in registers
unsafe fn tile<S: Simd, const R: usize, const V: usize>(
    o: &Operands,
    row: usize,
    column: usize,
    width: usize,
    k: usize,
    depth: usize,
    finish: Option<Finish>,
) {
    let tail = width - (V - 1) * S::LANES;
    // SAFETY: the caller's contract: rows and columns lie within C, k steps within A and B.
    unsafe {
        let c = o.c.add(row * o.n + column);
        let mut sums = [[S::splat(0.0); V]; R];
        if k > 0 || o.accumulate {
            for r in 0..R {
                sums[r] = load::<S, V>(c.add(r * o.n), tail);
            }
        }
        // Wrapping, for after the last step (and where k is 0) they point behind the operand.
        let mut a = o.a.wrapping_add(row * o.a_row + k * o.a_k);
        let mut b = o.b.wrapping_add(k * o.n + column);
        if tail == S::LANES {
            for _ in 0..depth {
                let vectors: [S::V; V] = std::array::from_fn(|v| S::load(b.add(v * S::LANES)));
                multiply::<S, R, V>(&mut sums, a, o.a_row, vectors);
                a = a.wrapping_add(o.a_k);
                b = b.wrapping_add(o.n);
            }
        } else {
            for _ in 0..depth {
                multiply::<S, R, V>(&mut sums, a, o.a_row, load::<S, V>(b, tail));
                a = a.wrapping_add(o.a_k);
                b = b.wrapping_add(o.n);
            }
        }
        // Through a copy: the loop below is not unrolled, and an array that is indexed by a variable lives in memory.
        let complete = sums;
        for (r, sums) in complete.iter().enumerate() {
            finish_row::<S, V>(o, sums, (row + r) * o.n, column, tail, finish);
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

/// Applies the epilogue to one row of a tile and stores it.
#[inline(always)]
unsafe fn finish_row<S: Simd, const V: usize>(
    o: &Operands,
    sums: &[S::V; V],
    row: usize,
    column: usize,
    tail: usize,
    finish: Option<Finish>,
) {
    // SAFETY: all pointers are to rows of n elements, of which this tile's columns are touched.
    unsafe {
        let zero = S::splat(0.0);
        let mut values = *sums;
        if let Some(Finish { bias, then }) = finish {
            if let Some(bias) = bias {
                let bias = load::<S, V>(bias.add(column), tail);
                values = std::array::from_fn(|v| S::add(values[v], bias[v]));
            }
            match then {
                Then::Store => {}
                Then::Relu => values = values.map(|x| S::max(zero, x)),
                Then::Mask(y) => {
                    let y = load::<S, V>(y.add(row + column), tail);
                    values = std::array::from_fn(|v| S::select_less(zero, y[v], values[v], zero));
                }
            }
        }
        let c = o.c.add(row + column);
        for (v, value) in values.into_iter().enumerate() {
            let n = if v + 1 < V { S::LANES } else { tail };
            if n == S::LANES {
                S::store(c.add(v * S::LANES), value)
            } else {
                S::store_n(c.add(v * S::LANES), value, n)
            }
        }
    }
}
