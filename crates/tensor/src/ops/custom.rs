//! Operations of one's own: made of recorded operations, with a gradient rule that need not be theirs.
//!
//! What [`CustomOp::forward`] records is what is planned, fused and run, like everything else; behind it stands a node that
//! computes nothing. On the way back this node asks [`CustomOp::backward`] for the gradients of the inputs, so the walk never
//! reaches what the forward pass was made of.
//!
//! What the rule records can be differentiated again like any other operations. A tensor that the forward pass reads without
//! its being an input would get no gradient: that is an error, not a zero.

use std::fmt;
use std::sync::Arc;

use ndarray::ArrayD;

use super::rules;
use crate::error::{Error, ShapeRequirement};
use crate::graph::{
    Backward, Call, Gradient, Graph, Interpreter, Known, Lower, Lowered, Meaning, ShapeRule, Simpler, Tensor,
    one,
};
use crate::ir::{DType, Meta, Shape};

/// An operation of one's own, of recorded operations. [`Graph::custom`] records it.
///
/// ```
/// use ndarray::arr1;
/// use plangrad_tensor::{CustomOp, CustomGradient, Error, Graph, Tensor, eval};
///
/// /// Rounds to 1 above 0 and to 0 elsewhere, and passes the gradient on as if it were not there (a straight-through
/// /// estimator, Bengio et al., arXiv:1308.3432).
/// #[derive(Debug)]
/// struct Binarize;
///
/// impl CustomOp for Binarize {
///     fn name(&self) -> &'static str {
///         "binarize"
///     }
///     fn forward<'g>(&self, x: &[Tensor<'g>]) -> Result<Tensor<'g>, Error> {
///         x[0].greater(x[0].graph().constant(arr1(&[0.0]))?)
///     }
///     fn backward<'g>(&self, call: &CustomGradient<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
///         Ok(vec![Some(call.output_gradient)])
///     }
/// }
///
/// let graph = Graph::new();
/// let x = graph.variable(arr1(&[-1.0, 2.0]))?;
/// let y = graph.custom(Binarize, &[x])?;
/// let slope = graph.gradients(y.affine(3.0, 0.0)?.sum()?, &[x])?[0];
/// assert_eq!(eval(y)?, arr1(&[0.0, 1.0]).into_dyn());
/// assert_eq!(eval(slope)?, arr1(&[3.0, 3.0]).into_dyn());
/// # Ok::<(), Error>(())
/// ```
pub trait CustomOp: fmt::Debug + 'static {
    /// The name that errors show.
    fn name(&self) -> &'static str;

    /// Records what it computes of `inputs`: one tensor of f32. Everything that gradients flow through must be an input.
    ///
    /// # Errors
    /// Those of the operations that it records, or [`Error::Shapes`], [`Error::Types`] and [`Error::Argument`] of its own.
    fn forward<'g>(&self, inputs: &[Tensor<'g>]) -> Result<Tensor<'g>, Error>;

    /// Records the gradient by each input, in order and of its shape; `None` for one whose gradient is zero.
    ///
    /// # Errors
    /// Those of the operations that it records; [`Error::NoGradient`] if there is none, or none may be asked twice.
    fn backward<'g>(&self, call: &CustomGradient<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error>;
}

/// What the gradient rule of a [`CustomOp`] sees.
///
/// Example: [`CustomOp`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CustomGradient<'g> {
    /// What it was applied to.
    pub inputs: Vec<Tensor<'g>>,
    /// What it computed.
    pub output: Tensor<'g>,
    /// The gradient of the loss by that, of the same shape.
    pub output_gradient: Tensor<'g>,
    /// For each input whether anybody wants its gradient; others may be `None` whatever they are.
    pub wanted: Vec<bool>,
}

/// An elementwise formula of one's own: a value and a slope by each operand, of recorded elementwise operations.
/// [`Graph::formula`] records it.
///
/// ```
/// use ndarray::arr1;
/// use plangrad_tensor::{Error, Formula, Graph, Tensor, eval};
///
/// /// ln(1 + eˣ), whose slope is the logistic function.
/// #[derive(Debug)]
/// struct Softplus;
///
/// impl Formula for Softplus {
///     fn name(&self) -> &'static str {
///         "softplus"
///     }
///     fn value<'g>(&self, x: &[Tensor<'g>]) -> Result<Tensor<'g>, Error> {
///         // max(x, 0) + ln(1 + e^−|x|) overflows nowhere.
///         let tail = x[0].abs()?.affine(-1.0, 0.0)?.exp()?.affine(1.0, 1.0)?.ln()?;
///         x[0].relu()?.add(tail)
///     }
///     fn slopes<'g>(&self, x: &[Tensor<'g>], _value: Tensor<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
///         Ok(vec![Some(x[0].sigmoid()?)])
///     }
/// }
///
/// let graph = Graph::new();
/// let x = graph.variable(arr1(&[0.0, 100.0]))?;
/// let y = graph.formula(Softplus, &[x])?;
/// let slope = graph.gradients(y.sum()?, &[x])?[0];
/// assert_eq!(eval(y)?, arr1(&[2f32.ln(), 100.0]).into_dyn());
/// assert_eq!(eval(slope)?, arr1(&[0.5, 1.0]).into_dyn());
/// # Ok::<(), Error>(())
/// ```
pub trait Formula: fmt::Debug + 'static {
    /// The name that errors show.
    fn name(&self) -> &'static str;

    /// Records the value, of the shape to which the operands are broadcast.
    ///
    /// # Errors
    /// Those of the operations that it records.
    fn value<'g>(&self, x: &[Tensor<'g>]) -> Result<Tensor<'g>, Error>;

    /// Records the slope ∂value/∂xᵢ by each operand, in order; `None` where it is zero everywhere. The gradient of an operand
    /// is the slope times the gradient by the value, summed where the operand was stretched.
    ///
    /// # Errors
    /// Those of the operations that it records.
    fn slopes<'g>(&self, x: &[Tensor<'g>], value: Tensor<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error>;
}

/// A formula as an operation.
#[derive(Debug)]
struct OfFormula<F>(F);

impl<F: Formula> CustomOp for OfFormula<F> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn forward<'g>(&self, inputs: &[Tensor<'g>]) -> Result<Tensor<'g>, Error> {
        let value = self.0.value(inputs)?;
        let mut shape = Shape::SCALAR;
        for input in inputs {
            shape = rules::broadcast(shape, input.shape(), self.name())?;
        }
        match value.shape() == shape {
            true => Ok(value),
            false => Err(Error::shapes(
                self.name(),
                "a value of the shape to which its operands are broadcast",
                &[value.shape(), shape],
            )),
        }
    }

    fn backward<'g>(&self, call: &CustomGradient<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        let slopes = self.0.slopes(&call.inputs, call.output)?;
        let gradient = |(slope, input): (Option<Tensor<'g>>, &Tensor<'g>)| {
            slope.map(|slope| call.output_gradient.mul(slope)?.sum_to(input.shape())).transpose()
        };
        check_count(self.name(), slopes.len(), &call.inputs)?;
        slopes.into_iter().zip(&call.inputs).map(gradient).collect()
    }
}

/// The node behind what the forward pass has recorded. Inputs: its result, and what the operation was applied to.
#[derive(Debug)]
struct Custom {
    op: Arc<dyn CustomOp>,
}

impl ShapeRule for Custom {
    fn name(&self) -> &'static str {
        self.op.name()
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        one(inputs[0])
    }
}

impl Gradient for Custom {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        let call = CustomGradient {
            inputs: node.inputs[1..].to_vec(),
            output: node.output(),
            output_gradient: node.dy(),
            wanted: node.wanted[1..].to_vec(),
        };
        let gradients = self.op.backward(&call)?;
        check_count(self.name(), gradients.len(), &call.inputs)?;
        for (gradient, input) in gradients.iter().zip(&call.inputs) {
            let Some(gradient) = gradient.filter(|gradient| gradient.shape() != input.shape()) else {
                continue;
            };
            let expected = "a gradient by each input of the input's shape";
            return Err(Error::shapes(self.name(), expected, &[gradient.shape(), input.shape()]));
        }
        Ok([None].into_iter().chain(gradients).collect())
    }
}

/// Refuses a rule that does not speak of each input.
fn check_count(op: &'static str, found: usize, inputs: &[Tensor<'_>]) -> Result<(), Error> {
    if found == inputs.len() {
        return Ok(());
    }
    let shapes: Vec<Shape> = inputs.iter().map(Tensor::shape).collect();
    Err(Error::shapes(op, ShapeRequirement::Gradients { expected: inputs.len(), found }, &shapes))
}

impl Meaning for Custom {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        one(inputs[0].clone())
    }
}

impl Lower for Custom {
    fn lower(&self, _: &mut Call<'_>) -> Lowered {
        Lowered::Alias
    }

    /// It is its first input: so that a plan holds what was recorded and nothing else.
    fn simplify(&self, _: &Known<'_>) -> Simpler {
        Simpler::Input(0)
    }
}

impl Graph {
    /// Records an operation of one's own, applied to `inputs`: see [`CustomOp`].
    ///
    /// # Errors
    /// Those of [`CustomOp::forward`]; [`Error::Types`] if what it computes is not f32; [`Error::NotAnInput`] if it reads a
    /// tensor with a gradient that is not one of `inputs`; [`Error::OtherGraph`] for a tensor of another graph. Later, from
    /// [`Graph::gradients`], those of [`CustomOp::backward`], and [`Error::Shapes`] if its gradients are not as many as the
    /// inputs and of their shapes.
    pub fn custom<'g>(&'g self, op: impl CustomOp, inputs: &[Tensor<'g>]) -> Result<Tensor<'g>, Error> {
        if inputs.iter().any(|input| !self.owns(input)) {
            return Err(Error::OtherGraph { op: op.name() });
        }
        let first = self.nodes().len();
        let output = op.forward(inputs)?;
        if !self.owns(&output) {
            return Err(Error::OtherGraph { op: op.name() });
        }
        if self.reads_others(first, &output, inputs) {
            return Err(Error::NotAnInput { op: op.name() });
        }
        let operands: Vec<Tensor<'g>> = [output].into_iter().chain(inputs.iter().copied()).collect();
        self.record(Custom { op: Arc::new(op) }, &operands)
    }

    /// Records an elementwise formula of one's own, applied to `operands`: see [`Formula`].
    ///
    /// # Errors
    /// As [`Graph::custom`], with [`Formula::value`] and [`Formula::slopes`] for the two passes; [`Error::Shapes`] if the value
    /// does not have the shape to which the operands are broadcast.
    pub fn formula<'g>(
        &'g self,
        formula: impl Formula,
        operands: &[Tensor<'g>],
    ) -> Result<Tensor<'g>, Error> {
        self.custom(OfFormula(formula), operands)
    }

    /// Whether `output`, or a node from `first` on, reads something with a gradient that is neither made by such a node nor one
    /// of `inputs`.
    fn reads_others(&self, first: usize, output: &Tensor<'_>, inputs: &[Tensor<'_>]) -> bool {
        let (nodes, results) = (self.nodes(), self.results());
        let is_other = |number: u32| {
            let result = &results[number as usize];
            let is_input = inputs.iter().any(|input| input.number() == number);
            // A variable or a parameter is nobody's result, though recorded on the way.
            let is_made_here = result.node >= first && !nodes[result.node].op.is_variable();
            result.requires_grad && !is_input && !is_made_here
        };
        let read = nodes[first..].iter().flat_map(|node| &node.inputs).copied();
        read.chain([output.number()]).any(is_other)
    }
}
