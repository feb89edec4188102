//! Batch and layer normalisation, a residual block and parallel branches: gradients, ten losses, parameters and running statistics
//! after ten steps, and the logits that these give in evaluation, as PyTorch has them. Names are those of its state dict, of which
//! the file has all entries: the counts of batches in it, which are integers, are not in the way.

use std::sync::Arc;

use plangrad_nn::checkpoint::Loaded;
use plangrad_nn::{Loss, Module, Network, NetworkConfig, Task, serde_json};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{
    DType, Optimizer, Parameter, SampleFormat, Samples, Schedule, Session, Shape, Source, Targets,
};

use crate::{
    ADAM, BATCH, SGD, STEPS, assert_close, assert_close_after_steps, golden, pixels, values, weights,
};

const INPUTS: usize = 64;

/// golden.py's `layered`.
fn network() -> Network {
    let layers = serde_json::from_str(
        r#"[
            {"linear": 32}, "tanh", "batch_norm",
            {"residual": [{"linear": 24}, "layer_norm", "gelu", {"linear": 32}]},
            {"parallel": [[{"linear": 16}, "relu"], [{"linear": 16}, "sigmoid", "batch_norm"]]},
            {"linear": "outputs"}
        ]"#,
    );
    Network::new(&NetworkConfig::new(&[INPUTS], 10, layers.unwrap())).unwrap()
}

/// The first values of the trained parameter with this number.
fn first_values(number: usize, parameter: &Parameter) -> Vec<f32> {
    let shape = parameter.file_shape();
    let inputs = if shape.len() == 2 { shape[1] } else { 4 };
    let mut values = weights(number, shape.iter().product(), inputs);
    if shape.len() == 1 && parameter.name().ends_with("weight") {
        values.iter_mut().for_each(|value| *value += 1.0); // of a normalisation
    }
    values
}

fn check(golden: &Loaded, name: &str, optimizer: Optimizer, learning_rate: f64) {
    let network = Arc::new(network());
    let samples =
        SampleFormat::new(Shape::new(&[INPUTS]).unwrap(), DType::U8).normalized([1.0 / 255.0], [0.0]);
    let task = Task::new(network.clone(), samples, Loss::CrossEntropy).unwrap();
    let labels = (0..BATCH * STEPS).map(|i| (i % 10) as u8).collect();
    let source =
        Source::new(Samples::U8(pixels(BATCH * STEPS, INPUTS)), Targets::Classes(labels), INPUTS).unwrap();
    let train = task.training_plan(optimizer, Schedule::Constant { learning_rate }, BATCH).unwrap();
    let predict = task.prediction_plan(train.state(), BATCH).unwrap();
    let cpu = Cpu::open(CpuOptions::default().threads(2)).unwrap();
    let mut session = Session::new(&cpu, vec![train, predict.plan]).unwrap();
    task.initialise(&mut session, 0).unwrap();
    for (number, parameter) in network.weights().trained_parameters().enumerate() {
        session.set_parameter(parameter.id(), &first_values(number, parameter)).unwrap();
    }
    for (step, expected) in values(golden, &format!("{name}.losses")).into_iter().enumerate() {
        let rows: Vec<u32> = (step * BATCH..(step + 1) * BATCH).map(|row| row as u32).collect();
        session.run(0, &source.batches(&rows).unwrap()).unwrap();
        if step == 0 {
            for parameter in network.weights().trained_parameters() {
                let gradient = session.gradient(parameter.id()).unwrap();
                let key = format!("gradient.{}", parameter.name());
                assert_close(&key, &gradient, &values(golden, &key));
            }
        }
        let loss = session.metrics().unwrap().last_loss;
        assert!((loss / f64::from(expected) - 1.0).abs() < 2e-5, "{name}, step {step}: {loss}, {expected}");
    }
    for parameter in network.weights().parameters() {
        let key = format!("{name}.after.{}", parameter.name());
        let found = session.parameter(parameter.id()).unwrap();
        assert_close_after_steps(&key, &found, &values(golden, &key));
    }
    let rows: Vec<u32> = (0..BATCH as u32).collect();
    session.run(1, &source.batches(&rows).unwrap()).unwrap();
    let logits: Vec<f32> = session.read(1, predict.scores).unwrap().into_iter().collect();
    let expected = values(golden, &format!("{name}.logits"));
    assert_close(&format!("{name}.logits"), &logits, &expected);
}

#[test]
fn a_network_of_all_layers_follows_pytorch() {
    let golden = golden("layers");
    check(&golden, "adam", ADAM, 1e-3);
    check(&golden, "sgd", SGD, 0.05);
}
