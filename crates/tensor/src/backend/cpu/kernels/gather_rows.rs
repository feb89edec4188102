//! Picks rows of a table.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::{BLOCK, Compute, rows};
use crate::ir::kernel::GatherRows;
use crate::ir::{Program, Value};

impl GatherRows {
    /// Rows of the output in a unit.
    fn together(&self) -> usize {
        (BLOCK / self.columns.max(1)).max(1)
    }

    fn rows_of(&self, share: &Range<usize>) -> Range<usize> {
        share.start * self.together()..self.indices.count.min(share.end * self.together())
    }
}

impl Compute for GatherRows {
    fn units(&self) -> usize {
        self.indices.count.div_ceil(self.together())
    }

    fn part(&self, _: &Program, share: &Range<usize>, operand: Value) -> Option<Range<usize>> {
        if operand == self.output { rows(&self.rows_of(share), self.columns) } else { None }
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let (table, output) = (context.floats(self.table), context.floats(self.output));
        for i in self.rows_of(&share) {
            // SAFETY: the row lies within the output, and the one picked is compared with the table's before it is read.
            unsafe {
                let to = output.offset(i * self.columns);
                match context.row_at(&self.indices, i, self.rows) {
                    Some(row) => to.copy::<S>(table.offset(row * self.columns), self.columns),
                    None => (0..self.columns).for_each(|column| to.set(column, f32::NAN)),
                }
            }
        }
    }
}
