//! A fully connected layer: y = x · W + b, with W `[inputs, outputs]` in the graph and `[outputs, inputs]` in files.

use plangrad_tensor::{Graph, Parameter, Tensor, Transpose};

use crate::block::Block;
use crate::layer::Layer;
use crate::{Error, Initial, Mode, Weights};

/// A fully connected layer, with a bias or without.
///
/// A clone of a layer shares its weights: a network that records both has one gradient, summed over the two uses.
///
/// ```
/// use plangrad_nn::{Linear, Weights};
///
/// // An autoencoder whose decoder is the encoder's transpose: one matrix, and a bias for each layer.
/// let mut weights = Weights::new();
/// let encoder = Linear::new(&mut weights, "encoder", 784, 32)?;
/// let decoder = Linear::tied(&mut weights, "decoder", &encoder)?;
/// assert_eq!((decoder.inputs(), decoder.outputs()), (32, 784));
/// assert_eq!(weights.trained_elements(), 784 * 32 + 32 + 784);
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    weight: Parameter,
    bias: Option<Parameter>,
    /// Whether it multiplies by the matrix's transpose.
    transpose: Transpose,
    /// Whether the matrix is another layer's.
    is_tied: bool,
}

impl Linear {
    /// A layer whose parameters `{name}.weight` and `{name}.bias` are added to `weights`. They start as in PyTorch
    /// ([`Initial::linear`]).
    ///
    /// # Errors
    /// [`Error::Tensor`] for sizes whose product overflows, or a name that is taken.
    pub fn new(weights: &mut Weights, name: &str, inputs: usize, outputs: usize) -> Result<Linear, Error> {
        Linear::without_bias(weights, name, inputs, outputs)?.with_bias(weights, name)
    }

    /// The same without a bias.
    ///
    /// # Errors
    /// As [`Linear::new`].
    pub fn without_bias(
        weights: &mut Weights,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Linear, Error> {
        let weight = weights.matrix(&format!("{name}.weight"), inputs, outputs, Initial::linear(inputs))?;
        Ok(Linear { weight, bias: None, transpose: Transpose::No, is_tied: false })
    }

    fn with_bias(self, weights: &mut Weights, name: &str) -> Result<Linear, Error> {
        let (dims, initial) = ([self.outputs()], Initial::linear(self.inputs()));
        let bias = Some(weights.trained(&format!("{name}.bias"), &dims, initial)?);
        Ok(Linear { bias, ..self })
    }

    /// A layer from the outputs of `other` back to its inputs: y = x · Wᵀ + b, where W is that of `other` and `{name}.bias` is
    /// added to `weights`. Files hold W once, under the name that `other` has for it.
    ///
    /// # Errors
    /// [`Error::Tensor`] for a name that is taken.
    pub fn tied(weights: &mut Weights, name: &str, other: &Linear) -> Result<Linear, Error> {
        other.transposed().with_bias(weights, name)
    }

    /// The same without a bias: it declares nothing of its own.
    #[must_use]
    pub fn transposed(&self) -> Linear {
        let (weight, transpose) = (self.weight.clone(), !self.transpose);
        Linear { weight, bias: None, transpose, is_tied: true }
    }

    /// Number of inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.weight.shape().dims()[usize::from(self.transpose == Transpose::Yes)]
    }

    /// Number of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.weight.shape().dims()[usize::from(self.transpose == Transpose::No)]
    }

    /// Numbers that it trains: of a tied layer its bias, since the matrix is another layer's.
    #[must_use]
    pub fn trained_elements(&self) -> usize {
        let trained = self.own().filter(|parameter| parameter.is_trained());
        trained.map(|parameter| parameter.shape().elements()).sum()
    }

    /// The parameters that it has declared.
    fn own(&self) -> impl Iterator<Item = &Parameter> {
        let weight = (!self.is_tied).then_some(&self.weight);
        weight.into_iter().chain(&self.bias)
    }
}

impl Block for Linear {
    /// Records x · W + b, or x · W, for x `[batch, inputs]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, _: Mode) -> Result<Tensor<'g>, Error> {
        let product = x.matmul_with(graph.parameter(&self.weight)?, Transpose::No, self.transpose)?;
        match &self.bias {
            Some(bias) => Ok(product.add(graph.parameter(bias)?)?),
            None => Ok(product),
        }
    }

    fn layers(&self, _: &[usize]) -> Vec<Layer> {
        vec![Layer::of("Linear", &[self.outputs()], self.own())]
    }
}
