//! The larger and the smaller of two tensors, and a range that numbers are kept in.
//!
//! | op | y | gradient |
//! | --- | --- | --- |
//! | `maximum` | max(a, b) | dy to the larger, dy/2 to each where they are equal |
//! | `minimum` | min(a, b) | dy to the smaller, dy/2 to each where they are equal |
//! | `clamp` | x, but at least `min` and at most `max` | dy where min ≤ x ≤ max, else 0 |
//!
//! As in PyTorch: equal operands share the gradient evenly, a clamped number at the border of its range has the gradient of
//! the inside, and NaN stays NaN (of which `maximum` and `minimum` pass the gradient to both operands, `clamp` to none).

use super::elementwise::{Elementwise, Pointwise};
use crate::error::Error;
use crate::graph::{Backward, Tensor};
use crate::ir::kernel::MapOp;

#[derive(Debug)]
struct Maximum;

impl Elementwise for Maximum {
    const NAME: &'static str = "maximum";
    fn compute(&self, x: &[f64]) -> f64 {
        if x[0] > x[1] || x[0].is_nan() { x[0] } else { x[1] }
    }
    fn kernel(&self) -> MapOp {
        MapOp::Maximum
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        shares(node, |of, other| of.binary(other, Pointwise(LargerShare)))
    }
}

#[derive(Debug)]
struct Minimum;

impl Elementwise for Minimum {
    const NAME: &'static str = "minimum";
    fn compute(&self, x: &[f64]) -> f64 {
        if x[0] < x[1] || x[0].is_nan() { x[0] } else { x[1] }
    }
    fn kernel(&self) -> MapOp {
        MapOp::Minimum
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        shares(node, |of, other| other.binary(of, Pointwise(LargerShare)))
    }
}

/// The gradient of each of two operands: its share of dy.
fn shares<'g>(
    node: &Backward<'g>,
    share: impl Fn(Tensor<'g>, Tensor<'g>) -> Result<Tensor<'g>, Error>,
) -> Result<Vec<Option<Tensor<'g>>>, Error> {
    let (a, b) = (node.inputs[0], node.inputs[1]);
    Ok(vec![
        node.when_wanted(0, || node.dy().mul(share(a, b)?))?,
        node.when_wanted(1, || node.dy().mul(share(b, a)?))?,
    ])
}

/// 1 where a > b, ½ where they are equal, 0 where a < b: what the larger one gets of a gradient. 1 for a NaN, which both are
/// the cause of.
#[derive(Debug)]
struct LargerShare;

impl Elementwise for LargerShare {
    const NAME: &'static str = "larger_share";
    fn compute(&self, x: &[f64]) -> f64 {
        match x[0].partial_cmp(&x[1]) {
            Some(std::cmp::Ordering::Less) => 0.0,
            Some(std::cmp::Ordering::Equal) => 0.5,
            _ => 1.0,
        }
    }
    fn kernel(&self) -> MapOp {
        MapOp::LargerShare
    }
    fn gradient<'g>(&self, _: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Ok(vec![None, None]) // it jumps
    }
}

#[derive(Debug)]
struct Clamp {
    min: f32,
    max: f32,
}

impl Elementwise for Clamp {
    const NAME: &'static str = "clamp";
    fn compute(&self, x: &[f64]) -> f64 {
        x[0].clamp(self.min.into(), self.max.into())
    }
    fn kernel(&self) -> MapOp {
        MapOp::Clamp { min: self.min, max: self.max }
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        let within = Within { min: self.min, max: self.max };
        Ok(vec![Some(node.dy().binary(node.inputs[0], Pointwise(within))?)])
    }
}

/// dy where x, the second operand, is within the range, else 0. Its own gradient.
#[derive(Debug)]
struct Within {
    min: f32,
    max: f32,
}

impl Elementwise for Within {
    const NAME: &'static str = "within";
    fn compute(&self, x: &[f64]) -> f64 {
        if (f64::from(self.min)..=f64::from(self.max)).contains(&x[1]) { x[0] } else { 0.0 }
    }
    fn kernel(&self) -> MapOp {
        MapOp::Within { min: self.min, max: self.max }
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        let again = || Pointwise(Within { min: self.min, max: self.max });
        Ok(vec![node.when_wanted(0, || node.dy().binary(node.inputs[1], again()))?, None])
    }
}

impl<'g> Tensor<'g> {
    /// The larger of `self` and `other`, element by element, broadcast; NaN where either is. Where both are equal each gets
    /// half of the gradient.
    ///
    /// ```
    /// use ndarray::arr1;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let a = graph.variable(arr1(&[1.0, 2.0, 3.0]))?;
    /// let b = graph.constant(arr1(&[2.0]))?;
    /// let larger = a.maximum(b)?;
    /// let slope = graph.gradients(larger.sum()?, &[a])?[0];
    /// assert_eq!(eval(larger)?, arr1(&[2.0, 2.0, 3.0]).into_dyn());
    /// assert_eq!(eval(slope)?, arr1(&[0.0, 0.5, 1.0]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an operand is not f32.
    pub fn maximum(self, other: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(other, Pointwise(Maximum))
    }

    /// The smaller of `self` and `other`, element by element, broadcast; NaN where either is. Where both are equal each gets
    /// half of the gradient.
    ///
    /// ```
    /// use ndarray::arr1;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let a = graph.constant(arr1(&[1.0, 2.0, 3.0]))?;
    /// let b = graph.constant(arr1(&[2.0]))?;
    /// assert_eq!(eval(a.minimum(b)?)?, arr1(&[1.0, 2.0, 2.0]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an operand is not f32.
    pub fn minimum(self, other: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(other, Pointwise(Minimum))
    }

    /// Each element, but at least `min` and at most `max`; an infinite bound is none. The gradient is that of the element
    /// where it is within the bounds or on one of them, 0 outside.
    ///
    /// ```
    /// use ndarray::arr1;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let x = graph.variable(arr1(&[-3.0, 0.5, 1.0, 7.0]))?;
    /// let clamped = x.clamp(-1.0, 1.0)?;
    /// let slope = graph.gradients(clamped.sum()?, &[x])?[0];
    /// assert_eq!(eval(clamped)?, arr1(&[-1.0, 0.5, 1.0, 1.0]).into_dyn());
    /// assert_eq!(eval(slope)?, arr1(&[0.0, 1.0, 1.0, 0.0]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if `min` is above `max`, or either is NaN; if `self` is not f32.
    pub fn clamp(self, min: f32, max: f32) -> Result<Tensor<'g>, Error> {
        let refused = |expected, found| Error::Argument { op: "clamp", expected, found };
        if min.is_nan() || max.is_nan() {
            return Err(refused("bounds that are numbers", f32::NAN));
        }
        if min > max {
            return Err(refused("a lower bound that is at most the upper one", min));
        }
        self.unary(Pointwise(Clamp { min, max }))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Case, broadcast_shapes, values};
    use crate::{Error, Graph};
    use ndarray::{Array1, arr1};

    #[test]
    fn values_by_hand() {
        let x = [arr1(&[1.0, 2.0, -3.0]).into_dyn(), arr1(&[2.0, -2.0, -3.0]).into_dyn()];
        values(&x, |x| x[0].maximum(x[1]), &[2.0, 2.0, -3.0]);
        values(&x, |x| x[0].minimum(x[1]), &[1.0, -2.0, -3.0]);
        values(&x, |x| x[0].clamp(-1.0, 1.5), &[1.0, 1.5, -1.0]);
        values(&x, |x| x[0].clamp(f32::NEG_INFINITY, 0.0), &[0.0, 0.0, -3.0]);
    }

    #[test]
    fn a_nan_stays_one_in_either_place() {
        let a = arr1(&[f32::NAN, 1.0, f32::NAN, f32::INFINITY]).into_dyn();
        let b = arr1(&[1.0, f32::NAN, f32::NAN, f32::NEG_INFINITY]).into_dyn();
        let case = Case::fixed(&[a, b]);
        case.agree(|x| x[0].maximum(x[1]));
        case.agree(|x| x[0].minimum(x[1]));
        case.agree(|x| x[0].clamp(-1.0, 1.0));
    }

    /// The gradients of the sum of an expression of two vectors.
    fn slopes(
        a: &[f32],
        b: &[f32],
        expression: impl for<'g> Fn(crate::Tensor<'g>, crate::Tensor<'g>) -> Result<crate::Tensor<'g>, Error>,
    ) -> [Vec<f32>; 2] {
        let graph = Graph::new();
        let [a, b] = [a, b].map(|x| graph.variable(Array1::from(x.to_vec())).unwrap());
        let loss = expression(a, b).unwrap().sum().unwrap();
        let slopes = graph.gradients(loss, &[a, b]).unwrap();
        [slopes[0], slopes[1]].map(|slope| crate::eval(slope).unwrap().iter().copied().collect())
    }

    #[test]
    fn equal_operands_share_the_gradient_evenly() {
        let (a, b) = ([1.0, 2.0, 3.0, f32::INFINITY], [2.0, 2.0, 2.0, f32::INFINITY]);
        assert_eq!(slopes(&a, &b, |a, b| a.maximum(b)), [[0.0, 0.5, 1.0, 0.5], [1.0, 0.5, 0.0, 0.5]]);
        assert_eq!(slopes(&a, &b, |a, b| a.minimum(b)), [[1.0, 0.5, 0.0, 0.5], [0.0, 0.5, 1.0, 0.5]]);
    }

    #[test]
    fn a_clamped_number_at_the_border_has_the_gradient_of_the_inside() {
        let x = [-1.1, -1.0, 0.0, 2.0, 2.1, f32::NAN];
        let [slope, _] = slopes(&x, &x, |x, _| x.clamp(-1.0, 2.0));
        assert_eq!(slope, [0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn bounds_in_the_wrong_order_are_refused() {
        let graph = Graph::new();
        let x = graph.constant(arr1(&[1.0])).unwrap();
        for (min, max) in [(1.0, -1.0), (f32::NAN, 1.0), (0.0, f32::NAN)] {
            assert!(matches!(x.clamp(min, max), Err(Error::Argument { op: "clamp", .. })), "{min}, {max}");
        }
    }

    #[test]
    fn extremes_agree_with_the_reference_and_finite_differences() {
        for shapes in broadcast_shapes() {
            Case::new(&shapes, |x| x[0].maximum(x[1])).check();
            Case::new(&shapes, |x| x[0].minimum(x[1])).check();
        }
        Case::each_size(|x| x[0].clamp(-0.5, 0.25)).check_all();
        Case::new(&[vec![13, 33], vec![33, 70]], |x| x[0].matmul(x[1])?.clamp(-0.5, 0.5)).check();
    }
}
