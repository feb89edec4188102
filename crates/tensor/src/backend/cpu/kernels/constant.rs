//! Writes numbers that the plan carries.

use std::ops::Range;

use super::super::context::Context;
use super::super::floats::Floats;
use super::super::simd::Simd;
use super::Compute;
use crate::ir::kernel::{Constant, ConstantData};

impl Compute for Constant {
    fn units(&self) -> usize {
        1
    }

    #[inline(always)]
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, _: Range<usize>) {
        // SAFETY: the output has the size of the data.
        unsafe {
            match &self.data {
                ConstantData::F32(values) => {
                    context.floats(self.output).copy::<S>(Floats::of(values.as_ptr()), values.len())
                }
                ConstantData::U8(bytes) => {
                    context.at::<u8>(self.output).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
                }
                ConstantData::Fill(value, n) => {
                    let output = context.floats(self.output);
                    (0..*n).for_each(|i| output.set(i, *value));
                }
            }
        }
    }
}
