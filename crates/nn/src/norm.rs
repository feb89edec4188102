//! Normalisation: y = (x − mean) / √(variance + ε) · weight + bias, with ε = 10⁻⁵ as in PyTorch.
//!
//! | layer | mean and variance of |
//! | --- | --- |
//! | [`BatchNorm`] | each unit over the batch in training; running averages of these in evaluation |
//! | [`LayerNorm`] | each sample over its units |

use plangrad_tensor::{Graph, Parameter, Tensor};

use crate::block::Block;
use crate::layer::Layer;
use crate::{Error, Initial, Mode, Weights};

/// What is added to a variance, PyTorch's `eps`.
pub const NORM_EPSILON: f32 = 1e-5;

/// The share of a batch in running averages, PyTorch's `momentum`.
const MOMENTUM: f32 = 0.1;

/// A factor and a summand for each unit.
#[derive(Clone, Debug, PartialEq)]
struct Affine {
    weight: Parameter,
    bias: Parameter,
}

impl Affine {
    fn new(weights: &mut Weights, name: &str, units: usize) -> Result<Affine, Error> {
        Ok(Affine {
            weight: weights.trained(&format!("{name}.weight"), &[units], Initial::ONES)?,
            bias: weights.trained(&format!("{name}.bias"), &[units], Initial::ZEROS)?,
        })
    }

    /// Normalises `x` by a mean and variance that broadcast to it.
    fn normalise<'g>(
        &self,
        x: Tensor<'g>,
        mean: Tensor<'g>,
        variance: Tensor<'g>,
    ) -> Result<Tensor<'g>, Error> {
        let graph = x.graph();
        let normalised = x.sub(mean)?.div(variance.affine(1.0, NORM_EPSILON)?.sqrt()?)?;
        Ok(normalised.mul(graph.parameter(&self.weight)?)?.add(graph.parameter(&self.bias)?)?)
    }
}

/// Batch normalisation of `[batch, units]` (Ioffe & Szegedy, [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)), PyTorch's
/// `BatchNorm1d`.
///
/// Training normalises each unit by its mean and variance in the batch, and moves the running ones when the step ends:
/// running ← 0.9 · running + 0.1 · batch, where the variance is the unbiased one (Σ (x − mean)² / (batch − 1)). Evaluation
/// normalises by the running ones. A batch of one row has no variance: it is normalised by the running ones, which stay.
///
/// A step in parts takes each part for a batch ([`crate::Module`]).
///
/// ```
/// use plangrad_nn::{BatchNorm, Weights};
///
/// let mut weights = Weights::new();
/// BatchNorm::new(&mut weights, "norm", 64)?;
/// let names: Vec<&str> = weights.parameters().iter().map(|parameter| parameter.name()).collect();
/// assert_eq!(names, ["norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"]);
/// assert_eq!(weights.trained_elements(), 128);
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    affine: Affine,
    running_mean: Parameter,
    running_variance: Parameter,
}

impl BatchNorm {
    /// A layer whose parameters `weight`, `bias`, `running_mean` and `running_var` below `name` are added to `weights`.
    ///
    /// # Errors
    /// [`Error::Tensor`] for a name that is taken.
    pub fn new(weights: &mut Weights, name: &str, units: usize) -> Result<BatchNorm, Error> {
        Ok(BatchNorm {
            affine: Affine::new(weights, name, units)?,
            running_mean: weights.statistic(&format!("{name}.running_mean"), &[units], Initial::ZEROS)?,
            running_variance: weights.statistic(&format!("{name}.running_var"), &[units], Initial::ONES)?,
        })
    }

    /// Mean and variance of each unit in the batch, which move the running ones when the step ends.
    fn of_batch<'g>(&self, graph: &'g Graph, x: Tensor<'g>) -> Result<(Tensor<'g>, Tensor<'g>), Error> {
        let rows = x.dims()[0] as f32;
        let (mean, variance) = x.mean_and_variance(0)?;
        let unbiased = variance.affine(rows / (rows - 1.0), 0.0)?;
        for (running, batch) in [(&self.running_mean, mean), (&self.running_variance, unbiased)] {
            let old = graph.parameter(running)?.affine(1.0 - MOMENTUM, 0.0)?;
            graph.assign(running, old.add(batch.affine(MOMENTUM, 0.0)?)?)?;
        }
        Ok((mean, variance))
    }

    fn running<'g>(&self, graph: &'g Graph) -> Result<(Tensor<'g>, Tensor<'g>), Error> {
        Ok((graph.parameter(&self.running_mean)?, graph.parameter(&self.running_variance)?))
    }
}

impl Block for BatchNorm {
    /// # Errors
    /// If `x` is not `[batch, units]`.
    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        let has_variance = x.dims().first().is_some_and(|&rows| rows > 1);
        let (mean, variance) = match mode {
            Mode::Train if has_variance => self.of_batch(graph, x)?,
            _ => self.running(graph)?,
        };
        self.affine.normalise(x, mean, variance)
    }

    fn layers(&self, input: &[usize]) -> Vec<Layer> {
        vec![Layer::of("BatchNorm1d", input, [&self.affine.weight, &self.affine.bias])]
    }
}

/// Layer normalisation over the last axis (Ba et al., [arXiv:1607.06450](https://arxiv.org/abs/1607.06450)), PyTorch's
/// `LayerNorm`. It is the same in training and evaluation.
///
/// ```
/// use plangrad_nn::{LayerNorm, Weights};
///
/// let mut weights = Weights::new();
/// LayerNorm::new(&mut weights, "norm", 64)?;
/// assert_eq!(weights.trained_elements(), 128);
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    affine: Affine,
}

impl LayerNorm {
    /// A layer whose parameters `weight` and `bias` below `name` are added to `weights`.
    ///
    /// # Errors
    /// [`Error::Tensor`] for a name that is taken.
    pub fn new(weights: &mut Weights, name: &str, units: usize) -> Result<LayerNorm, Error> {
        Ok(LayerNorm { affine: Affine::new(weights, name, units)? })
    }
}

impl Block for LayerNorm {
    /// # Errors
    /// If the last axis of `x` does not have the layer's units.
    fn record<'g>(&self, _: &'g Graph, x: Tensor<'g>, _: Mode) -> Result<Tensor<'g>, Error> {
        let axis = x.dims().len().saturating_sub(1);
        let (mean, variance) = x.mean_and_variance(axis)?;
        let mut kept = x.dims().to_vec();
        kept[axis] = 1;
        self.affine.normalise(x, mean.reshape(&kept)?, variance.reshape(&kept)?)
    }

    fn layers(&self, input: &[usize]) -> Vec<Layer> {
        vec![Layer::of("LayerNorm", input, [&self.affine.weight, &self.affine.bias])]
    }
}
