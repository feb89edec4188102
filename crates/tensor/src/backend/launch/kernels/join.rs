//! Columns of matrices side by side: a job for each part, which writes its columns of the output.

use crate::backend::launch::shared::{Address, Input, Output, shared};
use crate::backend::launch::lowering::{Job, Lower, Lowering, StepBuilder};
use crate::ir::kernel::{self, Columns};

shared! {
    /// output[i, j] = input[i, j] for `width` columns of both.
    struct JoinPart {
        /// Or null: the number in each element.
        input: Input<f32>,
        output: Output<f32>,
        elements: u64,
        width: u64,
        /// From a row to the next.
        input_columns: u64,
        output_columns: u64,
        number: f32,
    }
}

impl Lower for kernel::Join {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let mut output: Address = lowering.at(self.output);
        for part in &self.parts {
            let (input, input_columns, number) = match part.columns {
                Columns::Of { value, first, columns } => {
                    (lowering.at::<Address>(value) + 4 * first as u64, columns as u64, 0.0)
                }
                Columns::Number(number) => (0, 0, number),
            };
            let elements = self.rows * part.width;
            let work = JoinPart {
                input: input.into(),
                output: output.into(),
                elements: elements as u64,
                width: part.width as u64,
                input_columns,
                output_columns: self.columns() as u64,
                number,
            };
            step.push(Job::by_element(work, elements).only_there());
            output += 4 * part.width as u64;
        }
    }
}
