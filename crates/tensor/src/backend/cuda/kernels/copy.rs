//! One value copied to another.

use crate::backend::cuda::cpp::{Input, Output, shared};
use crate::backend::cuda::lowering::{Lowering, StepBuilder, Task};
use crate::plan::Value;

shared! {
    /// output = input
    struct Copy {
        input: Input<u8>,
        output: Output<u8>,
        bytes: u64,
    }
}

pub(in crate::backend::cuda) fn lower(
    [input, output]: [Value; 2],
    bytes: usize,
    lowering: &Lowering<'_>,
    step: &mut StepBuilder,
) {
    let work = Copy { input: lowering.at(input), output: lowering.at(output), bytes: bytes as u64 };
    step.push(Task::by_element(work, bytes.div_ceil(4)));
}
