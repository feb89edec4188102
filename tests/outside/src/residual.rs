//! A residual network with a normalised shortcut.

use plangrad_nn::summary::Layer;
use plangrad_nn::{Architecture, Error, Linear, Mode, Module, Weights};
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
#[derive(Debug)]
struct Block {
    linear: Linear,
    norm: BatchNorm,
}

impl Block {
    fn new(weights: &mut Weights, name: &str, inputs: usize, outputs: usize) -> Result<Block, Error> {
        let linear = Linear::new(weights, &format!("{name}.linear"), inputs, outputs)?;
        Ok(Block { linear, norm: BatchNorm::new(weights, &format!("{name}.norm"), outputs)? })
    }

    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        self.norm.record(graph, self.linear.record(graph, x)?, mode)
    }
}

/// scores = head(relu(long(relu(stem(x))) + short(relu(stem(x))))), where `long` has two blocks and `short` has one.
#[derive(Debug)]
pub struct Residual {
    config: ResidualConfig,
    weights: Weights,
    stem: Block,
    long: [Block; 2],
    short: Block,
    head: Linear,
}

impl Residual {
    pub const ARCHITECTURE: &'static str = "residual";

    pub fn new(config: ResidualConfig) -> Result<Residual, Error> {
        let (inputs, width) = (config.sample_shape.iter().product(), config.width);
        let mut weights = Weights::new();
        Ok(Residual {
            stem: Block::new(&mut weights, "stem", inputs, width)?,
            long: [
                Block::new(&mut weights, "long1", width, width)?,
                Block::new(&mut weights, "long2", width, width)?,
            ],
            short: Block::new(&mut weights, "short", width, width)?,
            head: Linear::new(&mut weights, "head", width, config.outputs)?,
            config,
            weights,
        })
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
        let x = self.stem.record(graph, x.flatten(1)?, mode)?.relu()?;
        let long = self.long[0].record(graph, x, mode)?.relu()?;
        let long = self.long[1].record(graph, long, mode)?;
        let short = self.short.record(graph, x, mode)?;
        self.head.record(graph, long.add(short)?.relu()?)
    }

    fn layers(&self) -> Vec<Layer> {
        let (width, mut layers) = ([self.config.width], Vec::new());
        for block in [&self.stem, &self.long[0], &self.long[1], &self.short] {
            layers.push(Layer::new("Linear", &width, block.linear.trained_elements()));
            layers.push(Layer::new("BatchNorm1d", &width, 2 * self.config.width));
        }
        layers.push(Layer::new("Linear", &[self.config.outputs], self.head.trained_elements()));
        layers
    }
}
