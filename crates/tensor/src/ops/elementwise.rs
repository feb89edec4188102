//! What all elementwise ops share: NumPy broadcasting, the f64 loop, and the one kernel that runs them.

use std::fmt;

use super::rules;
use crate::error::Error;
use crate::graph::{
    Backward, Call, Gradient, Interpreter, Known, Lower, Lowered, Meaning, Operand, ShapeRule, Simpler,
    Tensor, one,
};
use crate::ir::kernel::{Map, MapInput, MapOp};
use crate::ir::{DType, Meta, Shape};
use ndarray::{ArrayD, IxDyn};

/// An op whose every output element depends on the elements of its inputs at the same place.
pub(crate) trait Elementwise: fmt::Debug + 'static {
    /// The name users see.
    const NAME: &'static str;
    /// The formula, in f64.
    fn compute(&self, x: &[f64]) -> f64;
    /// The same formula as a kernel knows it.
    fn kernel(&self) -> MapOp;
    /// See [`Lower::simplify`].
    fn simplify(&self, _call: &Known<'_>) -> Simpler {
        Simpler::No
    }
    /// The gradient rule, see [`Gradient::gradient`].
    fn gradient<'g>(&self, _node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Err(Error::NoGradient { op: Self::NAME })
    }
}

/// The kernel that applies `op` to the inputs, stretched to the shape of the output.
pub(super) fn map(op: MapOp, call: &Call<'_>) -> Lowered {
    let output = call.output();
    let shape = output.shape();
    let input = |operand: &Operand| MapInput::stretched(operand.value, operand.shape(), shape);
    let first = input(&call.inputs[0]);
    let second = call.inputs.get(1).map_or(first, input);
    let arity = call.inputs.len();
    Lowered::kernel(Map { op, inputs: [first, second], arity, output: output.value, shape })
}

/// Makes an [`Op`](crate::graph::Op) of an [`Elementwise`] formula.
#[derive(Debug)]
pub(crate) struct Pointwise<E>(pub(crate) E);

impl<E: Elementwise> ShapeRule for Pointwise<E> {
    fn name(&self) -> &'static str {
        E::NAME
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        let mut shape = Shape::SCALAR;
        for (i, input) in inputs.iter().enumerate() {
            rules::expect(input, DType::F32, E::NAME)?;
            shape = if i == 0 { input.shape } else { rules::broadcast(shape, input.shape, E::NAME)? };
        }
        one(Meta::f32(shape))
    }
}

impl<E: Elementwise> Gradient for Pointwise<E> {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        self.0.gradient(node)
    }
}

impl<E: Elementwise> Meaning for Pointwise<E> {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        outputs: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let dims = IxDyn(outputs[0].dims());
        let views: Vec<_> = inputs
            .iter()
            .map(|x| x.broadcast(dims.clone()).expect("the shape rule accepted these inputs"))
            .collect();
        let mut x = vec![0.0; views.len()];
        one(ArrayD::from_shape_fn(dims, |index| {
            for (x, view) in x.iter_mut().zip(&views) {
                *x = view[&index];
            }
            self.0.compute(&x)
        }))
    }
}

impl<E: Elementwise> Lower for Pointwise<E> {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        map(self.0.kernel(), call)
    }

    fn simplify(&self, call: &Known<'_>) -> Simpler {
        self.0.simplify(call)
    }
}
