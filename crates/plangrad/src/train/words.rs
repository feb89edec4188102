//! A task in words: its samples, its network, its optimizer.

use std::iter::once;

use plangrad_nn::Task;
use plangrad_nn::summary::Summary;
use plangrad_tensor::{Optimizer, Schedule};

use crate::numbers::{counted, grouped};

/// Numbers of samples: `60,000 samples to learn from, 10,000 to test on`, with those to judge epochs by if there are any.
pub(crate) fn samples(train: usize, validation: usize, test: usize) -> String {
    let judged =
        if validation > 0 { format!(", {} for validation", grouped(validation)) } else { String::new() };
    format!("{} to learn from{judged}, {} to test on", counted(train, "sample"), grouped(test))
}

/// A network and its optimizer: `784-128-10 with 101,770 parameters, Adam`.
pub(crate) fn network_and_optimizer(task: &Task, optimizer: Optimizer) -> String {
    format!("{}, {optimizer}", network(task))
}

/// A network in words: `784-128-10 with 101,770 parameters`.
pub(crate) fn network(task: &Task) -> String {
    format!("{} with {}", layers(task), counted(task.model().weights().trained_elements(), "parameter"))
}

/// Units of each layer of a network from the input on: `784-128-10`.
pub(crate) fn layers(task: &Task) -> String {
    units(task).map(|size| size.to_string()).collect::<Vec<_>>().join("-")
}

/// Inputs, and outputs of each layer that has parameters.
pub(crate) fn units(task: &Task) -> impl DoubleEndedIterator<Item = usize> {
    let Summary { layers, input_elements, .. } = Summary::of(task.model());
    let with_parameters = layers.into_iter().filter(|layer| layer.parameters > 0);
    once(input_elements).chain(with_parameters.map(|layer| layer.output_elements()))
}

/// An optimizer and its learning rates: `Adam 0.001`, `SGD with momentum 0.9, learning rate 0.01`.
pub(crate) fn learning(optimizer: Optimizer, schedule: Schedule) -> String {
    let mut name = optimizer.to_string();
    if matches!(optimizer, Optimizer::Sgd { momentum, .. } if momentum != 0.0) {
        name += ", learning rate";
    }
    format!("{name} {schedule}")
}
