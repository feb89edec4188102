//! A fully connected layer: y = x · W + b, with W `[inputs, outputs]` in the graph and `[outputs, inputs]` in files.

use plangrad_tensor::{Graph, Parameter, Tensor};

use crate::{Error, Initial, Weights};

/// A fully connected layer with a bias.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    weight: Parameter,
    bias: Parameter,
}

impl Linear {
    /// A layer whose parameters `{name}.weight` and `{name}.bias` are added to `weights`. They start as in PyTorch
    /// ([`Initial::linear`]).
    ///
    /// # Errors
    /// [`Error::Tensor`] for sizes whose product overflows, or a name that is taken.
    pub fn new(weights: &mut Weights, name: &str, inputs: usize, outputs: usize) -> Result<Linear, Error> {
        let initial = Initial::linear(inputs);
        Ok(Linear {
            weight: weights.matrix(&format!("{name}.weight"), inputs, outputs, initial)?,
            bias: weights.trained(&format!("{name}.bias"), &[outputs], initial)?,
        })
    }

    /// Number of inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.weight.shape().dims()[0]
    }

    /// Number of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.weight.shape().dims()[1]
    }

    /// Numbers it trains.
    #[must_use]
    pub fn trained_elements(&self) -> usize {
        self.weight.shape().elements() + self.bias.shape().elements()
    }

    /// Records x · W + b for x `[batch, inputs]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        Ok(x.matmul(graph.parameter(&self.weight)?)?.add(graph.parameter(&self.bias)?)?)
    }
}
