//! A task in words: its samples, its network, its optimizer.

use std::iter::once;

use plangrad_nn::Task;
use plangrad_nn::summary::Summary;
use plangrad_tensor::{Optimizer, Schedule};

use crate::numbers::{counted, grouped};

/// Numbers of samples: `60,000 samples to learn from, 10,000 to test on`.
pub(crate) fn samples(train: usize, test: usize) -> String {
    format!("{} to learn from, {} to test on", counted(train, "sample"), grouped(test))
}

/// A network and its optimizer: `784-128-10 with 101,770 parameters, Adam`.
pub(crate) fn network_and_optimizer(task: &Task, optimizer: Optimizer) -> String {
    format!("{}, {}", network(task), optimizer_name(optimizer))
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
    let mut name = optimizer_name(optimizer);
    if matches!(optimizer, Optimizer::Sgd { momentum, .. } if momentum != 0.0) {
        name += ", learning rate";
    }
    match schedule {
        Schedule::Constant { learning_rate } => format!("{name} {}", rate(learning_rate)),
        Schedule::Cosine { learning_rate, minimum, .. } => {
            format!("{name} from {} along a cosine to {}", rate(learning_rate), rate(minimum))
        }
        Schedule::Step { learning_rate, factor, every } => {
            format!("{name} from {}, times {} every {every} steps", rate(learning_rate), rate(factor))
        }
    }
}

fn optimizer_name(optimizer: Optimizer) -> String {
    match optimizer {
        Optimizer::Sgd { momentum: 0.0, .. } => "SGD".to_owned(),
        Optimizer::Sgd { momentum, .. } => format!("SGD with momentum {momentum}"),
        Optimizer::Adam { .. } => "Adam".to_owned(),
        Optimizer::AdamW { .. } => "AdamW".to_owned(),
    }
}

/// `0.001`, `2.5e-7`: the shortest text that reads back as the same number.
fn rate(rate: f64) -> String {
    if rate == 0.0 || (1e-4..1e6).contains(&rate) { rate.to_string() } else { format!("{rate:e}") }
}
