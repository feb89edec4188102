//! `plangrad summary`: the table of a network's layers as torchsummary prints it, for lessons to be followed.
//!
//! No dataset has to be there, except a table, whose columns decide what the network reads.

use std::sync::Arc;

use plangrad_data::{LoadOptions, Split};
use plangrad_nn::Module;
use plangrad_nn::summary::Summary as Layers;
use serde::Serialize;

use super::subject::Described;
use crate::cli::{SubjectArgs, SummaryArgs};
use crate::error::Result;
use crate::loading::load;
use crate::numbers::grouped;
use crate::output::Console;

/// Columns of the table.
const WIDTH: usize = 64;

pub(super) fn summary(arguments: &SummaryArgs, console: &mut Console) -> Result<()> {
    let layers = Layers::of(&*network(&arguments.subject)?);
    console.text(&table(&layers))?;
    console.json(&Object::of(&layers))
}

fn network(arguments: &SubjectArgs) -> Result<Arc<dyn Module>> {
    let described = Described::of(&arguments.model)?;
    let (name, labels) = arguments.foreseen()?;
    if let Some(spec) = name.spec() {
        return described.network(&spec.sample_shape, spec.classes.len());
    }
    let table = load(&name, &arguments.data.options(labels, LoadOptions::SEED), Some(Split::Train))?;
    described.network(&table.sample_shape, table.outputs())
}

fn table(layers: &Layers) -> String {
    let (thin, thick) = ("-".repeat(WIDTH), "=".repeat(WIDTH));
    let mut lines = vec![thin.clone(), row("Layer (type)", "Output Shape", "Param #"), thick.clone()];
    for (name, layer) in layers.named_layers() {
        let shape: Vec<String> = layer.output_shape.iter().map(usize::to_string).collect();
        lines.push(row(&name, &format!("[-1, {}]", shape.join(", ")), &grouped(layer.parameters)));
    }
    let (total, trained) = (layers.total_parameters(), layers.trained_parameters());
    let sizes = [
        ("Input size", layers.input_bytes()),
        ("Forward/backward pass size", layers.forward_backward_bytes()),
        ("Params size", layers.parameter_bytes()),
        ("Estimated Total Size", layers.total_bytes()),
    ];
    lines.extend([
        thick,
        format!("Total params: {}", grouped(total)),
        format!("Trainable params: {}", grouped(trained)),
        format!("Non-trainable params: {}", grouped(total - trained)),
        thin.clone(),
    ]);
    lines.extend(sizes.map(|(name, bytes)| format!("{name} (MB): {:.2}", megabytes(bytes))));
    lines.extend([thin, exact(layers)]);
    lines.join("\n")
}

fn row(layer: &str, shape: &str, parameters: &str) -> String {
    format!("{layer:>20}  {shape:>25} {parameters:>15}")
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The same sizes to the byte, since lessons mix units and round.
fn exact(layers: &Layers) -> String {
    let bytes = |bytes: u64| grouped(usize::try_from(bytes).unwrap_or(usize::MAX));
    format!(
        "One sample as f32, MB = 1024² bytes; exactly {} + {} + {} = {} bytes.",
        bytes(layers.input_bytes()),
        bytes(layers.forward_backward_bytes()),
        bytes(layers.parameter_bytes()),
        bytes(layers.total_bytes())
    )
}

#[derive(Serialize)]
struct Object<'a> {
    layers: Vec<LayerObject<'a>>,
    total_parameters: usize,
    trainable_parameters: usize,
    input_bytes: u64,
    forward_backward_bytes: u64,
    parameter_bytes: u64,
    total_bytes: u64,
}

#[derive(Serialize)]
struct LayerObject<'a> {
    name: String,
    kind: &'a str,
    output_shape: &'a [usize],
    parameters: usize,
}

impl<'a> Object<'a> {
    fn of(summary: &'a Layers) -> Self {
        let layer = |(name, layer): (String, &'a plangrad_nn::summary::Layer)| LayerObject {
            name,
            kind: &layer.kind,
            output_shape: &layer.output_shape,
            parameters: layer.parameters,
        };
        Self {
            layers: summary.named_layers().map(layer).collect(),
            total_parameters: summary.total_parameters(),
            trainable_parameters: summary.trained_parameters(),
            input_bytes: summary.input_bytes(),
            forward_backward_bytes: summary.forward_backward_bytes(),
            parameter_bytes: summary.parameter_bytes(),
            total_bytes: summary.total_bytes(),
        }
    }
}
