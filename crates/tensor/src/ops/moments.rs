//! Mean and variance along one axis, which disappears: the statistics of a batch.
//!
//! | | |
//! | --- | --- |
//! | mean | μ = 1/n Σ x |
//! | variance | σ² = 1/n Σ (x − μ)², the population's, as batch normalisation takes it |
//! | dx | (dμ + 2 · (x − μ) · dσ²) / n |
//!
//! One op with two results: the centred numbers are computed once for both passes over them. Ioffe & Szegedy,
//! [arXiv:1502.03167](https://arxiv.org/abs/1502.03167).

use ndarray::{ArrayD, Axis};

use super::rules;
use crate::error::{Error, ShapeRequirement};
use crate::graph::{
    Backward, Call, Gradient, Interpreter, Lower, Lowered, Meaning, Operand, ShapeRule, Tensor,
};
use crate::ir::kernel::{Map, MapInput, MapOp, Reduce, Reduction};
use crate::ir::{DType, Kernel, Meta, Shape, Value};

/// Input: any shape with the axis. Outputs: mean and variance, without it.
#[derive(Debug)]
struct MeanAndVariance {
    axis: usize,
}

impl MeanAndVariance {
    /// The input's shape with the axis reduced to 1.
    fn kept(&self, input: &Shape) -> Result<Shape, Error> {
        let mut dims = input.dims().to_vec();
        dims[self.axis] = 1;
        Ok(Shape::new(&dims)?)
    }
}

impl ShapeRule for MeanAndVariance {
    fn name(&self) -> &'static str {
        "mean_and_variance"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        let mut dims = inputs[0].shape.dims().to_vec();
        if self.axis >= dims.len() {
            let expected = ShapeRequirement::Axis(self.axis);
            return Err(Error::shapes(self.name(), expected, &[inputs[0].shape]));
        }
        dims.remove(self.axis);
        Ok(vec![Meta::f32(Shape::new(&dims)?); 2])
    }
}

impl Gradient for MeanAndVariance {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        let (x, mean) = (node.inputs[0], node.outputs[0]);
        let kept = self.kept(&x.shape())?;
        let share = 1.0 / x.dims()[self.axis] as f32;
        let stretched = |t: Tensor<'g>, factor: f32| t.affine(factor, 0.0)?.reshape(kept.dims());
        let of_mean =
            node.gradients[0].map(|dy| stretched(dy, share)?.broadcast_to(x.shape())).transpose()?;
        let of_variance = node.gradients[1]
            .map(|dy| x.sub(mean.reshape(kept.dims())?)?.mul(stretched(dy, 2.0 * share)?))
            .transpose()?;
        Ok(vec![match (of_mean, of_variance) {
            (Some(a), Some(b)) => Some(a.add(b)?),
            (a, b) => a.or(b),
        }])
    }
}

impl Meaning for MeanAndVariance {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let axis = Axis(self.axis);
        let n = inputs[0].len_of(axis) as f64;
        let mean = inputs[0].sum_axis(axis) / n;
        let centred = inputs[0] - &mean.clone().insert_axis(axis);
        Ok(vec![mean, (&centred * &centred).sum_axis(axis) / n])
    }
}

impl Lower for MeanAndVariance {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (x, mean, variance) = (call.inputs[0], call.outputs[0], call.outputs[1]);
        let (shape, reduced) = (x.shape(), x.shape().dims()[self.axis]);
        let mut temporary = |meta| (call.temporary)(meta);
        let (sums, centred) = (temporary(mean.meta), temporary(x.meta));
        let (squares, square_sums) = (temporary(x.meta), temporary(mean.meta));
        let (outer, rest) = shape.dims().split_at(self.axis);
        let (outer, inner) = (outer.iter().product(), rest[1..].iter().product());
        let sum = |input, output| -> Kernel {
            Reduce { reduction: Reduction::Sum, input, output, outer, reduced, inner }.into()
        };
        let share = |input: Value, output: Operand| -> Kernel {
            let op = MapOp::Affine { scale: 1.0 / reduced as f32, shift: 0.0 };
            let input = MapInput::stretched(input, output.shape(), output.shape());
            Map { op, inputs: [input; 2], arity: 1, output: output.value, shape: output.shape() }.into()
        };
        let whole = |value| MapInput::stretched(value, shape, shape);
        let kept = self.kept(&shape).expect("no larger than the input, which exists");
        let map = |op, inputs, output| -> Kernel { Map { op, inputs, arity: 2, output, shape }.into() };
        let means = MapInput::stretched(mean.value, kept, shape);
        Lowered::Kernels(vec![
            sum(x.value, sums),
            share(sums, mean),
            map(MapOp::Sub, [whole(x.value), means], centred),
            map(MapOp::Mul, [whole(centred); 2], squares),
            sum(squares, square_sums),
            share(square_sums, variance),
        ])
    }

    fn is_exact(&self) -> bool {
        true
    }
}

impl<'g> Tensor<'g> {
    /// Mean and variance (of the population) along `axis`, which disappears from the shapes.
    ///
    /// ```
    /// use ndarray::{arr1, arr2};
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let x = graph.constant(arr2(&[[1.0, 5.0], [3.0, 5.0]]))?;
    /// let (mean, variance) = x.mean_and_variance(0)?;
    /// assert_eq!(eval(mean)?, arr1(&[2.0, 5.0]).into_dyn());
    /// assert_eq!(eval(variance)?, arr1(&[1.0, 0.0]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such axis.
    pub fn mean_and_variance(self, axis: usize) -> Result<(Tensor<'g>, Tensor<'g>), Error> {
        let results = self.graph().record_all(MeanAndVariance { axis }, &[self])?;
        Ok((results[0], results[1]))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Case, values};
    use crate::{Error, Graph};
    use ndarray::arr2;

    #[test]
    fn values_by_hand() {
        let x = [arr2(&[[1.0, 2.0, 6.0], [3.0, 2.0, 0.0]]).into_dyn()];
        values(&x, |x| Ok(x[0].mean_and_variance(0)?.0), &[2.0, 2.0, 3.0]);
        values(&x, |x| Ok(x[0].mean_and_variance(0)?.1), &[1.0, 0.0, 9.0]);
        values(&x, |x| Ok(x[0].mean_and_variance(1)?.0), &[3.0, 5.0 / 3.0]);
    }

    #[test]
    fn each_result_and_both_together_agree_with_the_reference_and_finite_differences() {
        for (shape, axis) in [(vec![5, 3], 0), (vec![5, 3], 1), (vec![2, 7, 3], 1), (vec![33], 0)] {
            let shapes = [shape];
            Case::new(&shapes, move |x| Ok(x[0].mean_and_variance(axis)?.0)).check();
            Case::new(&shapes, move |x| Ok(x[0].mean_and_variance(axis)?.1)).check();
            Case::new(&shapes, move |x| {
                let (mean, variance) = x[0].mean_and_variance(axis)?;
                mean.mul(variance)
            })
            .check();
        }
    }

    #[test]
    fn an_axis_that_does_not_exist_is_refused() {
        let graph = Graph::new();
        let x = graph.constant(arr2(&[[1.0, 2.0]])).unwrap();
        assert!(matches!(x.mean_and_variance(2), Err(Error::Shapes { op: "mean_and_variance", .. })));
    }
}
