//! Networks in ONNX's operators, of set 13: perceptrons, and those of network files.

use plangrad_nn::{Activation, LayerConfig, Mlp, MlpConfig, NORM_EPSILON, Network, NetworkConfig};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::onnx_graph::{Graph, float, integer, integers};
use crate::error::{Error, Result};
use crate::model::Model;

/// Adds the network of `model`, applied to `input`; its scores get the name `scores`.
///
/// # Errors
/// [`Error::Option`] for a network of another kind.
pub(super) fn record(graph: &mut Graph, model: &Model, input: String, scores: &str) -> Result<()> {
    let architecture = model.task().model().architecture()?;
    let mut recorder = Recorder { graph, model };
    let x = recorder.graph.add("Flatten", "flattened", &[&input], &[integer("axis", 1)]);
    match architecture.name() {
        Mlp::ARCHITECTURE => recorder.perceptron(&config(architecture.config())?, x, scores),
        Network::ARCHITECTURE => {
            let config: NetworkConfig = config(architecture.config())?;
            let x = recorder.sequence(&config.layers, &Place::default(), x)?;
            recorder.graph.add("Identity", scores, &[&x], &[]);
            Ok(())
        }
        other => {
            let known = [Mlp::ARCHITECTURE, Network::ARCHITECTURE].join(" and ");
            let problem = format!("onnx is for networks of the kinds {known}, not {other}");
            Err(Error::option("--to", problem))
        }
    }
}

fn config<C: DeserializeOwned>(config: &Value) -> Result<C> {
    C::deserialize(config).map_err(|error| Error::option("--to", format!("onnx: {error}")))
}

/// The place of a layer, as in the names of its parameters ([`Network`]): `2.0.1`.
#[derive(Default)]
struct Place(String);

impl Place {
    fn within(&self, number: usize) -> Place {
        Place(if self.0.is_empty() { number.to_string() } else { format!("{}.{number}", self.0) })
    }

    /// The name of a value that a layer makes.
    fn value(&self, part: &str) -> String {
        if part.is_empty() { format!("layer.{}", self.0) } else { format!("layer.{}.{part}", self.0) }
    }
}

/// Whether a product takes a matrix's transpose.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transposed {
    Yes,
    No,
}

struct Recorder<'a> {
    graph: &'a mut Graph,
    model: &'a Model,
}

impl Recorder<'_> {
    /// `Gemm` with an activation between each two.
    fn perceptron(&mut self, config: &MlpConfig, mut x: String, scores: &str) -> Result<()> {
        let layers = config.hidden.len() + 1;
        for layer in 1..=layers {
            let parameters = format!("layer{layer}");
            let name = if layer == layers { scores } else { &parameters };
            x = self.linear(&parameters, name, &x)?;
            if layer < layers {
                x = self.activation(config.activation, &format!("{x}.{}", config.activation), &x);
            }
        }
        Ok(())
    }

    fn sequence(&mut self, layers: &[LayerConfig], place: &Place, x: String) -> Result<String> {
        let numbered = layers.iter().enumerate();
        let mut layers = numbered.map(|(number, layer)| (place.within(number), layer));
        layers.try_fold(x, |x, (place, layer)| self.layer(layer, &place, x))
    }

    fn layer(&mut self, layer: &LayerConfig, place: &Place, x: String) -> Result<String> {
        let name = place.value("");
        match layer {
            LayerConfig::Flatten | LayerConfig::Dropout(_) => Ok(x), // of rows, in evaluation
            LayerConfig::Linear(config) => {
                let weight = self.parameter(&place.0, "weight")?;
                self.product(&x, &weight, config.bias.then_some(&place.0), &name, Transposed::Yes)
            }
            LayerConfig::Tied(config) => {
                let weight = format!("{}.weight", config.to); // which is there already
                self.product(&x, &weight, config.bias.then_some(&place.0), &name, Transposed::No)
            }
            LayerConfig::Group(group) => self.sequence(&group.layers, place, x),
            LayerConfig::BatchNorm => self.batch_norm(place, &x),
            LayerConfig::LayerNorm => self.layer_norm(place, &x),
            LayerConfig::Activation(activation) => Ok(self.activation(*activation, &name, &x)),
            LayerConfig::Frozen(layers) => self.sequence(layers, place, x),
            LayerConfig::Residual(layers) => {
                let inner = self.sequence(layers, place, x.clone())?;
                Ok(self.graph.add("Add", &name, &[&x, &inner], &[]))
            }
            LayerConfig::Parallel(branches) => {
                let branches =
                    branches.iter().enumerate().map(|(number, layers)| (place.within(number), layers));
                let sums: Vec<String> = branches
                    .map(|(place, layers)| self.sequence(layers, &place, x.clone()))
                    .collect::<Result<_>>()?;
                let sums: Vec<&str> = sums.iter().map(String::as_str).collect();
                Ok(self.graph.add("Sum", &name, &sums, &[]))
            }
            other => {
                let problem = format!("onnx is not for layers of the kind {other:?}");
                Err(Error::option("--to", problem))
            }
        }
    }

    /// x · Wᵀ + b, with W as files have it.
    fn linear(&mut self, parameters: &str, name: &str, x: &str) -> Result<String> {
        let weight = self.parameter(parameters, "weight")?;
        self.product(x, &weight, Some(&parameters.to_owned()), name, Transposed::Yes)
    }

    /// x · W, or by its transpose, plus the bias of a layer, if it has one.
    fn product(
        &mut self,
        x: &str,
        weight: &str,
        biased: Option<&String>,
        name: &str,
        transposed: Transposed,
    ) -> Result<String> {
        let bias = biased.map(|layer| self.parameter(layer, "bias")).transpose()?;
        let operands: Vec<&str> = [x, weight].into_iter().chain(bias.as_deref()).collect();
        Ok(self.graph.add(
            "Gemm",
            name,
            &operands,
            &[integer("transB", i64::from(transposed == Transposed::Yes))],
        ))
    }

    fn batch_norm(&mut self, place: &Place, x: &str) -> Result<String> {
        let mut inputs = vec![x.to_owned()];
        for part in ["weight", "bias", "running_mean", "running_var"] {
            inputs.push(self.parameter(&place.0, part)?);
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let epsilon = float("epsilon", NORM_EPSILON);
        Ok(self.graph.add("BatchNormalization", &place.value(""), &inputs, &[epsilon]))
    }

    /// From its parts; an operator of its own came with set 17.
    fn layer_norm(&mut self, place: &Place, x: &str) -> Result<String> {
        let [weight, bias] = [self.parameter(&place.0, "weight")?, self.parameter(&place.0, "bias")?];
        let graph = &mut *self.graph;
        let epsilon = graph.floats(&place.value("epsilon"), &[], &[NORM_EPSILON]);
        let mut add = |operator: &str, part: &str, inputs: &[&str]| {
            let over_units = [integers("axes", 1), integer("keepdims", 1)];
            let attributes: &[_] = if operator == "ReduceMean" { &over_units } else { &[] };
            graph.add(operator, &place.value(part), inputs, attributes)
        };
        let mean = add("ReduceMean", "mean", &[x]);
        let centred = add("Sub", "centred", &[x, &mean]);
        let squares = add("Mul", "squares", &[&centred, &centred]);
        let variance = add("ReduceMean", "variance", &[&squares]);
        let shifted = add("Add", "shifted", &[&variance, &epsilon]);
        let deviation = add("Sqrt", "deviation", &[&shifted]);
        let normalised = add("Div", "normalised", &[&centred, &deviation]);
        let scaled = add("Mul", "scaled", &[&normalised, &weight]);
        Ok(add("Add", "", &[&scaled, &bias]))
    }

    /// Adds the numbers of a parameter, with the layout and name of files. Returns that name.
    fn parameter(&mut self, layer: &str, part: &str) -> Result<String> {
        let name = format!("{layer}.{part}");
        let mut all = self.model.task().model().weights().parameters().iter();
        if let Some(parameter) = all.find(|parameter| parameter.name() == name) {
            let shape = parameter.file_shape();
            let values = self.model.weights().values(&name, &shape)?;
            self.graph.floats(&name, &shape, &values);
        }
        Ok(name)
    }

    fn activation(&mut self, activation: Activation, name: &str, x: &str) -> String {
        match activation {
            Activation::Relu => self.graph.add("Relu", name, &[x], &[]),
            Activation::Tanh => self.graph.add("Tanh", name, &[x], &[]),
            Activation::Sigmoid => self.graph.add("Sigmoid", name, &[x], &[]),
            // x Φ(x) = x/2 · (1 + erf(x/√2)); an operator of its own came with set 20.
            _ => self.gelu(name, x),
        }
    }

    fn gelu(&mut self, name: &str, x: &str) -> String {
        let graph = &mut *self.graph;
        let number = |graph: &mut Graph, part: &str, value: f32| {
            graph.floats(&format!("{name}.{part}"), &[], &[value])
        };
        let root = number(graph, "root", std::f32::consts::FRAC_1_SQRT_2);
        let (one, half) = (number(graph, "one", 1.0), number(graph, "half", 0.5));
        let scaled = graph.add("Mul", &format!("{name}.scaled"), &[x, &root], &[]);
        let erf = graph.add("Erf", &format!("{name}.erf"), &[&scaled], &[]);
        let sum = graph.add("Add", &format!("{name}.sum"), &[&erf, &one], &[]);
        let halved = graph.add("Mul", &format!("{name}.halved"), &[x, &half], &[]);
        graph.add("Mul", name, &[&halved, &sum], &[])
    }
}
