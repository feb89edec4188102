//! Permutation of dimensions, e.g. CHW → HWC for pictures: `y.dims()[i] == x.dims()[order[i]]`.
//!
//! A copy, since only row-major arrays exist here; inside a network a transpose is a flag of `matmul` instead.
//! The gradient is the inverse permutation.

use super::rules;
use crate::error::{Error, ShapeRequirement};
use crate::graph::{Backward, Call, Gradient, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::Permute;
use crate::ir::{DType, MAX_RANK, Meta, Shape};
use ndarray::{ArrayD, IxDyn};

#[derive(Debug)]
struct PermuteDims {
    order: Vec<usize>,
}

impl ShapeRule for PermuteDims {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        let dims = inputs[0].shape.dims();
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..dims.len()) {
            let expected = ShapeRequirement::Permutation(self.order.clone());
            return Err(Error::shapes(self.name(), expected, &[inputs[0].shape]));
        }
        let permuted: Vec<usize> = self.order.iter().map(|&axis| dims[axis]).collect();
        one(Meta::f32(Shape::new(&permuted)?))
    }
}

impl Gradient for PermuteDims {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        let mut inverse = vec![0; self.order.len()];
        for (i, &axis) in self.order.iter().enumerate() {
            inverse[axis] = i;
        }
        Ok(vec![Some(node.dy().permute(&inverse)?)])
    }
}

impl Meaning for PermuteDims {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let view = inputs[0].view().permuted_axes(IxDyn(&self.order));
        one(view.as_standard_layout().into_owned())
    }
}

impl Lower for PermuteDims {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let natural = call.inputs[0].shape().broadcast_strides(&call.inputs[0].shape());
        let mut strides = [0; MAX_RANK];
        for (stride, &axis) in strides.iter_mut().zip(&self.order) {
            *stride = natural[axis];
        }
        let (input, output) = (call.inputs[0].value, call.output().value);
        Lowered::kernel(Permute { input, output, shape: call.output().shape(), strides })
    }
}

impl<'g> Tensor<'g> {
    /// Reorders the dimensions: dimension `i` of the result is dimension `order[i]` of `self`.
    ///
    /// # Errors
    /// If `order` does not name each dimension once.
    pub fn permute(self, order: &[usize]) -> Result<Tensor<'g>, Error> {
        self.unary(PermuteDims { order: order.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Case, values};
    use crate::{Error, Graph};
    use ndarray::{Array3, arr2};

    #[test]
    fn values_by_hand() {
        let x = [arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).into_dyn()];
        values(&x, |x| x[0].permute(&[1, 0]), &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn channels_last_puts_the_colours_of_a_pixel_side_by_side() {
        let chw = Array3::from_shape_fn((3, 1, 2), |(c, _, x)| (10 * c + x) as f32).into_dyn();
        values(&[chw], |x| x[0].permute(&[1, 2, 0]), &[0.0, 10.0, 20.0, 1.0, 11.0, 21.0]);
    }

    #[test]
    fn an_order_that_repeats_a_dimension_is_refused() {
        let graph = Graph::new();
        let x = graph.constant(arr2(&[[1.0, 2.0]])).unwrap();
        assert!(matches!(x.permute(&[0, 0]), Err(Error::Shapes { op: "permute", .. })));
    }

    #[test]
    fn permutations_agree_with_the_reference_and_finite_differences() {
        Case::new(&[vec![3, 5]], |x| x[0].permute(&[1, 0])).check();
        Case::new(&[vec![2, 3, 17]], |x| x[0].permute(&[2, 0, 1])).check();
        Case::new(&[vec![2, 1, 3, 4]], |x| x[0].permute(&[3, 1, 0, 2])).check();
        Case::new(&[vec![0, 3]], |x| x[0].permute(&[1, 0])).check();
    }
}
