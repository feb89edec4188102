//! The plan of a deep network grows with its depth, evenly.

use std::sync::Arc;

use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
use plangrad_tensor::{DType, Optimizer, SampleFormat, Schedule, Shape};

/// Kernels and bytes of a training step.
fn size_of_plan(layers: usize) -> (usize, u64) {
    let model = Mlp::new(&MlpConfig::new(&[16], 4).hidden(&vec![8; layers]).dropout(0.1)).unwrap();
    let samples = SampleFormat::new(Shape::new(&[16]).unwrap(), DType::U8);
    let task = Task::new(Arc::new(model), samples, Loss::CrossEntropy).unwrap();
    let schedule = Schedule::Constant { learning_rate: 1e-3 };
    let plan = task.training_plan(Optimizer::adam(), schedule, 8).unwrap();
    (plan.describe().iter().map(Vec::len).sum(), plan.report().total())
}

#[test]
fn each_further_layer_adds_the_same_kernels_and_bytes() {
    let [few, more, most] = [40, 120, 200].map(size_of_plan);
    assert_eq!(more.0 - few.0, most.0 - more.0, "kernels");
    assert_eq!(more.1 - few.1, most.1 - more.1, "bytes");
}
