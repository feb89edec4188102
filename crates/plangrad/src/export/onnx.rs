//! ONNX: the file format in which networks go to other programs. Written by hand, since it is a few messages.
//!
//! The graph takes samples as they lie in the dataset and does itself what plangrad does before the network: bytes of pixels
//! are normalised, values of tables standardised in 64 bits. The first dimension of inputs and outputs is the batch, of any
//! size. Source: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>, operators of set 13.

use plangrad_nn::{Activation, Mlp, MlpConfig};

use crate::error::{Error, Result};
use crate::model::Model;
use crate::protobuf::Message;

/// The versions of the format and of the set of operators, which programs of 2021 know.
const FORMAT: i64 = 7;
const OPERATORS: i64 = 13;

/// The most bytes of a message of protocol buffers.
const MOST_BYTES: usize = i32::MAX as usize;

/// Element types, by ONNX's numbers.
const FLOAT: i64 = 1;
const UINT8: i64 = 2;
const DOUBLE: i64 = 11;

/// The model as a file.
///
/// # Errors
/// [`Error::Option`] for a network of another kind than an MLP, and for more weights than a file can hold.
pub(super) fn bytes(model: &Model) -> Result<Vec<u8>> {
    let network = model.task().model();
    let architecture = network.architecture()?;
    let config: MlpConfig = match architecture.name() {
        Mlp::ARCHITECTURE => serde_json::from_value(architecture.config().clone())
            .map_err(|error| Error::option("--to", format!("onnx: {error}")))?,
        other => {
            let problem = format!("onnx is for networks of the kind {}, not {other}", Mlp::ARCHITECTURE);
            return Err(Error::option("--to", problem));
        }
    };
    if 4 * network.weights().trained_elements() >= MOST_BYTES {
        return Err(Error::option("--to", "onnx files hold at most 2 GiB, and the weights take more"));
    }
    let mut graph = Graph::default();
    let input = graph.normalised(model);
    let scores = graph.network(&config, model, input)?;
    let outputs = graph.outputs(model, &scores);
    Ok(file(graph, model, &outputs).into_bytes())
}

/// The parts of a graph.
#[derive(Default)]
struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
}

/// A value that goes in or comes out: its name, element type, and sizes behind that of the batch.
struct Port {
    name: &'static str,
    element: i64,
    sizes: Vec<usize>,
}

impl Graph {
    /// Adds an operation on these values; its result is named as the operation is. Returns that name.
    fn add(&mut self, operator: &str, name: &str, inputs: &[&str], attributes: &[Message]) -> String {
        let node = inputs.iter().fold(Message::new(), |node, input| node.text(1, input));
        self.nodes.push(node.text(2, name).text(3, name).text(4, operator).messages(5, attributes));
        name.to_owned()
    }

    /// Adds numbers. Returns their name.
    fn floats(&mut self, name: &str, sizes: &[usize], values: &[f32]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, FLOAT, sizes, &bytes)
    }

    fn doubles(&mut self, name: &str, sizes: &[usize], values: &[f64]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, DOUBLE, sizes, &bytes)
    }

    fn constant(&mut self, name: &str, element: i64, sizes: &[usize], bytes: &[u8]) -> String {
        let tensor = sizes.iter().fold(Message::new(), |tensor, &size| tensor.integer(1, size as i64));
        self.constants.push(tensor.integer(2, element).text(8, name).bytes(9, bytes));
        name.to_owned()
    }

    /// From samples as the dataset has them to what the network reads.
    fn normalised(&mut self, model: &Model) -> String {
        if let Some(table) = model.table() {
            let mean = self.doubles("normalise.mean", &[table.mean.len()], &table.mean);
            let std = self.doubles("normalise.std", &[table.std.len()], &table.std);
            let centred = self.add("Sub", "normalise.centred", &[INPUT_ROWS, &mean], &[]);
            let scaled = self.add("Div", "normalise.scaled", &[&centred, &std], &[]);
            return self.add("Cast", "normalised", &[&scaled], &[integer("to", FLOAT)]);
        }
        let description = model.description();
        // One number for each channel, or one for all.
        let behind = model.sample_shape().len().saturating_sub(1);
        let sizes: Vec<usize> = [description.scale.len()].into_iter().chain(vec![1; behind]).collect();
        let factor = self.floats("normalise.scale", &sizes, &description.scale);
        let summand = self.floats("normalise.shift", &sizes, &description.shift);
        let pixels = self.add("Cast", "normalise.pixels", &[INPUT_IMAGES], &[integer("to", FLOAT)]);
        let scaled = self.add("Mul", "normalise.scaled", &[&pixels, &factor], &[]);
        self.add("Add", "normalised", &[&scaled, &summand], &[])
    }

    /// The multi-layer perceptron: `Flatten`, then `Gemm` with an activation between each two.
    fn network(&mut self, config: &MlpConfig, model: &Model, input: String) -> Result<String> {
        let mut x = self.add("Flatten", "flattened", &[&input], &[integer("axis", 1)]);
        let layers = config.hidden.len() + 1;
        for layer in 1..=layers {
            let [weight, bias] = ["weight", "bias"].map(|part| format!("layer{layer}.{part}"));
            for parameter in model.task().model().weights().parameters() {
                if [&weight, &bias].into_iter().any(|name| name == parameter.name()) {
                    let values = model.weights().values(parameter.name(), &parameter.file_shape())?;
                    self.floats(parameter.name(), &parameter.file_shape(), &values);
                }
            }
            let name = if layer == layers { SCORES.to_owned() } else { format!("layer{layer}") };
            x = self.add("Gemm", &name, &[&x, &weight, &bias], &[integer("transB", 1)]);
            if layer < layers {
                x = self.activation(config.activation, &x);
            }
        }
        Ok(x)
    }

    fn activation(&mut self, activation: Activation, x: &str) -> String {
        let name = format!("{x}.{activation}");
        match activation {
            Activation::Relu => self.add("Relu", &name, &[x], &[]),
            Activation::Tanh => self.add("Tanh", &name, &[x], &[]),
            Activation::Sigmoid => self.add("Sigmoid", &name, &[x], &[]),
            // x Φ(x) = x/2 · (1 + erf(x/√2)); an operator of its own came with set 20.
            _ => self.gelu(&name, x),
        }
    }

    fn gelu(&mut self, name: &str, x: &str) -> String {
        let number = |graph: &mut Graph, part: &str, value: f32| {
            graph.floats(&format!("{name}.{part}"), &[], &[value])
        };
        let root = number(self, "root", std::f32::consts::FRAC_1_SQRT_2);
        let (one, half) = (number(self, "one", 1.0), number(self, "half", 0.5));
        let scaled = self.add("Mul", &format!("{name}.scaled"), &[x, &root], &[]);
        let erf = self.add("Erf", &format!("{name}.erf"), &[&scaled], &[]);
        let sum = self.add("Add", &format!("{name}.sum"), &[&erf, &one], &[]);
        let halved = self.add("Mul", &format!("{name}.halved"), &[x, &half], &[]);
        self.add("Mul", name, &[&halved, &sum], &[])
    }

    /// What comes out: scores and probabilities of classes, or a number in units of the file.
    fn outputs(&mut self, model: &Model, scores: &str) -> Vec<Port> {
        let classes = model.description().classes.len();
        if classes > 0 {
            self.add("Softmax", "probabilities", &[scores], &[integer("axis", 1)]);
            return [SCORES, "probabilities"]
                .map(|name| Port { name, element: FLOAT, sizes: vec![classes] })
                .into();
        }
        let scale = model.target_scale();
        // restore(0) is the mean, and restore(1) one deviation above it.
        let mean = scale.restore(0.0);
        let std = self.doubles("restore.std", &[], &[scale.restore(1.0) - mean]);
        let mean = self.doubles("restore.mean", &[], &[mean]);
        let wide = self.add("Cast", "restore.wide", &[scores], &[integer("to", DOUBLE)]);
        let scaled = self.add("Mul", "restore.scaled", &[&wide, &std], &[]);
        self.add("Add", "value", &[&scaled, &mean], &[]);
        vec![Port { name: "value", element: DOUBLE, sizes: vec![1] }]
    }
}

/// Names of what goes in, and of the scores.
const INPUT_IMAGES: &str = "images";
const INPUT_ROWS: &str = "rows";
const SCORES: &str = "logits";

/// An attribute that is a whole number.
fn integer(name: &str, value: i64) -> Message {
    const KIND_INT: i64 = 2;
    Message::new().text(1, name).integer(3, value).integer(20, KIND_INT)
}

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
