//! Elementwise formulas over broadcast operands.

use crate::backend::launch::shared::{Address, Input, Output, shared};
use crate::backend::launch::formula::Formula;
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job, on_16_bytes};
use crate::ir::MAX_RANK;
use crate::ir::kernel;

shared! {
    /// output = formula(x, y)
    struct Map {
        x: Input<f32>,
        y: Input<f32>,
        output: Output<f32>,
        elements: u64,
        dims: [u64; MAX_RANK],
        x_strides: [u64; MAX_RANK],
        y_strides: [u64; MAX_RANK],
        rank: u32,
        formula: Formula,
        scale: f32,
        shift: f32,
        /// Whether operands and output run together and lie on 16 bytes, and four elements are computed at a time.
        vector: u32,
    }
}

impl Lower for kernel::Map {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let merged = Merged::new(self);
        let elements = self.shape.elements();
        let addresses: [Address; 3] =
            [self.inputs[0].value, self.inputs[1].value, self.output].map(|value| lowering.at(value));
        let lie_well = merged.run_together() && addresses.into_iter().all(on_16_bytes);
        let vector = lie_well && self.op.finishes_products();
        let [x, y, output] = addresses;
        let (formula, [scale, shift]) = Formula::of(self.op);
        let work = Map {
            x: x.into(),
            y: y.into(),
            output: output.into(),
            elements: elements as u64,
            dims: merged.dims,
            x_strides: merged.strides[0],
            y_strides: merged.strides[1],
            rank: merged.rank as u32,
            formula,
            scale,
            shift,
            vector: vector.into(),
        };
        step.push(Job::by_element(work, if vector { elements.div_ceil(4) } else { elements }));
    }
}

/// The dimensions of a map. Those that both operands run through without a gap are merged, so arrays of equal shapes have
/// one dimension.
struct Merged {
    dims: [u64; MAX_RANK],
    strides: [[u64; MAX_RANK]; 2],
    rank: usize,
}

impl Merged {
    fn new(map: &kernel::Map) -> Merged {
        let mut merged = Merged { dims: [1; MAX_RANK], strides: [[0; MAX_RANK]; 2], rank: 0 };
        for (axis, &dim) in map.shape.dims().iter().enumerate() {
            if dim != 1 {
                merged.push(dim as u64, [0, 1].map(|i| map.inputs[i].strides[axis] as u64));
            }
        }
        merged.rank = merged.rank.max(1);
        merged
    }

    /// Whether both operands have the layout of the output.
    fn run_together(&self) -> bool {
        self.rank == 1 && self.strides.iter().all(|strides| strides[0] == 1)
    }

    /// Adds the next inner dimension.
    fn push(&mut self, dim: u64, strides: [u64; 2]) {
        let last = self.rank.wrapping_sub(1);
        let continues = self.rank > 0 && (0..2).all(|i| self.strides[i][last] == strides[i] * dim);
        let place = if continues { last } else { self.rank };
        self.dims[place] *= dim;
        (0..2).for_each(|i| self.strides[i][place] = strides[i]);
        self.rank = place + 1;
    }
}
