//! ONNX: the file format in which networks go to other programs. Written by hand, since it is a few messages.
//!
//! The graph takes samples as they lie in the dataset and does itself what plangrad does before the network: bytes of pixels
//! are normalised, values of tables standardised in 64 bits. The first dimension of inputs and outputs is the batch, of any
//! size. Source: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>, operators of set 13.

use super::onnx_graph::{DOUBLE, FLOAT, Graph, UINT8, integer};
use super::onnx_network;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::protobuf::Message;

/// The versions of the format and of the set of operators, which programs of 2021 know.
const FORMAT: i64 = 7;
const OPERATORS: i64 = 13;

/// The most bytes of a message of protocol buffers.
const MOST_BYTES: usize = i32::MAX as usize;

/// The model as a file.
///
/// # Errors
/// [`Error::Option`] for a network of one's own, and for more weights than a file can hold.
pub(super) fn bytes(model: &Model) -> Result<Vec<u8>> {
    let parameters = model.task().model().weights().parameters();
    if 4 * parameters.iter().map(|one| one.shape().elements()).sum::<usize>() >= MOST_BYTES {
        return Err(Error::option("--to", "onnx files hold at most 2 GiB, and the weights take more"));
    }
    let mut graph = Graph::default();
    let input = normalised(&mut graph, model);
    onnx_network::record(&mut graph, model, input, SCORES)?;
    let outputs = outputs(&mut graph, model, SCORES);
    Ok(file(graph, model, &outputs).into_bytes())
}

/// A value that goes in or comes out: its name, element type, and sizes behind that of the batch.
struct Port {
    name: &'static str,
    element: i64,
    sizes: Vec<usize>,
}

/// From samples as the dataset has them to what the network reads.
fn normalised(graph: &mut Graph, model: &Model) -> String {
    if let Some(table) = model.table() {
        let mean = graph.doubles("normalise.mean", &[table.mean.len()], &table.mean);
        let std = graph.doubles("normalise.std", &[table.std.len()], &table.std);
        let centred = graph.add("Sub", "normalise.centred", &[INPUT_ROWS, &mean], &[]);
        let scaled = graph.add("Div", "normalise.scaled", &[&centred, &std], &[]);
        return graph.add("Cast", "normalised", &[&scaled], &[integer("to", FLOAT)]);
    }
    let description = model.description();
    // One number for each channel, or one for all.
    let behind = model.sample_shape().len().saturating_sub(1);
    let sizes: Vec<usize> = [description.scale.len()].into_iter().chain(vec![1; behind]).collect();
    let factor = graph.floats("normalise.scale", &sizes, &description.scale);
    let summand = graph.floats("normalise.shift", &sizes, &description.shift);
    let pixels = graph.add("Cast", "normalise.pixels", &[INPUT_IMAGES], &[integer("to", FLOAT)]);
    let scaled = graph.add("Mul", "normalise.scaled", &[&pixels, &factor], &[]);
    graph.add("Add", "normalised", &[&scaled, &summand], &[])
}

/// What comes out: scores and probabilities of classes, or a number in units of the file.
fn outputs(graph: &mut Graph, model: &Model, scores: &str) -> Vec<Port> {
    let classes = model.description().classes.len();
    if classes > 0 {
        graph.add("Softmax", "probabilities", &[scores], &[integer("axis", 1)]);
        return [SCORES, "probabilities"]
            .map(|name| Port { name, element: FLOAT, sizes: vec![classes] })
            .into();
    }
    let scale = model.target_scale();
    // restore(0) is the mean, and restore(1) one deviation above it.
    let mean = scale.restore(0.0);
    let std = graph.doubles("restore.std", &[], &[scale.restore(1.0) - mean]);
    let mean = graph.doubles("restore.mean", &[], &[mean]);
    let wide = graph.add("Cast", "restore.wide", &[scores], &[integer("to", DOUBLE)]);
    let scaled = graph.add("Mul", "restore.scaled", &[&wide, &std], &[]);
    graph.add("Add", "value", &[&scaled, &mean], &[]);
    vec![Port { name: "value", element: DOUBLE, sizes: vec![1] }]
}

/// Names of what goes in, and of the scores.
const INPUT_IMAGES: &str = "images";
const INPUT_ROWS: &str = "rows";
const SCORES: &str = "logits";

/// Name and type of a value that goes in or comes out.
fn port(Port { name, element, sizes }: &Port) -> Message {
    let batch = Message::new().text(2, "batch");
    let sizes = sizes.iter().map(|&size| Message::new().integer(1, size as i64));
    let shape = sizes.fold(Message::new().message(1, &batch), |shape, size| shape.message(1, &size));
    let tensor = Message::new().integer(1, *element).message(2, &shape);
    Message::new().text(1, name).message(2, &Message::new().message(1, &tensor))
}

/// The file: the graph, and what is known about it. It depends on nothing but the model and the version that writes it.
fn file(graph: Graph, model: &Model, outputs: &[Port]) -> Message {
    let (name, element) = if model.table().is_some() { (INPUT_ROWS, DOUBLE) } else { (INPUT_IMAGES, UINT8) };
    let input = Port { name, element, sizes: model.sample_shape().to_vec() };
    let whole = Message::new()
        .messages(1, &graph.nodes)
        .text(2, "plangrad")
        .messages(5, &graph.constants)
        .message(11, &port(&input))
        .messages(12, &outputs.iter().map(port).collect::<Vec<_>>());
    let entry = |(key, value): &(&str, String)| Message::new().text(1, key).text(2, value);
    let facts: Vec<Message> = facts(model).iter().map(entry).collect();
    Message::new()
        .integer(1, FORMAT)
        .text(2, "plangrad")
        .text(3, env!("CARGO_PKG_VERSION"))
        .message(7, &whole)
        .message(8, &Message::new().text(1, "").integer(2, OPERATORS))
        .messages(14, &facts)
}

/// What a reader of the file may want to know, by name: lists are JSON.
fn facts(model: &Model) -> Vec<(&'static str, String)> {
    let description = model.description();
    let list = |names: &[String]| serde_json::to_string(names).unwrap_or_default();
    let mut facts = vec![("dataset", description.dataset.clone()), ("classes", list(&description.classes))];
    if let Some(table) = model.table() {
        facts.push(("columns", list(&columns(table))));
        facts.push(("label", table.label.clone()));
    }
    facts
}

/// The values of a row in their order: a column, or `column=text` for each text of one.
fn columns(table: &plangrad_data::TableSchema) -> Vec<String> {
    let of = |(feature, name): (usize, &String)| match table.kind(feature) {
        plangrad_data::FeatureKind::OneHot(texts) => {
            texts.iter().map(|text| format!("{name}={text}")).collect()
        }
        _ => vec![name.clone()],
    };
    table.features.iter().enumerate().flat_map(of).collect()
}
