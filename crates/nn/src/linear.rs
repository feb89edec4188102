//! A fully connected layer: y = x · W + b, with W `[inputs, outputs]` in the graph and `[outputs, inputs]` in files.

use plangrad_tensor::{FileOrder, Graph, Parameter, Parameters, Role, Shape, Tensor, random};

use crate::Error;

/// A fully connected layer with a bias.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    weight: Parameter,
    bias: Parameter,
}

impl Linear {
    /// A layer named `name` whose parameters are added to `list`.
    ///
    /// # Errors
    /// [`Error::Tensor`] for sizes whose product overflows, or a name that is taken.
    pub fn new(list: &mut Parameters, name: &str, inputs: usize, outputs: usize) -> Result<Linear, Error> {
        let mut add = |part: &str, dims: &[usize], order| {
            let shape = Shape::new(dims).map_err(plangrad_tensor::Error::from)?;
            list.add(&format!("{name}.{part}"), shape, Role::Trained, order)
        };
        Ok(Linear {
            weight: add("weight", &[inputs, outputs], FileOrder::Transposed)?,
            bias: add("bias", &[outputs], FileOrder::AsInGraph)?,
        })
    }

    /// Weight and bias.
    pub fn parameters(&self) -> [&Parameter; 2] {
        [&self.weight, &self.bias]
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.weight.shape().dims()[0]
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.weight.shape().dims()[1]
    }

    /// Records x · W + b for x `[batch, inputs]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn forward<'g>(&self, graph: &'g Graph, x: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        Ok(x.matmul(graph.parameter(&self.weight)?)?.add(graph.parameter(&self.bias)?)?)
    }

    /// First value of element `i` of one of its parameters, in file order: uniform in ±1/√inputs, PyTorch's default
    /// (`kaiming_uniform_` with a = √5 comes to the same bound).
    pub fn initial_value(&self, parameter: &Parameter, seed: u64, i: usize) -> f32 {
        let bound = 1.0 / (self.inputs().max(1) as f32).sqrt();
        random::uniform(seed, parameter.id().number(), i as u64, -bound, bound)
    }
}
