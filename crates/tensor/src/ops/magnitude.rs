//! Absolute values, signs, and powers with a fixed exponent.
//!
//! | op | y | dx |
//! | --- | --- | --- |
//! | `abs` | \|x\| | dy · sign x, so 0 at 0 |
//! | `sign` | −1, 0 or 1 | 0 |
//! | `pow` | xᵖ | dy · p · xᵖ⁻¹; 0 if p = 0 |
//!
//! As in PyTorch. The sign of NaN is NaN.

use super::elementwise::{Elementwise, Pointwise};
use crate::error::Error;
use crate::graph::{Backward, Tensor};
use crate::ir::kernel::MapOp;

#[derive(Debug)]
struct Abs;

impl Elementwise for Abs {
    const NAME: &'static str = "abs";
    fn compute(&self, x: &[f64]) -> f64 {
        x[0].abs()
    }
    fn kernel(&self) -> MapOp {
        MapOp::Abs
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Ok(vec![Some(node.dy().mul(node.inputs[0].sign()?)?)])
    }
}

#[derive(Debug)]
struct Sign;

impl Elementwise for Sign {
    const NAME: &'static str = "sign";
    fn compute(&self, x: &[f64]) -> f64 {
        if x[0] == 0.0 { x[0] } else { x[0].signum() }
    }
    fn kernel(&self) -> MapOp {
        MapOp::Sign
    }
    fn gradient<'g>(&self, _: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Ok(vec![None]) // it jumps
    }
}

#[derive(Debug)]
struct Pow {
    exponent: f32,
}

impl Elementwise for Pow {
    const NAME: &'static str = "pow";
    fn compute(&self, x: &[f64]) -> f64 {
        x[0].powf(self.exponent.into())
    }
    fn kernel(&self) -> MapOp {
        MapOp::Pow { exponent: self.exponent }
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        let slope = || node.inputs[0].pow(self.exponent - 1.0)?.affine(self.exponent, 0.0);
        Ok(vec![match self.exponent {
            0.0 => None, // it is 1 everywhere, also at 0
            _ => Some(node.dy().mul(slope()?)?),
        }])
    }
}

impl<'g> Tensor<'g> {
    /// The absolute value of each element. At 0 its gradient is 0.
    ///
    /// ```
    /// use ndarray::arr1;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let x = graph.variable(arr1(&[-2.0, 0.0, 3.0]))?;
    /// let slope = graph.gradients(x.abs()?.sum()?, &[x])?[0];
    /// assert_eq!(eval(x.abs()?)?, arr1(&[2.0, 0.0, 3.0]).into_dyn());
    /// assert_eq!(eval(slope)?, arr1(&[-1.0, 0.0, 1.0]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `self` is not f32.
    pub fn abs(self) -> Result<Tensor<'g>, Error> {
        self.unary(Pointwise(Abs))
    }

    /// −1 for elements below 0, 1 for those above, else the element itself: 0 or NaN. Its gradient is 0.
    ///
    /// ```
    /// use ndarray::arr1;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let x = graph.constant(arr1(&[-2.0, 0.0, 3.0]))?;
    /// assert_eq!(eval(x.sign()?)?, arr1(&[-1.0, 0.0, 1.0]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `self` is not f32.
    pub fn sign(self) -> Result<Tensor<'g>, Error> {
        self.unary(Pointwise(Sign))
    }

    /// Each element to the power of `exponent`: NaN for a number below 0 and an exponent that is not whole, 1 for the
    /// exponent 0 whatever the element.
    ///
    /// ```
    /// use ndarray::arr1;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let x = graph.variable(arr1(&[-2.0, 4.0]))?;
    /// let slope = graph.gradients(x.pow(3.0)?.sum()?, &[x])?[0];
    /// assert_eq!(eval(x.pow(3.0)?)?, arr1(&[-8.0, 64.0]).into_dyn());
    /// assert_eq!(eval(slope)?, arr1(&[12.0, 48.0]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if the exponent is not finite; if `self` is not f32.
    pub fn pow(self, exponent: f32) -> Result<Tensor<'g>, Error> {
        match exponent {
            _ if !exponent.is_finite() => {
                Err(Error::Argument { op: "pow", expected: "an exponent that is finite", found: exponent })
            }
            2.0 => self.mul(self), // exact, and quicker
            _ => self.unary(Pointwise(Pow { exponent })),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Case, values};
    use crate::{Error, Graph};
    use ndarray::arr1;

    #[test]
    fn values_by_hand() {
        let x = [arr1(&[-2.0, 0.0, 0.5, 3.0, f32::NEG_INFINITY]).into_dyn()];
        values(&x, |x| x[0].abs(), &[2.0, 0.0, 0.5, 3.0, f32::INFINITY]);
        values(&x, |x| x[0].sign(), &[-1.0, 0.0, 1.0, 1.0, -1.0]);
        values(&x, |x| x[0].pow(0.0), &[1.0; 5]);
        values(&x, |x| x[0].pow(1.0), &[-2.0, 0.0, 0.5, 3.0, f32::NEG_INFINITY]);
        values(&x, |x| x[0].pow(2.0), &[4.0, 0.0, 0.25, 9.0, f32::INFINITY]);
        values(&x, |x| x[0].pow(-3.0), &[-0.125, f32::INFINITY, 8.0, 1.0 / 27.0, 0.0]);
        values(&[arr1(&[0.25, 4.0]).into_dyn()], |x| x[0].pow(-0.5), &[2.0, 0.5]);
    }

    #[test]
    fn what_has_no_power_and_no_sign_is_nan_on_every_backend() {
        let x = Case::fixed(&[arr1(&[-2.0, f32::NAN, 1.0]).into_dyn()]);
        x.agree(|x| x[0].pow(0.5));
        x.agree(|x| x[0].abs());
        x.agree(|x| x[0].sign());
    }

    #[test]
    fn the_absolute_value_of_either_zero_is_positive() {
        let x = Case::fixed(&[arr1(&[-0.0, 0.0]).into_dyn()]);
        x.agree(|x| x[0].graph().full(1.0, crate::Shape::SCALAR)?.div(x[0].abs()?));
    }

    #[test]
    fn slopes_at_zero_follow_pytorch() {
        let graph = Graph::new();
        let x = graph.variable(arr1(&[0.0, -0.0])).unwrap();
        for (y, slope) in [
            (x.abs().unwrap(), 0.0),
            (x.sign().unwrap(), 0.0),
            (x.pow(0.0).unwrap(), 0.0),
            (x.pow(1.0).unwrap(), 1.0),
            (x.pow(2.0).unwrap(), 0.0),
            (x.pow(0.5).unwrap(), f32::INFINITY),
        ] {
            let found = graph.gradients(y.sum().unwrap(), &[x]).unwrap()[0];
            assert_eq!(crate::eval(found).unwrap(), arr1(&[slope, slope]).into_dyn());
        }
    }

    #[test]
    fn an_exponent_that_is_not_finite_is_refused() {
        let graph = Graph::new();
        let x = graph.constant(arr1(&[1.0])).unwrap();
        for exponent in [f32::NAN, f32::INFINITY] {
            assert!(matches!(x.pow(exponent), Err(Error::Argument { op: "pow", .. })));
        }
    }

    #[test]
    fn magnitudes_agree_with_the_reference_and_finite_differences() {
        Case::each_size(|x| x[0].abs()).away_from_zero().check_all();
        Case::each_size(|x| x[0].sign()).away_from_zero().check_all();
        for exponent in [-1.5, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.5] {
            Case::each_size(move |x| x[0].pow(exponent)).range(0.3, 2.0).check_all();
        }
        for exponent in [-2.0, 2.0, 3.0] {
            Case::each_size(move |x| x[0].pow(exponent)).away_from_zero().check_all();
        }
    }
}
