//! A fully connected layer: y = x · W + b, with W `[inputs, outputs]` in the graph and `[outputs, inputs]` in files.

use plangrad_tensor::{Graph, Parameter, ParameterId, Shape, Tensor, random};

use crate::Error;

/// A fully connected layer with a bias.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    weight: Parameter,
    bias: Parameter,
}

impl Linear {
    /// A layer named `name` whose parameters are numbered from `first`.
    ///
    /// # Errors
    /// [`Error::Tensor`] for sizes whose product overflows.
    pub fn new(name: &str, inputs: usize, outputs: usize, first: usize) -> Result<Linear, Error> {
        let parameter = |offset: usize, part: &str, dims: &[usize]| -> Result<Parameter, Error> {
            let (id, name) = (ParameterId(first + offset), format!("{name}.{part}"));
            Ok(Parameter { id, name, shape: Shape::new(dims)?, transposed: dims.len() == 2 })
        };
        Ok(Linear {
            weight: parameter(0, "weight", &[inputs, outputs])?,
            bias: parameter(1, "bias", &[outputs])?,
        })
    }

    /// Weight and bias.
    pub fn parameters(&self) -> [&Parameter; 2] {
        [&self.weight, &self.bias]
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.weight.shape.dims()[0]
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.weight.shape.dims()[1]
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
        random::uniform(seed, parameter.id.0 as u32, i as u64, -bound, bound)
    }
}
