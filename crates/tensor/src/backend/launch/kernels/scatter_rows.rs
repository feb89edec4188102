//! The sums of rows by index.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::lowering::{Job, Lower, Lowering, StepBuilder};
use crate::ir::kernel;

shared! {
    /// output[r] = Σ input[i] over the i whose index is r
    struct ScatterRows {
        input: Input<f32>,
        indices: Input<u8>,
        output: Output<f32>,
        /// Rows of the input.
        count: u64,
        /// Rows of the output.
        rows: u64,
        columns: u64,
        /// Bytes of an index: 1, 2, or 4 for whole numbers in floats.
        bytes_per_index: u32,
    }
}

impl Lower for kernel::ScatterRows {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let work = ScatterRows {
            input: lowering.at(self.input),
            indices: lowering.at(self.indices.value),
            output: lowering.at(self.output),
            count: self.indices.count as u64,
            rows: self.rows as u64,
            columns: self.columns as u64,
            bytes_per_index: self.indices.dtype.size() as u32,
        };
        step.push(Job::by_row(work, self.rows).only_there());
    }
}
