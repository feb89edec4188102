//! What all elementwise ops share: NumPy broadcasting, the f64 loop, and the one kernel that runs them.

use std::fmt;

use ndarray::{ArrayD, IxDyn};

use crate::backend::reference::Interpreter;
use crate::graph::{Backward, Call, Lowered, Meta, Op};
use crate::plan::{Kernel, Map, MapOp};
use crate::{DType, Error, Shape, Tensor};

/// An op whose every output element depends on the elements of its inputs at the same place.
pub(crate) trait Elementwise: fmt::Debug + 'static {
    /// The name users see.
    const NAME: &'static str;
    /// The formula, in f64.
    fn compute(&self, x: &[f64]) -> f64;
    /// The same formula as a kernel knows it.
    fn kernel(&self) -> MapOp;
    /// The gradient rule, see [`Op::gradient`].
    fn gradient<'g>(&self, _node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Err(Error::NoGradient { op: Self::NAME })
    }
}

/// Makes an [`Op`] of an [`Elementwise`] formula.
#[derive(Debug)]
pub(crate) struct Pointwise<E>(pub(crate) E);

impl<E: Elementwise> Op for Pointwise<E> {
    fn name(&self) -> &'static str {
        E::NAME
    }

    fn output(&self, inputs: &[Meta]) -> Result<Meta, Error> {
        let mut shape = Shape::SCALAR;
        for (i, input) in inputs.iter().enumerate() {
            input.expect(DType::F32, E::NAME)?;
            shape = if i == 0 { input.shape } else { shape.broadcast(input.shape, E::NAME)? };
        }
        Ok(Meta::f32(shape))
    }

    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        self.0.gradient(node)
    }

    fn reference(
        &self,
        inputs: &[&ArrayD<f64>],
        output: Shape,
        _: &mut Interpreter,
    ) -> Result<ArrayD<f64>, Error> {
        let dims = IxDyn(output.dims());
        let views: Vec<_> = inputs
            .iter()
            .map(|x| x.broadcast(dims.clone()).expect("the shape rule accepted these inputs"))
            .collect();
        let mut x = vec![0.0; views.len()];
        Ok(ArrayD::from_shape_fn(dims, |index| {
            for (x, view) in x.iter_mut().zip(&views) {
                *x = view[&index];
            }
            self.0.compute(&x)
        }))
    }

    fn lower(&self, call: &Call) -> Lowered {
        Lowered::Kernel(Kernel::Map(Map::new(self.0.kernel(), call)))
    }
}
