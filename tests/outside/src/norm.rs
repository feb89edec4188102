//! Batch normalisation (Ioffe and Szegedy, 2015), as `BatchNorm1d` of PyTorch has it.

use plangrad_nn::summary::Layer;
use plangrad_nn::{Block, Error, Initial, Mode, Weights};
use plangrad_tensor::{Graph, Parameter, Tensor};

const EPSILON: f32 = 1e-5;
const MOMENTUM: f32 = 0.1;

/// y = (x − mean) / √(variance + ε) · weight + bias for each column of x `[batch, units]`.
#[derive(Debug)]
pub struct BatchNorm {
    weight: Parameter,
    bias: Parameter,
    running_mean: Parameter,
    running_variance: Parameter,
}

impl BatchNorm {
    /// A layer with PyTorch's names below `name`.
    pub fn new(weights: &mut Weights, name: &str, units: usize) -> Result<BatchNorm, Error> {
        Ok(BatchNorm {
            weight: weights.trained(&format!("{name}.weight"), &[units], Initial::ONES)?,
            bias: weights.trained(&format!("{name}.bias"), &[units], Initial::ZEROS)?,
            running_mean: weights.statistic(&format!("{name}.running_mean"), &[units], Initial::ZEROS)?,
            running_variance: weights.statistic(&format!("{name}.running_var"), &[units], Initial::ONES)?,
        })
    }

    /// Mean and variance of each column, which move the running ones when the step ends.
    fn batch_statistics<'g>(
        &self,
        graph: &'g Graph,
        x: Tensor<'g>,
    ) -> Result<(Tensor<'g>, Tensor<'g>), Error> {
        let rows = x.dims()[0] as f32;
        let (mean, variance) = x.mean_and_variance(0)?;
        let unbiased = variance.affine(rows / (rows - 1.0).max(1.0), 0.0)?;
        for (running, batch) in [(&self.running_mean, mean), (&self.running_variance, unbiased)] {
            let old = graph.parameter(running)?.affine(1.0 - MOMENTUM, 0.0)?;
            graph.assign(running, old.add(batch.affine(MOMENTUM, 0.0)?)?)?;
        }
        Ok((mean, variance))
    }
}

impl Block for BatchNorm {
    /// Normalises by the batch's own statistics in training, and by the running ones in evaluation.
    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        let (mean, variance) = match mode {
            Mode::Train => self.batch_statistics(graph, x)?,
            _ => (graph.parameter(&self.running_mean)?, graph.parameter(&self.running_variance)?),
        };
        let normalised = x.sub(mean)?.div(variance.affine(1.0, EPSILON)?.sqrt()?)?;
        Ok(normalised.mul(graph.parameter(&self.weight)?)?.add(graph.parameter(&self.bias)?)?)
    }

    fn layers(&self, input: &[usize]) -> Vec<Layer> {
        vec![Layer::of("BatchNorm1d", input, [&self.weight, &self.bias])]
    }
}
