//! Planning a deep network takes time in proportion to little more than its depth squared.

use std::time::Instant;

use plangrad_nn::{Activation, Loss, Mlp, MlpConfig, Task};
use plangrad_tensor::{DType, Optimizer, SampleFormat, Schedule, Shape};

fn seconds_to_plan(layers: usize) -> f64 {
    let config = MlpConfig {
        sample_shape: vec![16],
        hidden: vec![8; layers],
        outputs: 4,
        activation: Activation::Relu,
        dropout: 0.1,
    };
    let samples = SampleFormat {
        shape: Shape::new(&[16]).unwrap(),
        dtype: DType::U8,
        scale: [1.0].into(),
        shift: [0.0].into(),
    };
    let task = Task { model: Mlp::new(&config).unwrap(), samples, loss: Loss::CrossEntropy };
    let started = Instant::now();
    task.training_plan(Optimizer::adam(), Schedule::Constant { learning_rate: 1e-3 }, 8).unwrap();
    started.elapsed().as_secs_f64()
}

#[test]
fn two_hundred_layers_are_planned_in_about_a_second() {
    let (shallow, deep) = (seconds_to_plan(25), seconds_to_plan(200));
    eprintln!("25 layers: {shallow:.4} s, 200 layers: {deep:.4} s");
    assert!(deep < 5.0, "{deep} s");
}
