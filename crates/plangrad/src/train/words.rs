//! A task in words: its samples, its network, its optimizer.

use plangrad_nn::Task;
use plangrad_tensor::Optimizer;

use super::settings::OptimizerSettings;
use crate::numbers::{counted, grouped};

/// How many samples there are: `60,000 samples to learn from, 10,000 to test on`.
pub(crate) fn samples(train: usize, test: usize) -> String {
    format!("{} to learn from, {} to test on", counted(train, "sample"), grouped(test))
}

/// A network and what trains it: `784-128-10 with 101,770 parameters, Adam`.
pub(crate) fn network_and_optimizer(task: &Task, optimizer: Optimizer) -> String {
    format!("{}, {}", network(task), OptimizerSettings::from(optimizer).name())
}

/// A network in words: `784-128-10 with 101,770 parameters`.
pub(crate) fn network(task: &Task) -> String {
    format!("{} with {}", layers(task), counted(task.model.parameter_count(), "parameter"))
}

/// Units of each layer of a network from the input on: `784-128-10`.
pub(crate) fn layers(task: &Task) -> String {
    let layers = task.model.layers();
    let sizes = layers.iter().take(1).map(|layer| layer.inputs()).chain(layers.iter().map(|l| l.outputs()));
    sizes.map(|size| size.to_string()).collect::<Vec<_>>().join("-")
}
