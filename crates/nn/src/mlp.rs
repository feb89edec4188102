//! The multi-layer perceptron: flatten, then linear layers with an activation (and dropout) between them.

use plangrad_tensor::{Graph, Tensor};
use serde::{Deserialize, Serialize};

use crate::block::Block;
use crate::layer::Layer;
use crate::{Activation, Architecture, Dropout, Error, Flatten, Linear, Mode, Module, Sequential, Weights};

/// The configuration of an MLP, as files have it.
///
/// ```
/// use plangrad_nn::{Activation, MlpConfig};
///
/// let config = MlpConfig::new(&[1, 28, 28], 10).hidden(&[128, 64]).activation(Activation::Gelu).dropout(0.1);
/// assert_eq!(config.hidden, [128, 64]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MlpConfig {
    /// Shape of one sample, e.g. `[1, 28, 28]`.
    pub sample_shape: Vec<usize>,
    /// Units of each hidden layer; empty for a linear model.
    pub hidden: Vec<usize>,
    /// Classes, or values for a regression.
    pub outputs: usize,
    /// The function behind each hidden layer.
    pub activation: Activation,
    /// Probability that a hidden unit is dropped in training.
    pub dropout: f32,
}

impl MlpConfig {
    /// Hidden layers that a network may have: far more than anyone needs, few enough to be planned in no time.
    pub const MOST_LAYERS: usize = 256;

    /// A linear model: no hidden layers, no dropout, and ReLU as soon as there are hidden layers.
    #[must_use]
    pub fn new(sample_shape: &[usize], outputs: usize) -> MlpConfig {
        let (sample_shape, activation) = (sample_shape.to_vec(), Activation::default());
        MlpConfig { sample_shape, hidden: Vec::new(), outputs, activation, dropout: 0.0 }
    }

    /// Sets the units of each hidden layer.
    #[must_use]
    pub fn hidden(mut self, units: &[usize]) -> MlpConfig {
        self.hidden = units.to_vec();
        self
    }

    /// With another activation.
    #[must_use]
    pub fn activation(mut self, activation: Activation) -> MlpConfig {
        self.activation = activation;
        self
    }

    /// With dropout behind each hidden layer.
    #[must_use]
    pub fn dropout(mut self, rate: f32) -> MlpConfig {
        self.dropout = rate;
        self
    }
}

/// A multi-layer perceptron. Its layers are named `layer1`, `layer2`, … from the input on.
///
/// ```
/// use plangrad_nn::{Mlp, MlpConfig, Module};
///
/// let mlp = Mlp::new(&MlpConfig::new(&[1, 28, 28], 10).hidden(&[128]))?;
/// assert_eq!(mlp.weights().trained_elements(), 101_770);
/// assert_eq!(mlp.layers().len(), 4);
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mlp {
    config: MlpConfig,
    layers: Sequential,
    weights: Weights,
}

impl Mlp {
    /// The name of its architecture in files.
    pub const ARCHITECTURE: &'static str = "mlp";

    /// The network that `config` describes.
    ///
    /// # Errors
    /// [`Error::EmptySample`] or [`Error::EmptyLayer`] for a layer without units; [`Error::TooManyLayers`];
    /// [`Error::DropoutRate`] for a rate outside `0.0..1.0`; [`Error::Tensor`] for sizes whose product overflows.
    pub fn new(config: &MlpConfig) -> Result<Mlp, Error> {
        let inputs = config.sample_shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let no_input = || Error::EmptySample { shape: config.sample_shape.clone() };
        let inputs = inputs.filter(|&n| n > 0).ok_or_else(no_input)?;
        let (most, found) = (MlpConfig::MOST_LAYERS, config.hidden.len());
        if found > most {
            return Err(Error::TooManyLayers { most, found });
        }
        let sizes: Vec<usize> =
            [inputs].iter().chain(&config.hidden).chain(&[config.outputs]).copied().collect();
        if sizes.contains(&0) {
            return Err(Error::EmptyLayer { sizes });
        }
        if !(0.0..1.0).contains(&config.dropout) {
            return Err(Error::DropoutRate { rate: config.dropout });
        }
        let mut weights = Weights::new();
        let mut layers = Sequential::new().with(Flatten);
        for (i, pair) in sizes.windows(2).enumerate() {
            layers = layers.with(Linear::new(&mut weights, &format!("layer{}", i + 1), pair[0], pair[1])?);
            if i < config.hidden.len() {
                layers = layers.with(config.activation);
                if config.dropout > 0.0 {
                    layers = layers.with(Dropout::new(&mut weights, config.dropout)?);
                }
            }
        }
        Ok(Mlp { config: config.clone(), layers, weights })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &MlpConfig {
        &self.config
    }
}

impl Module for Mlp {
    fn architecture(&self) -> Result<Architecture, Error> {
        Architecture::new(Mlp::ARCHITECTURE, &self.config)
    }

    fn sample_shape(&self) -> &[usize] {
        &self.config.sample_shape
    }

    fn outputs(&self) -> usize {
        self.config.outputs
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        self.layers.record(graph, x, mode)
    }

    fn layers(&self) -> Vec<Layer> {
        self.layers.layers(&self.config.sample_shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(sample_shape: &[usize], hidden: &[usize], outputs: usize) -> MlpConfig {
        MlpConfig::new(sample_shape, outputs).hidden(hidden)
    }

    #[test]
    fn the_lessons_models_have_the_lessons_parameters() {
        let count =
            |shape: &[usize]| Mlp::new(&config(shape, &[128], 10)).unwrap().weights().trained_elements();
        assert_eq!(count(&[1, 28, 28]), 101_770);
        assert_eq!(count(&[3, 32, 32]), 394_634);
    }

    #[test]
    fn parameters_have_pytorchs_names_and_shapes() {
        let model = Mlp::new(&config(&[784], &[128, 64], 10)).unwrap();
        let parameters = model.weights().parameters();
        let described: Vec<(&str, Vec<usize>)> =
            parameters.iter().map(|p| (p.name(), p.file_shape())).collect();
        let expected = [
            ("layer1.weight", vec![128, 784]),
            ("layer1.bias", vec![128]),
            ("layer2.weight", vec![64, 128]),
            ("layer2.bias", vec![64]),
            ("layer3.weight", vec![10, 64]),
            ("layer3.bias", vec![10]),
        ];
        assert_eq!(described, expected);
    }

    #[test]
    fn impossible_networks_are_refused() {
        let refusal = |shape: &[usize], hidden: &[usize], outputs| {
            Mlp::new(&config(shape, hidden, outputs)).unwrap_err()
        };
        assert!(matches!(refusal(&[0], &[], 1), Error::EmptySample { .. }));
        assert!(matches!(refusal(&[usize::MAX, 2], &[1], 1), Error::EmptySample { .. }));
        assert!(matches!(refusal(&[4], &[0], 1), Error::EmptyLayer { .. }));
        assert!(matches!(refusal(&[4], &[], 0), Error::EmptyLayer { .. }));
        let always = Mlp::new(&config(&[4], &[4], 2).dropout(1.0)).unwrap_err();
        assert!(matches!(always, Error::DropoutRate { rate: 1.0 }));
    }
}
