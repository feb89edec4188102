//! Sums rows by index. A unit is some rows of the result: whoever computes it looks at all indices and adds the rows that
//! belong there in their order, so that sums depend on nothing but the numbers.

use std::ops::Range;

use super::super::context::Context;
use super::super::floats::Floats;
use super::super::simd::Simd;
use super::{Compute, rows};
use crate::ir::kernel::ScatterRows;
use crate::ir::{Program, Value};

/// Most units, since each looks at all indices.
const MOST_UNITS: usize = 16;

impl ScatterRows {
    /// Rows of the result in a unit.
    fn together(&self) -> usize {
        self.rows.div_ceil(MOST_UNITS).max(1)
    }

    fn rows_of(&self, share: &Range<usize>) -> Range<usize> {
        share.start * self.together()..self.rows.min(share.end * self.together())
    }
}

impl Compute for ScatterRows {
    fn units(&self) -> usize {
        self.rows.div_ceil(self.together())
    }

    fn part(&self, _: &Program, share: &Range<usize>, operand: Value) -> Option<Range<usize>> {
        if operand == self.output { rows(&self.rows_of(share), self.columns) } else { None }
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let (input, output) = (context.floats(self.input), context.floats(self.output).wide());
        let mine = self.rows_of(&share);
        // SAFETY: these rows of the result are this share's; indices are compared with them before they are used.
        unsafe {
            output.add(mine.start * self.columns).write_bytes(0, mine.len() * self.columns);
            for i in 0..self.indices.count {
                let row = context.row_at(&self.indices, i, self.rows).filter(|row| mine.contains(row));
                if let Some(row) = row {
                    let (to, from) = (output.add(row * self.columns), input.offset(i * self.columns));
                    add::<S>(to, from, self.columns);
                }
            }
        }
    }
}

/// Adds `n` numbers to others.
#[inline(always)]
unsafe fn add<S: Simd>(to: *mut f32, from: Floats, n: usize) {
    for i in (0..n).step_by(S::LANES) {
        let lanes = (n - i).min(S::LANES);
        // SAFETY: the caller's contract.
        unsafe {
            let to = to.add(i);
            S::store_up_to(to, S::add(S::load_up_to(to, lanes), from.load::<S>(i, lanes)), lanes);
        }
    }
}
