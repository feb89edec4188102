//! Rows of a table, picked by index.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::lowering::{Job, Lower, Lowering, StepBuilder};
use crate::ir::kernel;

shared! {
    /// output[i] = table[indices[i]]
    struct GatherRows {
        table: Input<f32>,
        indices: Input<u8>,
        output: Output<f32>,
        /// Elements of the output.
        elements: u64,
        /// Rows of the table.
        rows: u64,
        columns: u64,
        /// Bytes of an index: 1, 2, or 4 for whole numbers in floats.
        bytes_per_index: u32,
    }
}

impl Lower for kernel::GatherRows {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let elements = self.indices.count * self.columns;
        let work = GatherRows {
            table: lowering.at(self.table),
            indices: lowering.at(self.indices.value),
            output: lowering.at(self.output),
            elements: elements as u64,
            rows: self.rows as u64,
            columns: self.columns as u64,
            bytes_per_index: self.indices.dtype.size() as u32,
        };
        step.push(Job::by_element(work, elements).only_there());
    }
}
