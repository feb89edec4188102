//! Comparisons, and a choice between two tensors by a condition.
//!
//! | op | y | gradient |
//! | --- | --- | --- |
//! | `greater` | 1 where a > b, else 0 | 0 |
//! | `greater_equal` | 1 where a ≥ b, else 0 | 0 |
//! | `equal` | 1 where a = b, else 0 | 0 |
//! | `where_cond` | a where c ≠ 0, else b | dy where c ≠ 0 to a, dy where c = 0 to b, 0 to c |
//!
//! A condition is a tensor of f32, true where it is not 0 (a NaN is true, as in NumPy). Comparisons with NaN are false. What
//! jumps has slope 0 wherever it has one, so that is the gradient that comparisons and conditions pass on.
//!
//! A choice is a sum of two tensors that are 0 where the other one is chosen: numbers not chosen never meet the result, be
//! they infinite or NaN. What is not chosen has gradient 0, so what computed it has 0 times its slope: NaN where that is
//! infinite, as in PyTorch; a safe operand avoids it.

use super::elementwise::{Elementwise, Pointwise};
use crate::error::Error;
use crate::graph::{Backward, Tensor};
use crate::ir::kernel::MapOp;

macro_rules! comparison {
    ($Op:ident, $name:literal, $operator:tt) => {
        #[derive(Debug)]
        struct $Op;

        impl Elementwise for $Op {
            const NAME: &'static str = $name;
            fn compute(&self, x: &[f64]) -> f64 {
                f64::from(x[0] $operator x[1])
            }
            fn kernel(&self) -> MapOp {
                MapOp::$Op
            }
            fn gradient<'g>(&self, _: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
                Ok(vec![None, None])
            }
        }
    };
}

comparison!(Greater, "greater", >);
comparison!(GreaterEqual, "greater_equal", >=);
comparison!(Equal, "equal", ==);

/// x where the condition, the second operand, is what it is kept for; else 0. Its own gradient.
macro_rules! kept {
    ($Op:ident, $name:literal, $operator:tt) => {
        #[derive(Debug)]
        struct $Op;

        impl Elementwise for $Op {
            const NAME: &'static str = $name;
            fn compute(&self, x: &[f64]) -> f64 {
                if x[1] $operator 0.0 { x[0] } else { 0.0 }
            }
            fn kernel(&self) -> MapOp {
                MapOp::$Op
            }
            fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
                let condition = node.inputs[1];
                Ok(vec![node.when_wanted(0, || node.dy().binary(condition, Pointwise($Op)))?, None])
            }
        }
    };
}

kept!(Where, "where", !=);
kept!(WhereNot, "where_not", ==);

impl<'g> Tensor<'g> {
    /// 1 where `self > other`, else 0, broadcast; 0 where either is NaN. Its gradient is 0.
    ///
    /// ```
    /// use ndarray::arr1;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let (a, b) = (graph.constant(arr1(&[1.0, 2.0, 3.0]))?, graph.constant(arr1(&[2.0]))?);
    /// assert_eq!(eval(a.greater(b)?)?, arr1(&[0.0, 0.0, 1.0]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an operand is not f32.
    pub fn greater(self, other: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(other, Pointwise(Greater))
    }

    /// 1 where `self >= other`, else 0, broadcast; 0 where either is NaN. Its gradient is 0.
    ///
    /// ```
    /// use ndarray::arr1;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let (a, b) = (graph.constant(arr1(&[1.0, 2.0, 3.0]))?, graph.constant(arr1(&[2.0]))?);
    /// assert_eq!(eval(a.greater_equal(b)?)?, arr1(&[0.0, 1.0, 1.0]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an operand is not f32.
    pub fn greater_equal(self, other: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(other, Pointwise(GreaterEqual))
    }

    /// 1 where `self < other`, else 0, broadcast: [`Tensor::greater`] with the operands exchanged.
    ///
    /// ```
    /// use ndarray::arr1;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let (a, b) = (graph.constant(arr1(&[1.0, 2.0, 3.0]))?, graph.constant(arr1(&[2.0]))?);
    /// assert_eq!(eval(a.less(b)?)?, arr1(&[1.0, 0.0, 0.0]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an operand is not f32.
    pub fn less(self, other: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        other.greater(self)
    }

    /// 1 where `self <= other`, else 0, broadcast: [`Tensor::greater_equal`] with the operands exchanged.
    ///
    /// ```
    /// use ndarray::arr1;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let (a, b) = (graph.constant(arr1(&[1.0, 2.0, 3.0]))?, graph.constant(arr1(&[2.0]))?);
    /// assert_eq!(eval(a.less_equal(b)?)?, arr1(&[1.0, 1.0, 0.0]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an operand is not f32.
    pub fn less_equal(self, other: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        other.greater_equal(self)
    }

    /// 1 where `self == other`, else 0, broadcast; 0 where either is NaN. Its gradient is 0.
    ///
    /// ```
    /// use ndarray::arr1;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let (a, b) = (graph.constant(arr1(&[1.0, 2.0, 3.0]))?, graph.constant(arr1(&[2.0]))?);
    /// assert_eq!(eval(a.equal(b)?)?, arr1(&[0.0, 1.0, 0.0]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an operand is not f32.
    pub fn equal(self, other: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(other, Pointwise(Equal))
    }

    /// `on_true` where `self`, the condition, is not 0, else `on_false`; all three broadcast (PyTorch's `where`).
    ///
    /// The gradient goes to whichever is chosen, 0 to the other; the condition gets 0.
    ///
    /// ```
    /// use ndarray::arr1;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let x = graph.variable(arr1(&[-2.0, 3.0]))?;
    /// let zero = graph.constant(arr1(&[0.0]))?;
    /// let leaky = x.greater(zero)?.where_cond(x, x.affine(0.1, 0.0)?)?;
    /// let slope = graph.gradients(leaky.sum()?, &[x])?[0];
    /// assert_eq!(eval(leaky)?, arr1(&[-0.2, 3.0]).into_dyn());
    /// assert_eq!(eval(slope)?, arr1(&[0.1, 1.0]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an operand is not f32.
    pub fn where_cond(self, on_true: Tensor<'g>, on_false: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        on_true.binary(self, Pointwise(Where))?.add(on_false.binary(self, Pointwise(WhereNot))?)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Case, broadcast_shapes, values};
    use crate::{Error, Graph};
    use ndarray::arr1;

    const NAN: f32 = f32::NAN;
    const INFINITE: f32 = f32::INFINITY;

    #[test]
    fn values_by_hand() {
        let a = arr1(&[1.0, 2.0, 3.0, NAN, -0.0, INFINITE]).into_dyn();
        let b = arr1(&[2.0, 2.0, 2.0, 2.0, 0.0, INFINITE]).into_dyn();
        let x = [a, b];
        values(&x, |x| x[0].greater(x[1]), &[0., 0., 1., 0., 0., 0.]);
        values(&x, |x| x[0].greater_equal(x[1]), &[0., 1., 1., 0., 1., 1.]);
        values(&x, |x| x[0].less(x[1]), &[1., 0., 0., 0., 0., 0.]);
        values(&x, |x| x[0].less_equal(x[1]), &[1., 1., 0., 0., 1., 1.]);
        values(&x, |x| x[0].equal(x[1]), &[0., 1., 0., 0., 1., 1.]);
    }

    #[test]
    fn what_is_not_chosen_never_shows() {
        let condition = arr1(&[1.0, 0.0, -2.0, -0.0, NAN]).into_dyn();
        let a = arr1(&[1.0, NAN, 3.0, INFINITE, 5.0]).into_dyn();
        let b = arr1(&[INFINITE, 20.0, NAN, 40.0, NAN]).into_dyn();
        values(&[condition, a, b], |x| x[0].where_cond(x[1], x[2]), &[1.0, 20.0, 3.0, 40.0, 5.0]);
    }

    #[test]
    fn what_is_not_chosen_has_gradient_zero_times_its_slope() {
        let graph = Graph::new();
        let x = graph.variable(arr1(&[0.0, 4.0])).unwrap();
        let zero = graph.constant(arr1(&[0.0])).unwrap();
        let root = x.greater(zero).unwrap().where_cond(x.sqrt().unwrap(), x).unwrap();
        let chosen = graph.gradients(root.sum().unwrap(), &[x]).unwrap()[0];
        // √0 has an infinite slope, and 0 times that is NaN. So the root is taken of a safe number instead.
        let safe = x.greater(zero).unwrap().where_cond(x, x.affine(0.0, 1.0).unwrap()).unwrap();
        let root = x.greater(zero).unwrap().where_cond(safe.sqrt().unwrap(), x).unwrap();
        let safely = graph.gradients(root.sum().unwrap(), &[x]).unwrap()[0];
        let [chosen, safely] = [chosen, safely].map(|slope| crate::eval(slope).unwrap());
        assert!(chosen[0].is_nan() && chosen[1] == 0.25, "{chosen}");
        assert_eq!(safely, arr1(&[1.0, 0.25]).into_dyn());
    }

    #[test]
    fn comparisons_and_choices_agree_with_the_reference_and_finite_differences() {
        for shapes in broadcast_shapes() {
            Case::new(&shapes, |x| x[0].greater(x[1])).check();
            Case::new(&shapes, |x| x[0].less_equal(x[1])).check();
            Case::new(&shapes, |x| x[0].equal(x[1])).check();
            Case::new(&shapes, |x| x[0].greater(x[1])?.where_cond(x[0], x[1])).check();
            Case::new(&shapes, |x| {
                let whole = x[0].add(x[1])?;
                x[1].greater(x[0])?.where_cond(whole.mul(x[0])?, whole.exp()?)
            })
            .check();
        }
    }

    #[test]
    fn shapes_that_do_not_broadcast_are_refused() {
        let graph = Graph::new();
        let [a, b] = [2, 3].map(|n| graph.constant(ndarray::Array1::zeros(n)).unwrap());
        assert!(matches!(a.greater(b), Err(Error::Shapes { op: "greater", .. })));
        assert!(matches!(a.where_cond(a, b), Err(Error::Shapes { op: "where_not", .. })));
    }
}
