//! Sums, sums of squares, means and maxima, and the broadcast that is their gradient.
//!
//! | op | y | dx |
//! | --- | --- | --- |
//! | `sum_axis` | Σ over one axis, which disappears | dy stretched along it |
//! | `sum`, `mean` | Σ of all elements, divided by their number | dy, dy/n everywhere |
//! | `square_sum_axis` | Σ of squares over one axis, which disappears | 2x · dy stretched along it |
//! | `square_sum` | Σ of the squares of all elements | 2x · dy |
//! | `max_axis` | largest along one axis, which disappears | dy at the largest; of several, to each an equal share |
//! | `sum_to` | Σ over every stretched dimension: the inverse of broadcasting | dy stretched back |
//! | `broadcast_to` | copies along dimensions of size 1 | `sum_to` |
//!
//! A maximum over numbers of which one is NaN is NaN. The sum of nothing is 0, the mean of nothing 0/0 (NaN), the maximum of nothing −∞, as in NumPy's reductions with an
//! initial value.

use ndarray::{ArrayD, Axis, IxDyn};

use super::elementwise::{Elementwise, Pointwise, map};
use super::rules;
use crate::error::{Error, ShapeRequirement};
use crate::graph::{
    Backward, Call, Gradient, Interpreter, Known, Lower, Lowered, Meaning, ShapeRule, Simpler, Tensor, one,
};
use crate::ir::kernel::{MapOp, Reduce, Reduction};
use crate::ir::{DType, Meta, Shape};

#[derive(Debug)]
struct ReduceAxis {
    reduction: Reduction,
    axis: usize,
}

impl ShapeRule for ReduceAxis {
    fn name(&self) -> &'static str {
        match self.reduction {
            Reduction::Sum => "sum_axis",
            Reduction::SquareSum => "square_sum_axis",
            Reduction::Max => "max_axis",
        }
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        let mut dims = inputs[0].shape.dims().to_vec();
        if self.axis >= dims.len() {
            return Err(Error::shapes(self.name(), ShapeRequirement::Axis(self.axis), &[inputs[0].shape]));
        }
        dims.remove(self.axis);
        one(Meta::f32(Shape::new(&dims)?))
    }
}

impl Gradient for ReduceAxis {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        let x = node.inputs[0];
        let mut kept = x.dims().to_vec();
        kept[self.axis] = 1;
        let dy = node.dy().reshape(&kept)?;
        Ok(vec![Some(match self.reduction {
            Reduction::Sum => dy.broadcast_to(x.shape())?,
            Reduction::SquareSum => x.affine(2.0, 0.0)?.mul(dy.broadcast_to(x.shape())?)?,
            Reduction::Max => {
                let largest = x.equal(node.output().reshape(&kept)?)?;
                let count = largest.sum_axis(self.axis)?.reshape(&kept)?;
                largest.mul(dy.div(count)?)?
            }
        })])
    }
}

impl Meaning for ReduceAxis {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let (start, f): (f64, fn(&f64, &f64) -> f64) = match self.reduction {
            Reduction::Sum => (0.0, |a, b| a + b),
            Reduction::SquareSum => (0.0, |a, b| a + b * b),
            Reduction::Max => (f64::NEG_INFINITY, |a, b| if *a > *b || a.is_nan() { *a } else { *b }),
        };
        one(inputs[0].fold_axis(Axis(self.axis), start, f))
    }
}

impl Lower for ReduceAxis {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let dims = call.inputs[0].meta.shape;
        let (outer, rest) = dims.dims().split_at(self.axis);
        Lowered::kernel(Reduce {
            reduction: self.reduction,
            input: call.inputs[0].value,
            output: call.output().value,
            outer: outer.iter().product(),
            reduced: rest[0],
            inner: rest[1..].iter().product(),
        })
    }

    fn is_exact(&self) -> bool {
        true
    }
}

/// Stretching to a larger shape.
#[derive(Debug)]
struct BroadcastTo {
    target: Shape,
}

impl ShapeRule for BroadcastTo {
    fn name(&self) -> &'static str {
        "broadcast_to"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        match inputs[0].shape.broadcast(self.target)? {
            Some(shape) if shape == self.target => one(Meta::f32(shape)),
            _ => Err(Error::shapes(
                self.name(),
                "a shape that stretches to the target",
                &[inputs[0].shape, self.target],
            )),
        }
    }
}

impl Gradient for BroadcastTo {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Ok(vec![Some(node.dy())]) // the walk sums it to the input's shape
    }
}

impl Meaning for BroadcastTo {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        outputs: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let stretched =
            inputs[0].broadcast(IxDyn(outputs[0].dims())).expect("the shape rule accepted this target");
        one(stretched.to_owned())
    }
}

impl Lower for BroadcastTo {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        map(MapOp::Affine { scale: 1.0, shift: 0.0 }, call)
    }

    fn simplify(&self, call: &Known<'_>) -> Simpler {
        call.inputs[0].full.map_or(Simpler::No, Simpler::Full)
    }
}

/// `x · factor` where the factor is 1/n: an affine map with its own name in plans.
#[derive(Debug)]
struct Divide {
    by: usize,
}

impl Elementwise for Divide {
    const NAME: &'static str = "divide";
    fn compute(&self, x: &[f64]) -> f64 {
        x[0] / self.by as f64
    }
    fn kernel(&self) -> MapOp {
        MapOp::Affine { scale: (1.0 / self.by as f64) as f32, shift: 0.0 }
    }
    fn simplify(&self, call: &Known<'_>) -> Simpler {
        let divided = |value: f32| Simpler::Full((f64::from(value) / self.by as f64) as f32);
        call.inputs[0].full.map_or(Simpler::No, divided)
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Ok(vec![Some(node.dy().divide(self.by)?)])
    }
}

impl<'g> Tensor<'g> {
    /// Sum of squares along `axis`, which disappears from the shape.
    ///
    /// # Errors
    /// If there is no such axis.
    pub fn square_sum_axis(self, axis: usize) -> Result<Tensor<'g>, Error> {
        self.unary(ReduceAxis { reduction: Reduction::SquareSum, axis })
    }

    /// Sum of the squares of all elements, a scalar: along the last axis first, which needs no copy of the numbers.
    ///
    /// # Errors
    /// Only if the graph cannot hold another value.
    pub fn square_sum(self) -> Result<Tensor<'g>, Error> {
        match self.shape().rank() {
            0 => self.mul(self),
            rank => self.square_sum_axis(rank - 1)?.sum(),
        }
    }

    /// Sum along `axis`, which disappears from the shape.
    ///
    /// # Errors
    /// If there is no such axis.
    pub fn sum_axis(self, axis: usize) -> Result<Tensor<'g>, Error> {
        self.unary(ReduceAxis { reduction: Reduction::Sum, axis })
    }

    /// Largest element along `axis`, which disappears from the shape; NaN if any is. Elements that are equally large share the
    /// gradient evenly, as those of PyTorch's `amax` do; where the maximum is NaN, so is the gradient of each.
    ///
    /// ```
    /// use ndarray::{arr1, arr2};
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let x = graph.variable(arr2(&[[1.0, 3.0], [2.0, 2.0]]))?;
    /// let largest = x.max_axis(1)?;
    /// let slope = graph.gradients(largest.sum()?, &[x])?[0];
    /// assert_eq!(eval(largest)?, arr1(&[3.0, 2.0]).into_dyn());
    /// assert_eq!(eval(slope)?, arr2(&[[0.0, 1.0], [0.5, 0.5]]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such axis.
    pub fn max_axis(self, axis: usize) -> Result<Tensor<'g>, Error> {
        self.unary(ReduceAxis { reduction: Reduction::Max, axis })
    }

    /// Sum of all elements, a scalar.
    ///
    /// # Errors
    /// If `self` is not f32.
    pub fn sum(self) -> Result<Tensor<'g>, Error> {
        match self.shape().rank() {
            0 => Ok(self),
            1 => self.sum_axis(0),
            _ => self.flatten(0)?.sum_axis(0),
        }
    }

    /// Mean of all elements, a scalar; NaN if there are none.
    ///
    /// # Errors
    /// If `self` is not f32.
    pub fn mean(self) -> Result<Tensor<'g>, Error> {
        self.sum()?.divide(self.shape().elements())
    }

    /// Sums away what broadcasting to `self`'s shape had stretched, so that the result has shape `target`.
    ///
    /// # Errors
    /// If `target` does not broadcast to `self`'s shape.
    pub fn sum_to(self, target: Shape) -> Result<Tensor<'g>, Error> {
        if self.shape() == target {
            return Ok(self);
        }
        let Some(lead) = self.shape().rank().checked_sub(target.rank()) else {
            let found = [self.shape(), target];
            return Err(Error::shapes("sum_to", "a target of no more dimensions than the operand", &found));
        };
        let mut reduced = self;
        for _ in 0..lead {
            reduced = reduced.sum_axis(0)?;
        }
        for axis in 0..target.rank() {
            if target.dims()[axis] == 1 && reduced.dims()[axis] != 1 {
                let mut kept = reduced.dims().to_vec();
                kept[axis] = 1;
                reduced = reduced.sum_axis(axis)?.reshape(&kept)?;
            }
        }
        match reduced.shape() == target {
            true => Ok(reduced),
            false => Err(Error::shapes(
                "sum_to",
                "a target that broadcasts to the operand",
                &[self.shape(), target],
            )),
        }
    }

    /// Copies `self` along its dimensions of size 1 (and new leading ones) to shape `target`.
    ///
    /// # Errors
    /// If `self` does not broadcast to `target`.
    pub fn broadcast_to(self, target: Shape) -> Result<Tensor<'g>, Error> {
        if self.shape() == target { Ok(self) } else { self.unary(BroadcastTo { target }) }
    }

    /// `self / n`.
    fn divide(self, n: usize) -> Result<Tensor<'g>, Error> {
        self.unary(Pointwise(Divide { by: n }))
    }
}

#[cfg(test)]
mod tests {
    use crate::Shape;
    use crate::testing::{Case, values};
    use ndarray::arr2;

    #[test]
    fn values_by_hand() {
        let x = [arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).into_dyn()];
        values(&x, |x| x[0].sum_axis(0), &[5.0, 7.0, 9.0]);
        values(&x, |x| x[0].sum_axis(1), &[6.0, 15.0]);
        values(&x, |x| x[0].max_axis(1), &[3.0, 6.0]);
        values(&x, |x| x[0].square_sum_axis(0), &[17.0, 29.0, 45.0]);
        values(&x, |x| x[0].square_sum(), &[91.0]);
        values(&x, |x| x[0].sum(), &[21.0]);
        values(&x, |x| x[0].mean(), &[3.5]);
        values(&x, |x| x[0].sum_to(Shape::new(&[2, 1])?), &[6.0, 15.0]);
        values(
            &[arr2(&[[1.0], [2.0]]).into_dyn()],
            |x| x[0].broadcast_to(Shape::new(&[2, 2])?),
            &[1.0, 1.0, 2.0, 2.0],
        );
    }

    #[test]
    fn a_maximum_over_a_nan_is_one_wherever_it_stands() {
        for x in [arr2(&[[f32::NAN, 1.0]]), arr2(&[[1.0, f32::NAN]]), arr2(&[[f32::INFINITY, f32::NAN]])] {
            let both = [x.clone(), x.t().to_owned()].map(|x| Case::fixed(&[x.into_dyn()]));
            both.iter().zip([1, 0]).for_each(|(case, axis)| case.agree(move |x| x[0].max_axis(axis)));
        }
    }

    #[test]
    fn the_largest_of_equals_share_the_gradient_evenly() {
        let graph = crate::Graph::new();
        let x = arr2(&[[5.0, 5.0, 1.0, 5.0], [f32::NAN, 5.0, 2.0, 3.0], [f32::NEG_INFINITY; 4]]);
        let x = graph.variable(x).unwrap();
        let slope = graph.gradients(x.max_axis(1).unwrap().affine(3.0, 0.0).unwrap().sum().unwrap(), &[x]);
        let slope = crate::eval(slope.unwrap()[0]).unwrap();
        let rows: Vec<Vec<f32>> = slope.outer_iter().map(|row| row.iter().copied().collect()).collect();
        assert_eq!(rows[0], [1.0, 1.0, 0.0, 1.0]);
        assert!(rows[1].iter().all(|x| x.is_nan()), "{rows:?}");
        assert_eq!(rows[2], [0.75; 4]);
    }

    #[test]
    fn a_target_of_more_dimensions_is_refused() {
        let graph = crate::Graph::new();
        let x = graph.constant(ndarray::arr1(&[1.0, 2.0, 3.0])).unwrap();
        assert!(x.sum_to(Shape::new(&[1, 1]).unwrap()).is_err());
    }

    #[test]
    fn the_sum_of_nothing_is_zero() {
        values(&[ndarray::Array2::<f32>::zeros((0, 3)).into_dyn()], |x| x[0].sum_axis(0), &[0.0, 0.0, 0.0]);
        values(&[ndarray::Array2::<f32>::zeros((2, 0)).into_dyn()], |x| x[0].sum_axis(1), &[0.0, 0.0]);
    }

    #[test]
    fn reductions_agree_with_the_reference_and_finite_differences() {
        for shape in [vec![1], vec![5, 3], vec![2, 17, 3], vec![33, 1, 20], vec![64, 130]] {
            for axis in 0..shape.len() {
                Case::new(std::slice::from_ref(&shape), move |x| x[0].sum_axis(axis)).check();
                Case::new(std::slice::from_ref(&shape), move |x| x[0].square_sum_axis(axis)).check();
                Case::new(std::slice::from_ref(&shape), move |x| x[0].max_axis(axis)).check();
            }
        }
        Case::each_size(|x| x[0].sum()).check_all();
        Case::each_size(|x| x[0].square_sum()).check_all();
        Case::new(&[vec![7, 9]], |x| x[0].mean()).check();
    }

    #[test]
    fn a_million_numbers_are_summed_to_seven_digits() {
        Case::new(&[vec![1_000_003]], |x| x[0].sum()).range(0.0, 1.0).forward_only().check();
        Case::new(&[vec![100_003, 9]], |x| x[0].sum_axis(0)).range(0.0, 1.0).forward_only().check();
    }

    #[test]
    fn broadcasting_and_its_inverse_agree_with_the_reference() {
        for (from, to) in
            [(vec![1], vec![4]), (vec![3, 1], vec![3, 5]), (vec![1, 4], vec![2, 3, 4]), (vec![], vec![6])]
        {
            let target = Shape::new(&to).unwrap();
            let source = Shape::new(&from).unwrap();
            Case::new(&[from], move |x| x[0].broadcast_to(target)).check();
            Case::new(&[to], move |x| x[0].sum_to(source)).check();
        }
    }
}
