//! Numbers that the plan carries: one number many times is filled in by a kernel, others are copied from the host.

use crate::backend::cuda::cpp::{Output, shared};
use crate::backend::cuda::lowering::{Lowering, StepBuilder, Task};
use crate::plan::{Data, Value};

shared! {
    /// Writes one number everywhere.
    struct Fill {
        output: Output<f32>,
        elements: u64,
        value: f32,
    }
}

pub(in crate::backend::cuda) fn lower(
    output: Value,
    data: &Data,
    lowering: &Lowering<'_>,
    step: &mut StepBuilder,
) {
    match *data {
        Data::Fill(value, elements) => {
            let work = Fill { output: lowering.at(output), elements: elements as u64, value };
            step.push(Task::by_element(work, elements));
        }
        _ if data.is_empty() => {}
        _ => step.copy(lowering.at(output), data.clone()),
    }
}
