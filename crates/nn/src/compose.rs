//! Blocks made of blocks: one after the other, around a shortcut, beside each other.

use std::sync::Arc;

use plangrad_tensor::{Graph, Tensor};

use crate::block::Block;
use crate::layer::Layer;
use crate::{Error, Mode};

/// Blocks one after the other; without any, the identity.
///
/// ```
/// use plangrad_nn::{Activation, Block, Dropout, Linear, Sequential, Weights};
///
/// let mut weights = Weights::new();
/// let body = Sequential::new()
///     .with(Linear::new(&mut weights, "0", 784, 128)?)
///     .with(Activation::Relu)
///     .with(Dropout::new(&mut weights, 0.2)?)
///     .with(Linear::new(&mut weights, "3", 128, 10)?);
/// assert_eq!(body.layers(&[784]).len(), 4);
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sequential {
    blocks: Vec<Arc<dyn Block>>,
}

impl Sequential {
    /// No blocks yet.
    #[must_use]
    pub fn new() -> Sequential {
        Sequential::default()
    }

    /// These and one behind them.
    #[must_use]
    pub fn with(mut self, block: impl Block + 'static) -> Sequential {
        self.push(Arc::new(block));
        self
    }

    /// Adds a block behind the others.
    pub fn push(&mut self, block: Arc<dyn Block>) {
        self.blocks.push(block);
    }
}

impl Block for Sequential {
    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        self.blocks.iter().try_fold(x, |x, block| block.record(graph, x, mode))
    }

    fn layers(&self, input: &[usize]) -> Vec<Layer> {
        let mut layers: Vec<Layer> = Vec::new();
        for block in &self.blocks {
            let input = layers.last().map_or_else(|| input.to_vec(), |last| last.output_shape.clone());
            layers.extend(block.layers(&input));
        }
        layers
    }
}

/// y = x + f(x), where f is a block whose result has the shape of x (He et al.,
/// [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)).
///
/// ```
/// use plangrad_nn::{Activation, Linear, Residual, Sequential, Weights};
///
/// let mut weights = Weights::new();
/// let inner = Sequential::new()
///     .with(Linear::new(&mut weights, "block.0", 64, 64)?)
///     .with(Activation::Relu)
///     .with(Linear::new(&mut weights, "block.2", 64, 64)?);
/// let block = Residual::new(inner);
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Residual {
    inner: Arc<dyn Block>,
}

impl Residual {
    /// A shortcut around `inner`.
    #[must_use]
    pub fn new(inner: impl Block + 'static) -> Residual {
        Residual { inner: Arc::new(inner) }
    }
}

impl Block for Residual {
    /// # Errors
    /// [`Error::Branches`] if the block's result has another shape than `x`.
    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        add(x, self.inner.record(graph, x, mode)?)
    }

    fn layers(&self, input: &[usize]) -> Vec<Layer> {
        let mut layers = self.inner.layers(input);
        layers.push(Layer::new("Residual", input, 0));
        layers
    }
}

/// y = Σ fᵢ(x), for branches fᵢ whose results have the same shape. A branch may be an empty [`Sequential`], which is x itself.
///
/// ```
/// use plangrad_nn::{Activation, Linear, Parallel, Sequential, Weights};
///
/// let mut weights = Weights::new();
/// let one = Linear::new(&mut weights, "branches.0.0", 64, 32)?;
/// let other = Linear::new(&mut weights, "branches.1.0", 64, 32)?;
/// let branches = Parallel::new(Sequential::new().with(one).with(Activation::Relu))
///     .with(Sequential::new().with(other).with(Activation::Tanh));
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Parallel {
    first: Arc<dyn Block>,
    others: Vec<Arc<dyn Block>>,
}

impl Parallel {
    /// One branch.
    #[must_use]
    pub fn new(branch: impl Block + 'static) -> Parallel {
        Parallel { first: Arc::new(branch), others: Vec::new() }
    }

    /// These branches and one more.
    #[must_use]
    pub fn with(mut self, branch: impl Block + 'static) -> Parallel {
        self.others.push(Arc::new(branch));
        self
    }
}

impl Block for Parallel {
    /// # Errors
    /// [`Error::Branches`] if results differ in shape.
    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        let first = self.first.record(graph, x, mode)?;
        self.others.iter().try_fold(first, |sum, branch| add(sum, branch.record(graph, x, mode)?))
    }

    fn layers(&self, input: &[usize]) -> Vec<Layer> {
        let branches = [&self.first].into_iter().chain(&self.others);
        let mut layers: Vec<Layer> = branches.flat_map(|branch| branch.layers(input)).collect();
        layers.push(Layer::new("Parallel", &self.first.output_shape(input), 0));
        layers
    }
}

/// The sum of two results of the same shape. Tensors of other shapes might be stretched, which no one means here.
fn add<'g>(one: Tensor<'g>, other: Tensor<'g>) -> Result<Tensor<'g>, Error> {
    if one.dims() != other.dims() {
        return Err(Error::Branches { expected: one.dims().to_vec(), found: other.dims().to_vec() });
    }
    Ok(one.add(other)?)
}
