//! The network that a list of layers describes.

use std::collections::HashMap;

use plangrad_tensor::{Graph, Hyperparameter, Tensor};
use serde::{Deserialize, Serialize};

use crate::block::Block;
use crate::layer::Layer;
use crate::layer_config::{GroupConfig, LayerConfig, LinearConfig, TiedConfig};
use crate::{
    Architecture, BatchNorm, Dropout, Error, Flatten, LayerError, LayerNorm, Linear, Mode, Module, Parallel,
    Residual, Sequential, Weights,
};

/// The configuration of a [`Network`], as files have it.
///
/// Example: [`Network`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NetworkConfig {
    /// Shape of one sample, e.g. `[1, 28, 28]`.
    pub sample_shape: Vec<usize>,
    /// Classes, or values for a regression.
    pub outputs: usize,
    /// The layers from the input on.
    pub layers: Vec<LayerConfig>,
}

impl NetworkConfig {
    /// Layers that a network may have, with those within others: far more than anyone needs, few enough to be planned in no time.
    pub const MOST_LAYERS: usize = 1024;

    /// These layers, on samples of this shape, with so many scores in the end.
    #[must_use]
    pub fn new(sample_shape: &[usize], outputs: usize, layers: Vec<LayerConfig>) -> NetworkConfig {
        NetworkConfig { sample_shape: sample_shape.to_vec(), outputs, layers }
    }
}

/// A network made of a list of layers, after samples have become rows.
///
/// Parameters are named by the place of their layer, counted from 0, as PyTorch does in `nn.Sequential`: `0.weight` is of the
/// first layer, `2.1.weight` of the second layer within the third, and `3.0.1.weight` of the second layer in the first branch
/// of the fourth.
///
/// ```
/// use plangrad_nn::{Activation, LayerConfig, Module, Network, NetworkConfig, Units};
///
/// let inner = vec![LayerConfig::linear(Units::Count(64)), Activation::Relu.into()];
/// let layers = vec![
///     LayerConfig::linear(Units::Count(64)),
///     LayerConfig::BatchNorm,
///     LayerConfig::Residual(inner),
///     LayerConfig::linear(Units::Outputs),
/// ];
/// let network = Network::new(&NetworkConfig::new(&[1, 28, 28], 10, layers))?;
/// let names: Vec<&str> = network.weights().trained_parameters().map(|parameter| parameter.name()).collect();
/// assert_eq!(
///     names,
///     ["0.weight", "0.bias", "1.weight", "1.bias", "2.0.weight", "2.0.bias", "3.weight", "3.bias"]
/// );
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Network {
    config: NetworkConfig,
    layers: Sequential,
    weights: Weights,
}

impl Network {
    /// The name of its architecture in files.
    pub const ARCHITECTURE: &'static str = "layers";

    /// The network that `config` describes.
    ///
    /// # Errors
    /// [`Error::EmptySample`]; [`Error::Layer`] with the place of the layer that cannot be where it is; [`Error::Tensor`] for sizes
    /// whose product overflows.
    pub fn new(config: &NetworkConfig) -> Result<Network, Error> {
        let inputs = config.sample_shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let no_input = || Error::EmptySample { shape: config.sample_shape.clone() };
        let inputs = inputs.filter(|&n| n > 0).ok_or_else(no_input)?;
        let mut weights = Weights::new();
        let mut builder =
            Builder { outputs: config.outputs, count: 0, place: Vec::new(), linears: HashMap::new() };
        let layers = Sequential::new().with(Flatten);
        let (layers, width) = builder.sequence(&mut weights, layers, &config.layers, inputs)?;
        if width != config.outputs {
            builder.place.extend(config.layers.len().checked_sub(1));
            return Err(builder.wrong(LayerError::Outputs { expected: config.outputs, found: width }));
        }
        Ok(Network { config: config.clone(), layers, weights })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }
}

/// What is known while layers are made.
struct Builder {
    outputs: usize,
    /// Layers made so far.
    count: usize,
    /// The number of the layer that is made, after those of the layers it is in.
    place: Vec<usize>,
    /// The linear layers so far, by their places.
    linears: HashMap<String, Linear>,
}

impl Builder {
    /// Appends `layers` to `blocks`, for rows of `width` numbers. Returns the width of their result, too.
    fn sequence(
        &mut self,
        weights: &mut Weights,
        mut blocks: Sequential,
        layers: &[LayerConfig],
        mut width: usize,
    ) -> Result<(Sequential, usize), Error> {
        for (number, layer) in layers.iter().enumerate() {
            self.place.push(number);
            (blocks, width) = self.layer(weights, blocks, layer, width)?;
            self.place.pop();
        }
        Ok((blocks, width))
    }

    /// Appends a layer.
    fn layer(
        &mut self,
        weights: &mut Weights,
        blocks: Sequential,
        layer: &LayerConfig,
        width: usize,
    ) -> Result<(Sequential, usize), Error> {
        self.count += 1;
        if self.count > NetworkConfig::MOST_LAYERS {
            return Err(self.wrong(LayerError::TooMany { most: NetworkConfig::MOST_LAYERS }));
        }
        let name = self.name();
        Ok(match layer {
            LayerConfig::Flatten => (blocks.with(Flatten), width),
            LayerConfig::Linear(config) => {
                let linear = self.linear(weights, *config, width)?;
                let units = linear.outputs();
                (blocks.with(linear), units)
            }
            LayerConfig::Tied(config) => {
                let tied = self.tied(weights, config, width)?;
                let units = tied.outputs();
                (blocks.with(tied), units)
            }
            LayerConfig::BatchNorm => (blocks.with(BatchNorm::new(weights, &name, width)?), width),
            LayerConfig::LayerNorm => (blocks.with(LayerNorm::new(weights, &name, width)?), width),
            LayerConfig::Activation(activation) => (blocks.with(*activation), width),
            LayerConfig::Dropout(rate) => (blocks.with(self.dropout(weights, *rate)?), width),
            LayerConfig::Residual(layers) => (blocks.with(self.residual(weights, layers, width)?), width),
            LayerConfig::Parallel(branches) => {
                let (branches, width) = self.parallel(weights, branches, width)?;
                (blocks.with(branches), width)
            }
            LayerConfig::Frozen(layers) => {
                let (layers, width) = weights.frozen(|weights| self.inner(weights, layers, width))?;
                (blocks.with(layers), width)
            }
            LayerConfig::Group(group) => {
                let (layers, width) = self.group(weights, group, width)?;
                (blocks.with(layers), width)
            }
        })
    }

    fn linear(
        &mut self,
        weights: &mut Weights,
        LinearConfig { units, bias }: LinearConfig,
        width: usize,
    ) -> Result<Linear, Error> {
        let (name, units) = (self.name(), units.count(self.outputs));
        if units == 0 {
            return Err(self.wrong(LayerError::NoUnits));
        }
        let linear = match bias {
            true => Linear::new(weights, &name, width, units)?,
            false => Linear::without_bias(weights, &name, width, units)?,
        };
        self.linears.insert(name, linear.clone());
        Ok(linear)
    }

    fn tied(&self, weights: &mut Weights, config: &TiedConfig, width: usize) -> Result<Linear, Error> {
        let to = || config.to.clone();
        let Some(other) = self.linears.get(&config.to) else {
            return Err(self.wrong(LayerError::NoLinear { to: to() }));
        };
        if other.outputs() != width {
            let (expected, found) = (other.outputs(), width);
            return Err(self.wrong(LayerError::Tied { to: to(), expected, found }));
        }
        if config.bias { Linear::tied(weights, &self.name(), other) } else { Ok(other.transposed()) }
    }

    fn group(
        &mut self,
        weights: &mut Weights,
        GroupConfig { lr_scale, weight_decay, layers }: &GroupConfig,
        width: usize,
    ) -> Result<(Sequential, usize), Error> {
        if Hyperparameter::rate("lr_scale", *lr_scale).is_err() {
            return Err(self.wrong(LayerError::RateScale { found: *lr_scale }));
        }
        weights.scaled(*lr_scale, |weights| match weight_decay {
            true => self.inner(weights, layers, width),
            false => weights.undecayed(|weights| self.inner(weights, layers, width)),
        })
    }

    fn dropout(&self, weights: &mut Weights, rate: f32) -> Result<Dropout, Error> {
        Dropout::new(weights, rate).map_err(|_| self.wrong(LayerError::DropoutRate { rate }))
    }

    /// Layers within the one at this place.
    fn inner(
        &mut self,
        weights: &mut Weights,
        layers: &[LayerConfig],
        width: usize,
    ) -> Result<(Sequential, usize), Error> {
        if layers.is_empty() {
            return Err(self.wrong(LayerError::NoLayers));
        }
        self.sequence(weights, Sequential::new(), layers, width)
    }

    fn residual(
        &mut self,
        weights: &mut Weights,
        layers: &[LayerConfig],
        width: usize,
    ) -> Result<Residual, Error> {
        match self.inner(weights, layers, width)? {
            (inner, found) if found == width => Ok(Residual::new(inner)),
            (_, found) => Err(self.wrong(LayerError::Residual { expected: width, found })),
        }
    }

    fn parallel(
        &mut self,
        weights: &mut Weights,
        branches: &[Vec<LayerConfig>],
        width: usize,
    ) -> Result<(Parallel, usize), Error> {
        let mut sum: Option<(Parallel, usize)> = None;
        for (number, layers) in branches.iter().enumerate() {
            self.place.push(number);
            let (branch, found) = self.sequence(weights, Sequential::new(), layers, width)?;
            sum = Some(match sum {
                None => (Parallel::new(branch), found),
                Some((sum, expected)) if found == expected => (sum.with(branch), expected),
                Some((_, expected)) => return Err(self.wrong(LayerError::Branch { expected, found })),
            });
            self.place.pop();
        }
        sum.ok_or_else(|| self.wrong(LayerError::NoBranches))
    }

    /// `2.0.1`
    fn name(&self) -> String {
        self.place.iter().map(usize::to_string).collect::<Vec<_>>().join(".")
    }

    fn wrong(&self, reason: LayerError) -> Error {
        Error::Layer { place: self.place.clone(), reason }
    }
}

impl Module for Network {
    fn architecture(&self) -> Result<Architecture, Error> {
        Architecture::new(Network::ARCHITECTURE, &self.config)
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
