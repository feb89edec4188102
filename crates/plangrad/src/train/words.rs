//! A task in words: its samples, its network, its optimizer.

use std::iter::once;

use plangrad_nn::summary::{Layer, Summary};
use plangrad_nn::{Decayed, Task};
use plangrad_tensor::{LearningRate, Optimizer};

use super::settings::Settings;
use crate::language::{Language, text};
use crate::numbers::{counted_text, grouped};

/// Numbers of samples: `60,000 samples to learn from, 10,000 to test on`, with those to compare epochs by if there are any.
pub(crate) fn samples(train: usize, validation: usize, test: usize) -> String {
    let train = counted_text!(train, "{number} sample", "{number} samples");
    let test = grouped(test);
    match validation {
        0 => text!("{train} to learn from, {test} to test on", train, test),
        kept => text!(
            "{train} to learn from, {kept} for validation, {test} to test on",
            train,
            kept = grouped(kept),
            test
        ),
    }
}

/// A network and its optimizer: `784-128-10 with 101,770 parameters, Adam`.
pub(crate) fn network_and_optimizer(task: &Task, optimizer: Optimizer, language: Language) -> String {
    text!(language; "{network}, {optimizer}", network = network(task, language), optimizer)
}

/// A network in words: `784-128-10 with 101,770 parameters`, and how many more are frozen, if some are.
pub(crate) fn network(task: &Task, language: Language) -> String {
    let weights = task.model().weights();
    let (layers, trained) = (layers(task), grouped(weights.trained_elements()));
    match weights.frozen_elements() {
        0 if trained == "1" => text!(language; "{layers} with {trained} parameter", layers, trained),
        0 => text!(language; "{layers} with {trained} parameters", layers, trained),
        frozen => {
            let frozen = grouped(frozen);
            text!(language; "{layers} with {trained} parameters and {frozen} frozen", layers, trained, frozen)
        }
    }
}

/// Units of each layer of a network from the input on: `784-128-10`.
pub(crate) fn layers(task: &Task) -> String {
    units(task).map(|size| size.to_string()).collect::<Vec<_>>().join("-")
}

/// Layers that scale each unit by itself: their parameters make no layer of their own.
const SCALING: [&str; 2] = ["BatchNorm1d", "LayerNorm"];

/// Inputs, and outputs of each layer that has a matrix.
pub(crate) fn units(task: &Task) -> impl DoubleEndedIterator<Item = usize> {
    let Summary { layers, input_elements, .. } = Summary::of(task.model());
    let has_matrix = |layer: &Layer| layer.parameters > 0 && !SCALING.contains(&&*layer.kind);
    let with_matrix = layers.into_iter().filter(has_matrix);
    once(input_elements).chain(with_matrix.map(|layer| layer.output_elements()))
}

/// What the steps of a run do besides: `, gradients clipped to 0.5, label smoothing 0.1, class weights 0.5 to 4`.
pub(crate) fn levers(settings: &Settings) -> String {
    let mut text = String::new();
    if let Some(norm) = settings.clip_norm {
        text += &text!(", gradients clipped to {norm}", norm);
    }
    if settings.decay_of == Decayed::Matrices {
        text += &text!(", weight decay of matrices only");
    }
    if let Some(share) = settings.ema {
        text += &text!(", averages of the weights that keep {share}", share);
    }
    if let Some(share) = settings.label_smoothing {
        text += &text!(", label smoothing {share}", share);
    }
    if let Some(weights) = &settings.class_weights {
        let [least, most] =
            [f64::min, f64::max].map(|f| weights.iter().copied().reduce(f).unwrap_or(0.0) as f32);
        text += &text!(", class weights {least} to {most}", least, most);
    }
    text
}

/// An optimizer and its learning rates: `Adam 0.001`, `SGD with momentum 0.9, learning rate 0.01`.
pub(crate) fn learning(optimizer: Optimizer, learning_rate: LearningRate) -> String {
    let mut name = optimizer.to_string();
    if matches!(optimizer, Optimizer::Sgd { momentum, .. } if momentum != 0.0) {
        name += ", learning rate";
    }
    format!("{name} {learning_rate}")
}
