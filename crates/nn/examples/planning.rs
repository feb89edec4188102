//! What a step costs, to the byte, without running anything: a network from a list of layers, whole and with its body frozen, at
//! several batch sizes.

use std::sync::Arc;

use plangrad_nn::{LayerConfig, Loss, Network, NetworkConfig, Task, Units, serde_json};
use plangrad_tensor::{
    Category, DType, Gradients, Inputs, MemoryReport, Optimizer, SampleFormat, Schedule, Shape,
};

const BODY: &str = r#"[
    {"linear": 256}, "batch_norm", "relu",
    {"residual": [{"linear": 256}, "layer_norm", "gelu", {"linear": 256}]}
]"#;

/// The memory of a training step on images of 28 × 28 pixels.
pub(crate) fn report(is_frozen: bool, batch_size: usize) -> Result<MemoryReport, Box<dyn std::error::Error>> {
    let body: Vec<LayerConfig> = serde_json::from_str(BODY)?;
    let mut layers = if is_frozen { vec![LayerConfig::Frozen(body)] } else { body };
    layers.push(LayerConfig::linear(Units::Outputs));
    let network = Network::new(&NetworkConfig::new(&[1, 28, 28], 10, layers))?;
    let samples = SampleFormat::new(Shape::new(&[1, 28, 28])?, DType::U8).normalized([1.0 / 255.0], [0.0]);
    let task = Task::new(Arc::new(network), samples, Loss::CrossEntropy)?;
    // As the program does on the CPU: no gradient outlives its update, and samples are read where they lie.
    let task = task.with_gradients(Gradients::Consumed).with_inputs(Inputs::InPlace);
    let rate = Schedule::Constant { learning_rate: 0.001 };
    Ok(task.training_plan(Optimizer::adam(), rate, batch_size)?.report())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("  body   batch  parameters  optimizer state  activations      total");
    for is_frozen in [false, true] {
        for batch_size in [1, 64, 1024] {
            let report = report(is_frozen, batch_size)?;
            let [parameters, state, activations] =
                [Category::Parameters, Category::OptimizerState, Category::Activations]
                    .map(|c| report.get(c));
            let body = if is_frozen { "frozen" } else { "open" };
            let total = report.total();
            println!("{body:>6} {batch_size:>7} {parameters:>11} {state:>16} {activations:>12} {total:>10}");
        }
    }
    Ok(())
}
