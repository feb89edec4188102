//! Reshape and flatten: the same bytes under another shape, never a copy.

use crate::error::{Error, ShapeRequirement};
use crate::graph::{
    Backward, Call, Gradient, Interpreter, Known, Lower, Lowered, Meaning, ShapeRule, Simpler, Tensor, one,
};
use crate::ir::{Meta, Shape};
use ndarray::{ArrayD, IxDyn};

#[derive(Debug)]
struct Reshape {
    target: Shape,
}

impl ShapeRule for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        match inputs[0].shape.elements() == self.target.elements() {
            true => one(Meta { shape: self.target, dtype: inputs[0].dtype }),
            false => Err(Error::shapes(
                "reshape",
                "as many elements before as after",
                &[inputs[0].shape, self.target],
            )),
        }
    }
}

impl Gradient for Reshape {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Ok(vec![Some(node.dy().reshape(node.inputs[0].dims())?)])
    }
}

impl Meaning for Reshape {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        outputs: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let values = inputs[0].iter().copied().collect();
        one(ArrayD::from_shape_vec(IxDyn(outputs[0].dims()), values)
            .expect("the shape rule compared the counts"))
    }
}

impl Lower for Reshape {
    fn lower(&self, _: &mut Call<'_>) -> Lowered {
        Lowered::Alias
    }

    fn simplify(&self, call: &Known<'_>) -> Simpler {
        call.inputs[0].full.map_or(Simpler::No, Simpler::Full)
    }
}

impl<'g> Tensor<'g> {
    /// The same elements, in the same order, under the shape `dims`.
    ///
    /// # Errors
    /// If the number of elements differs.
    pub fn reshape(self, dims: &[usize]) -> Result<Tensor<'g>, Error> {
        let target = Shape::new(dims)?;
        if self.shape() == target { Ok(self) } else { self.unary(Reshape { target }) }
    }

    /// Merges the dimensions from `start` on into one (PyTorch's `flatten(start_dim=start)`).
    ///
    /// # Errors
    /// If there are fewer than `start` dimensions.
    pub fn flatten(self, start: usize) -> Result<Tensor<'g>, Error> {
        if start > self.shape().rank() {
            let expected = ShapeRequirement::Rank(start);
            return Err(Error::shapes("flatten", expected, &[self.shape()]));
        }
        let (kept, merged) = self.dims().split_at(start);
        let mut dims = kept.to_vec();
        dims.push(merged.iter().product());
        self.reshape(&dims)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Case, values};
    use crate::{Error, Graph};
    use ndarray::arr2;

    #[test]
    fn values_by_hand() {
        let x = [arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).into_dyn()];
        values(&x, |x| x[0].reshape(&[3, 2])?.sum_axis(0), &[9.0, 12.0]);
        values(&x, |x| x[0].flatten(0), &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn a_reshape_cannot_invent_elements() {
        let graph = Graph::new();
        let x = graph.constant(arr2(&[[1.0, 2.0]])).unwrap();
        assert!(matches!(x.reshape(&[3]), Err(Error::Shapes { op: "reshape", .. })));
        assert!(matches!(x.flatten(3), Err(Error::Shapes { op: "flatten", .. })));
    }

    #[test]
    fn reshapes_agree_with_the_reference_and_finite_differences() {
        Case::new(&[vec![2, 3, 4]], |x| x[0].flatten(1)?.tanh()).check();
        Case::new(&[vec![12]], |x| x[0].reshape(&[3, 4])?.sum_axis(1)).check();
    }
}
