//! One value added to another in place.

use crate::backend::cuda::cpp::{Input, Output, shared};
use crate::backend::cuda::lowering::{Lowering, StepBuilder, Task};
use crate::plan::Value;

shared! {
    /// output += input
    struct Accumulate {
        input: Input<f32>,
        output: Output<f32>,
        elements: u64,
    }
}

pub(in crate::backend::cuda) fn lower(
    [input, output]: [Value; 2],
    elements: usize,
    lowering: &Lowering<'_>,
    step: &mut StepBuilder,
) {
    let (input, output) = (lowering.at(input), lowering.at(output));
    step.push(Task::by_element(Accumulate { input, output, elements: elements as u64 }, elements));
}
