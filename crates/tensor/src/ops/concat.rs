//! Tensors behind one another along an axis, and parts of one along an axis: each the other's gradient.
//!
//! | op | y | gradient |
//! | --- | --- | --- |
//! | `concat` | x₁, x₂, … behind one another along an axis | of each its `slice` of dy |
//! | `slice` | elements `start..end` of an axis | `concat` of zeros, dy and zeros |
//!
//! Both are one kernel: seen along the axis a tensor is a matrix, a row for each place in the dimensions before it, and columns
//! of several matrices are put side by side. Zeros, and other constants with one number in every element, need no memory.

use std::ops::Range;

use ndarray::{ArrayD, Axis, concatenate};

use super::rules;
use crate::error::{Error, ShapeRequirement};
use crate::graph::{
    Backward, Call, Gradient, Graph, Interpreter, Known, Lower, Lowered, Meaning, Operand, ShapeRule,
    Simpler, Tensor, one,
};
use crate::ir::kernel::{Columns, Join, Part};
use crate::ir::{DType, Meta, Shape};

/// Inputs: one or more of the same shape but for the axis. Output: that shape, on the axis the sum.
#[derive(Debug)]
struct Concat {
    axis: usize,
}

/// Input: any shape with the axis. Output: some elements of it.
#[derive(Debug)]
struct Slice {
    axis: usize,
    range: Range<usize>,
}

/// The rows of a shape seen along an axis, and the columns for one element of the axis.
fn along(shape: Shape, axis: usize) -> (usize, usize) {
    let (outer, rest) = shape.dims().split_at(axis);
    (outer.iter().product(), rest[1..].iter().product())
}

/// A shape with another number of elements on an axis.
fn with_axis(shape: Shape, axis: usize, size: usize) -> Result<Shape, Error> {
    let mut dims = shape.dims().to_vec();
    dims[axis] = size;
    Ok(Shape::new(&dims)?)
}

impl ShapeRule for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        inputs.iter().try_for_each(|input| rules::expect(input, DType::F32, self.name()))?;
        let shapes: Vec<Shape> = inputs.iter().map(|input| input.shape).collect();
        let refused = |expected: ShapeRequirement| Error::shapes(self.name(), expected, &shapes);
        let Some(&first) = shapes.first() else { return Err(refused("at least one tensor".into())) };
        if self.axis >= first.rank() {
            return Err(refused(ShapeRequirement::Axis(self.axis)));
        }
        let fits = |shape: &Shape| {
            let axes = 0..first.rank();
            shape.rank() == first.rank()
                && axes.filter(|&i| i != self.axis).all(|i| shape.dims()[i] == first.dims()[i])
        };
        if !shapes.iter().all(fits) {
            return Err(refused("shapes that differ on the axis alone".into()));
        }
        let too_large = || crate::ir::ShapeError::TooLarge { dims: first.dims().to_vec() };
        let add = |sum: usize, shape: &Shape| sum.checked_add(shape.dims()[self.axis]);
        let size = shapes.iter().try_fold(0, add).ok_or_else(too_large)?;
        one(Meta::f32(with_axis(first, self.axis, size)?))
    }
}

impl Gradient for Concat {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        let mut end = 0;
        let of = |(i, input): (usize, &Tensor<'g>)| {
            let start = end;
            end += input.dims()[self.axis];
            node.when_wanted(i, || node.dy().slice(self.axis, start..end))
        };
        node.inputs.iter().enumerate().map(of).collect()
    }
}

impl Meaning for Concat {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let views: Vec<_> = inputs.iter().map(|input| input.view()).collect();
        one(concatenate(Axis(self.axis), &views).expect("the shape rule compared the shapes"))
    }
}

impl Lower for Concat {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (rows, inner) = along(call.output().shape(), self.axis);
        let part = |input: &Operand| {
            let width = input.shape().dims()[self.axis] * inner;
            let columns = Columns::Of { value: input.value, first: 0, columns: width };
            Part { columns: input.full.map_or(columns, Columns::Number), width }
        };
        let parts = call.inputs.iter().map(part).filter(|part| part.width > 0).collect();
        Lowered::kernel(Join { parts, output: call.output().value, rows })
    }
}

impl ShapeRule for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        let (shape, Range { start, end }) = (inputs[0].shape, self.range.clone());
        match shape.dims().get(self.axis) {
            Some(&size) if start <= end && end <= size => {
                one(Meta::f32(with_axis(shape, self.axis, end - start)?))
            }
            _ => {
                let expected = ShapeRequirement::Slice { axis: self.axis, start, end };
                Err(Error::shapes(self.name(), expected, &[shape]))
            }
        }
    }
}

impl Gradient for Slice {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        let (x, graph) = (node.inputs[0], node.dy().graph());
        let (size, Range { start, end }) = (x.dims()[self.axis], self.range.clone());
        let zeros = |count| graph.full(0.0, with_axis(x.shape(), self.axis, count)?);
        let parts = [zeros(start)?, node.dy(), zeros(size - end)?];
        let parts: Vec<_> = parts.into_iter().filter(|part| part.dims()[self.axis] > 0).collect();
        match parts.as_slice() {
            [] => zeros(size).map(|zeros| vec![Some(zeros)]),
            parts => Ok(vec![Some(graph.concat(parts, self.axis)?)]),
        }
    }
}

impl Meaning for Slice {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        one(inputs[0].slice_axis(Axis(self.axis), self.range.clone().into()).to_owned())
    }
}

impl Lower for Slice {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let input = call.inputs[0];
        let (rows, inner) = along(input.shape(), self.axis);
        let (first, columns) = (self.range.start * inner, input.shape().dims()[self.axis] * inner);
        let columns = Columns::Of { value: input.value, first, columns };
        let parts = vec![Part { columns, width: self.range.len() * inner }];
        Lowered::kernel(Join { parts, output: call.output().value, rows })
    }

    fn simplify(&self, call: &Known<'_>) -> Simpler {
        call.inputs[0].full.map_or(Simpler::No, Simpler::Full)
    }
}

impl Graph {
    /// `tensors` behind one another along `axis` (PyTorch's `cat`): shapes `[…, nᵢ, …]` give `[…, Σ nᵢ, …]`. The gradient of
    /// each is its slice of the result's.
    ///
    /// ```
    /// use ndarray::arr2;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let a = graph.constant(arr2(&[[1.0, 2.0], [3.0, 4.0]]))?;
    /// let b = graph.constant(arr2(&[[5.0], [6.0]]))?;
    /// let both = graph.concat(&[a, b], 1)?;
    /// assert_eq!(eval(both)?, arr2(&[[1.0, 2.0, 5.0], [3.0, 4.0, 6.0]]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shapes`] without tensors, if there is no such axis, or if shapes differ elsewhere; [`Error::Types`] for one
    /// that is not f32; [`Error::OtherGraph`] for one of another graph.
    pub fn concat<'g>(&'g self, tensors: &[Tensor<'g>], axis: usize) -> Result<Tensor<'g>, Error> {
        self.record(Concat { axis }, tensors)
    }
}

impl<'g> Tensor<'g> {
    /// Elements `range` of `axis` (PyTorch's `narrow`): shape `[…, n, …]` gives `[…, end − start, …]`. The gradient is 0
    /// outside.
    ///
    /// ```
    /// use ndarray::arr2;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let x = graph.variable(arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))?;
    /// let last = x.slice(1, 1..3)?;
    /// let slope = graph.gradients(last.sum()?, &[x])?[0];
    /// assert_eq!(eval(last)?, arr2(&[[2.0, 3.0], [5.0, 6.0]]).into_dyn());
    /// assert_eq!(eval(slope)?, arr2(&[[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shapes`] if there is no such axis, or it has no such elements; [`Error::Types`] if `self` is not f32.
    pub fn slice(self, axis: usize, range: Range<usize>) -> Result<Tensor<'g>, Error> {
        self.unary(Slice { axis, range })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Case, values};
    use crate::{Error, Graph, Parameters, Plan, Shape, ShapeRequirement, State};
    use ndarray::{Array2, arr1, arr2};

    #[test]
    fn values_by_hand() {
        let x = [arr2(&[[1.0, 2.0], [3.0, 4.0]]).into_dyn(), arr2(&[[5.0, 6.0]]).into_dyn()];
        values(
            &x,
            |x| x[0].graph().concat(&[x[0], x[1], x[0]], 0),
            &[1., 2., 3., 4., 5., 6., 1., 2., 3., 4.],
        );
        values(&x, |x| x[0].graph().concat(&[x[0], x[0]], 1), &[1., 2., 1., 2., 3., 4., 3., 4.]);
        values(&x, |x| x[1].graph().concat(&[x[1]], 1), &[5., 6.]);
        values(&x, |x| x[0].slice(0, 1..2), &[3., 4.]);
        values(&x, |x| x[0].slice(1, 0..1), &[1., 3.]);
        values(&x, |x| x[0].slice(1, 2..2), &[]);
    }

    #[test]
    fn joins_agree_with_the_reference_and_finite_differences() {
        for (a, b, axis) in [
            (vec![3], vec![4], 0),
            (vec![5, 3], vec![5, 1], 1),
            (vec![5, 3], vec![2, 3], 0),
            (vec![2, 3, 17], vec![2, 0, 17], 1),
            (vec![2, 3, 17], vec![2, 3, 40], 2),
            (vec![70, 65], vec![70, 66], 1),
            (vec![0, 3], vec![0, 2], 1),
        ] {
            let shapes = [a, b];
            Case::new(&shapes, move |x| x[0].graph().concat(&[x[1], x[0], x[1]], axis)).check();
        }
    }

    #[test]
    fn slices_agree_with_the_reference_and_finite_differences() {
        for (shape, axis, range) in [
            (vec![7], 0, 2..5),
            (vec![5, 3], 0, 0..5),
            (vec![5, 3], 1, 2..3),
            (vec![2, 9, 17], 1, 3..8),
            (vec![2, 9, 17], 2, 0..16),
            (vec![4, 5, 6], 0, 3..4),
            (vec![90, 130], 1, 1..129),
            (vec![6, 4], 1, 2..2),
        ] {
            Case::new(&[shape], move |x| x[0].slice(axis, range.clone())).check();
        }
    }

    #[test]
    fn slices_of_what_was_joined_are_what_was_joined() {
        let shapes = [vec![3, 4], vec![3, 5]];
        Case::new(&shapes, |x| {
            let joined = x[0].graph().concat(&[x[0], x[1]], 1)?;
            joined.slice(1, 4..9)?.mul(x[1])?.add(joined.slice(1, 2..7)?)
        })
        .check();
    }

    #[test]
    fn gradients_can_be_differentiated_again() {
        let graph = Graph::new();
        let x = graph.variable(arr1(&[2.0, 3.0, 4.0])).unwrap();
        let ends = graph.concat(&[x.slice(0, 0..1).unwrap(), x.slice(0, 2..3).unwrap()], 0).unwrap();
        let slope = graph.gradients(ends.pow(3.0).unwrap().sum().unwrap(), &[x]).unwrap()[0];
        let curvature = graph.gradients(slope.sum().unwrap(), &[x]).unwrap()[0];
        assert_eq!(crate::eval(slope).unwrap(), arr1(&[12.0, 0.0, 48.0]).into_dyn());
        assert_eq!(crate::eval(curvature).unwrap(), arr1(&[12.0, 0.0, 24.0]).into_dyn());
    }

    #[test]
    fn zeros_around_a_gradient_take_no_memory() {
        let graph = Graph::new();
        let x = graph.variable(Array2::<f32>::ones((8, 100))).unwrap();
        let slope = graph.gradients(x.slice(1, 50..60).unwrap().exp().unwrap().sum().unwrap(), &[x]).unwrap();
        let plan = Plan::new(&graph, &State::inference(&Parameters::new()).unwrap(), &slope).unwrap();
        let large = plan.buffers().into_iter().filter(|buffer| buffer.shape.iter().product::<usize>() >= 320);
        let names: Vec<String> = large.map(|buffer| buffer.name).collect();
        assert_eq!(names, ["constant", "joined"]); // x and its gradient
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let graph = Graph::new();
        let [a, b] = [[2, 3], [2, 4]].map(|dims| graph.full(1.0, Shape::new(&dims).unwrap()).unwrap());
        let vector = graph.constant(arr1(&[1.0])).unwrap();
        for refused in [
            graph.concat(&[], 0),
            graph.concat(&[a, b], 0),
            graph.concat(&[a, vector], 0),
            graph.concat(&[a], 2),
            graph.concat(&[a, graph.labels(&[1]).unwrap()], 0),
        ] {
            assert!(matches!(refused, Err(Error::Shapes { op: "concat", .. } | Error::Types { .. })));
        }
        for (axis, start, end) in [(2, 0, 1), (1, 0, 4), (0, 2, 1)] {
            let expected = ShapeRequirement::Slice { axis, start, end };
            let refused = a.slice(axis, start..end).unwrap_err();
            let Error::Shapes { expected: found, .. } = refused else { panic!("{refused}") };
            assert_eq!(found, expected);
        }
    }
}
