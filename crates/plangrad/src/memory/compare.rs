//! What other packages say about the memory of the same network.
//!
//! | package | rule, in bytes | source |
//! | --- | --- | --- |
//! | torchsummary 1.5.1 | 4·b·values + 2·4·b·(outputs of every layer) + 4·p | `torchsummary/torchsummary.py`, from line 99 |
//! | torchinfo 1.8.0 | 4·b·values + 2·4·b·(outputs of layers with parameters) + 4·p | `torchinfo/model_statistics.py` |
//! | Keras 3.15.1 | 4·(p + the optimizer's variables + 2) | `keras/src/utils/summary_utils.py` |
//! | accelerate 1.15.0 | 4·4·p | `estimate_training_usage` in `accelerate/commands/estimate.py` |
//!
//! (b: batch size, p: parameters.) torchinfo takes the size of the inputs from `sys.getsizeof` of their storage, which has
//! 64 bytes of Python object around it; they are left out here. `tests/golden/summaries.py` recorded what the packages
//! themselves say, and a test compares.

use plangrad_nn::summary::Summary;
use serde::Serialize;

use super::blueprint::Blueprint;

/// What one package says. Serialises to the JSON documented in `docs/json.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The package, with the version whose rule it is.
    pub package: &'static str,
    /// Its figure, in bytes.
    pub bytes: u64,
    /// The figure as the package prints it.
    pub prints: String,
    /// What the figure leaves out, or counts that is not there.
    pub leaves_out: &'static str,
}

/// What each package says about training on batches of `batch_size`.
#[must_use]
pub fn claims(blueprint: &Blueprint, batch_size: usize) -> Vec<Claim> {
    let summary = Summary::of(blueprint.task.model());
    let parameters = summary.total_parameters() as u64;
    let batch = batch_size as u64;
    let outputs = |counts: &dyn Fn(usize) -> bool| -> u64 {
        let layers = summary.layers.iter().filter(|layer| counts(layer.parameters));
        layers.map(|layer| layer.output_elements() as u64).sum()
    };
    let network = |outputs: u64| {
        let of_batch = summary.input_bytes().saturating_add(outputs.saturating_mul(8));
        batch.saturating_mul(of_batch).saturating_add(4 * parameters)
    };
    let torchsummary = network(outputs(&|_| true));
    let torchinfo = network(outputs(&|parameters| parameters > 0));
    let moments = summary.trained_parameters() as u64 * blueprint.optimizer.moments() as u64;
    let keras = 4 * (parameters + moments + 2);
    let accelerate = parameters.saturating_mul(16);
    vec![
        Claim {
            package: "torchsummary 1.5.1",
            bytes: torchsummary,
            prints: format!("Estimated Total Size (MB): {:.2}", torchsummary as f64 / 1_048_576.0),
            leaves_out: "gradients of parameters and optimizer state; counts every layer's output twice, Flatten's too",
        },
        Claim {
            package: "torchinfo 1.8.0",
            bytes: torchinfo,
            prints: format!("Estimated Total Size (MB): {:.2}", torchinfo as f64 / 1e6),
            leaves_out: "gradients of parameters and optimizer state; counts outputs of layers with parameters twice",
        },
        Claim {
            package: "Keras 3.15.1",
            bytes: keras,
            prints: keras_size(keras),
            leaves_out: "gradients, batch and activations: the same for every batch size",
        },
        Claim {
            package: "accelerate 1.15.0",
            bytes: accelerate,
            prints: format!("Training using Adam: {}", accelerate_size(accelerate)),
            leaves_out: "batch and activations; always counts Adam's moments: the same for every batch size",
        },
    ]
}

/// `397.54 KB`, in units of 1024 whatever they are called: `readable_memory_size` of Keras.
fn keras_size(bytes: u64) -> String {
    let (number, unit) = in_units_of_1024(bytes, &["B", "KB", "MB", "GB", "TB", "PB"]);
    format!("Total params: {number:.2} {unit}")
}

/// `1.55 MB`, in units of 1024 too: `convert_bytes` of accelerate, which drops idle zeros but one.
fn accelerate_size(bytes: u64) -> String {
    let (number, unit) = in_units_of_1024(bytes, &["bytes", "KB", "MB", "GB", "TB"]);
    let rounded = (100.0 * number).round_ties_even() / 100.0;
    format!("{rounded:?} {unit}")
}

/// A number of bytes in the largest of these units of which it has one.
fn in_units_of_1024<'a>(bytes: u64, units: &[&'a str]) -> (f64, &'a str) {
    let power =
        (0..units.len() - 1).find(|&power| bytes < 1 << (10 * (power + 1))).unwrap_or(units.len() - 1);
    (bytes as f64 / (1_u64 << (10 * power)) as f64, units[power])
}
