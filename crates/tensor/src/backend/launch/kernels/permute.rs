//! Dimensions in another order. A transposed matrix has a kernel of its own that reads and writes whole lines.

use crate::ir::MAX_RANK;
use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::kernel;

shared! {
    /// output\[i₀, i₁, …\] = input\[Σ iₖ · stridesₖ\]
    struct Permute {
        input: Input<f32>,
        output: Output<f32>,
        elements: u64,
        dims: [u64; MAX_RANK],
        strides: [u64; MAX_RANK],
        rank: u32,
    }

    /// Edge of the square that a block transposes at a time.
    const TRANSPOSED: u32 = 32;

    /// From a row of it to the next in shared memory: one float more, so that a column lies in different banks.
    const TRANSPOSED_STRIDE: u32 = TRANSPOSED + 1;

    /// From `[rows, columns]` to `[columns, rows]`.
    struct Transpose {
        input: Input<f32>,
        output: Output<f32>,
        rows: u64,
        columns: u64,
    }
}

impl Lower for kernel::Permute {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let job = match self.transposes() {
            Some((rows, _)) => self.transpose(rows, lowering),
            None => self.permute(lowering),
        };
        step.push(job);
    }
}

impl kernel::Permute {
    fn transpose(&self, rows: usize, lowering: &Lowering<'_>) -> Job {
        let (rows, columns) = (rows as u64, self.shape.dims()[0] as u64);
        let work =
            Transpose { input: lowering.at(self.input), output: lowering.at(self.output), rows, columns };
        let blocks = rows.div_ceil(TRANSPOSED.into()) * columns.div_ceil(TRANSPOSED.into());
        Job::new(work, blocks).with_shared_memory(4 * TRANSPOSED * TRANSPOSED_STRIDE)
    }

    fn permute(&self, lowering: &Lowering<'_>) -> Job {
        let mut dims = [1; MAX_RANK];
        dims.iter_mut().zip(self.shape.dims()).for_each(|(to, &from)| *to = from as u64);
        let elements = self.shape.elements();
        let work = Permute {
            input: lowering.at(self.input),
            output: lowering.at(self.output),
            elements: elements as u64,
            dims,
            strides: self.strides.map(|stride| stride as u64),
            rank: self.shape.rank() as u32,
        };
        Job::by_element(work, elements)
    }
}
