//! A number for each label.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::{BLOCK, Compute};
use crate::ir::kernel::Pick;

impl Compute for Pick {
    fn units(&self) -> usize {
        self.rows.div_ceil(BLOCK)
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>) {
        let (values, output) = (context.floats(self.values), context.floats(self.output));
        for row in share.start * BLOCK..self.rows.min(share.end * BLOCK) {
            // SAFETY: rows lie within the operands; the label is compared with the classes before it is used.
            unsafe {
                let label = context.label(self.labels, row, self.classes);
                output.set(row, if label < self.classes { values.get(label) } else { f32::NAN });
            }
        }
    }
}
