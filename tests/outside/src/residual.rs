//! A residual network with a normalised shortcut.

use plangrad_nn::summary::Layer;
use plangrad_nn::{
    Activation, Architecture, Block, Error, Flatten, Linear, Mode, Module, Parallel, Sequential, Weights,
};
use plangrad_tensor::{Graph, Tensor};
use serde::{Deserialize, Serialize};

use crate::BatchNorm;

/// The configuration of a [`Residual`] network, as model files have it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResidualConfig {
    pub sample_shape: Vec<usize>,
    pub width: usize,
    pub outputs: usize,
}

/// A fully connected layer and batch normalisation.
fn normalised(weights: &mut Weights, name: &str, inputs: usize, outputs: usize) -> Result<Sequential, Error> {
    let linear = Linear::new(weights, &format!("{name}.linear"), inputs, outputs)?;
    let norm = BatchNorm::new(weights, &format!("{name}.norm"), outputs)?;
    Ok(Sequential::new().with(linear).with(norm))
}

/// scores = head(relu(long(x) + short(x))) with x = relu(stem(samples)), where `long` has two layers and `short` has one.
#[derive(Debug)]
pub struct Residual {
    config: ResidualConfig,
    weights: Weights,
    layers: Sequential,
}

impl Residual {
    pub const ARCHITECTURE: &'static str = "residual";

    pub fn new(config: ResidualConfig) -> Result<Residual, Error> {
        let (inputs, width) = (config.sample_shape.iter().product(), config.width);
        let mut weights = Weights::new();
        let stem = normalised(&mut weights, "stem", inputs, width)?;
        let first = normalised(&mut weights, "long1", width, width)?;
        let second = normalised(&mut weights, "long2", width, width)?;
        let long = first.with(Activation::Relu).with(second);
        let short = normalised(&mut weights, "short", width, width)?;
        let head = Linear::new(&mut weights, "head", width, config.outputs)?;
        let layers = Sequential::new()
            .with(Flatten)
            .with(stem)
            .with(Activation::Relu)
            .with(Parallel::new(long).with(short))
            .with(Activation::Relu)
            .with(head);
        Ok(Residual { config, weights, layers })
    }
}

impl Module for Residual {
    fn architecture(&self) -> Result<Architecture, Error> {
        Architecture::new(Residual::ARCHITECTURE, &self.config)
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
