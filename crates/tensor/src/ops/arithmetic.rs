//! Sums, differences, products, quotients (with NumPy broadcasting), affine maps, and the elementary functions.
//!
//! | op | y | dx |
//! | --- | --- | --- |
//! | `add` | a + b | dy, dy |
//! | `sub` | a − b | dy, −dy |
//! | `mul` | a · b | dy · b, dy · a |
//! | `div` | a / b | dy / b, −dy · y / b |
//! | `affine` | s · x + t | s · dy |
//! | `exp` | eˣ | dy · y |
//! | `ln` | ln x | dy / x |
//! | `sqrt` | √x | dy / (2 y) |

use super::elementwise::{Elementwise, Pointwise};
use crate::error::Error;
use crate::graph::{Backward, Known, KnownInput, Op, Simpler, Tensor};
use crate::ir::kernel::MapOp;

type Gradients<'g> = Result<Vec<Option<Tensor<'g>>>, Error>;

#[derive(Debug)]
struct Add;

impl Elementwise for Add {
    const NAME: &'static str = "add";
    fn compute(&self, x: &[f64]) -> f64 {
        x[0] + x[1]
    }
    fn kernel(&self) -> MapOp {
        MapOp::Add
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Gradients<'g> {
        Ok(vec![Some(node.dy()), Some(node.dy())])
    }
}

#[derive(Debug)]
struct Sub;

impl Elementwise for Sub {
    const NAME: &'static str = "sub";
    fn compute(&self, x: &[f64]) -> f64 {
        x[0] - x[1]
    }
    fn kernel(&self) -> MapOp {
        MapOp::Sub
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Gradients<'g> {
        Ok(vec![Some(node.dy()), node.when_wanted(1, || node.dy().affine(-1.0, 0.0))?])
    }
}

#[derive(Debug)]
struct Mul;

impl Elementwise for Mul {
    const NAME: &'static str = "mul";
    fn compute(&self, x: &[f64]) -> f64 {
        x[0] * x[1]
    }
    fn kernel(&self) -> MapOp {
        MapOp::Mul
    }
    /// A product with a number that is known is an affine map.
    fn simplify(&self, call: &Known<'_>) -> Simpler {
        let factor = |(scalar, other): (usize, usize)| {
            let (scalar, shape) = (&call.inputs[scalar], call.outputs[0].shape);
            let scale = scalar.full.filter(|_| scalar.meta.shape.rank() == 0)?;
            let is_whole = call.inputs[other].meta.shape == shape;
            is_whole.then(|| scaled(scale, &call.inputs[other], other))
        };
        [(0, 1), (1, 0)].into_iter().find_map(factor).unwrap_or(Simpler::No)
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Gradients<'g> {
        Ok(vec![
            node.when_wanted(0, || node.dy().mul(node.inputs[1]))?,
            node.when_wanted(1, || node.dy().mul(node.inputs[0]))?,
        ])
    }
}

/// `by` times an input.
fn scaled(by: f32, known: &KnownInput, input: usize) -> Simpler {
    match known.full {
        Some(value) => Simpler::Full(by * value),
        None if by == 1.0 => Simpler::Input(input),
        None => Simpler::Scaled { input, by },
    }
}

/// The op that multiplies by a number.
pub(crate) fn scaling(by: f32) -> impl Op {
    Pointwise(Affine { scale: by, shift: 0.0 })
}

#[derive(Debug)]
struct Div;

impl Elementwise for Div {
    const NAME: &'static str = "div";
    fn compute(&self, x: &[f64]) -> f64 {
        x[0] / x[1]
    }
    fn kernel(&self) -> MapOp {
        MapOp::Div
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Gradients<'g> {
        let by_b = |t: Tensor<'g>| t.div(node.inputs[1]);
        Ok(vec![
            node.when_wanted(0, || by_b(node.dy()))?,
            node.when_wanted(1, || by_b(node.dy().mul(node.output())?)?.affine(-1.0, 0.0))?,
        ])
    }
}

#[derive(Debug)]
struct Affine {
    scale: f32,
    shift: f32,
}

impl Elementwise for Affine {
    const NAME: &'static str = "affine";
    fn compute(&self, x: &[f64]) -> f64 {
        f64::from(self.scale) * x[0] + f64::from(self.shift)
    }
    fn kernel(&self) -> MapOp {
        MapOp::Affine { scale: self.scale, shift: self.shift }
    }
    fn simplify(&self, call: &Known<'_>) -> Simpler {
        match call.inputs[0].full {
            Some(value) => Simpler::Full(self.scale * value + self.shift),
            None if self.scale == 1.0 && self.shift == 0.0 => Simpler::Input(0),
            None => Simpler::No,
        }
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Gradients<'g> {
        Ok(vec![Some(node.dy().affine(self.scale, 0.0)?)])
    }
}

#[derive(Debug)]
struct Exp;

impl Elementwise for Exp {
    const NAME: &'static str = "exp";
    fn compute(&self, x: &[f64]) -> f64 {
        x[0].exp()
    }
    fn kernel(&self) -> MapOp {
        MapOp::Exp
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Gradients<'g> {
        Ok(vec![Some(node.dy().mul(node.output())?)])
    }
}

#[derive(Debug)]
struct Ln;

impl Elementwise for Ln {
    const NAME: &'static str = "ln";
    fn compute(&self, x: &[f64]) -> f64 {
        x[0].ln()
    }
    fn kernel(&self) -> MapOp {
        MapOp::Ln
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Gradients<'g> {
        Ok(vec![Some(node.dy().div(node.inputs[0])?)])
    }
}

#[derive(Debug)]
struct Sqrt;

impl Elementwise for Sqrt {
    const NAME: &'static str = "sqrt";
    fn compute(&self, x: &[f64]) -> f64 {
        x[0].sqrt()
    }
    fn kernel(&self) -> MapOp {
        MapOp::Sqrt
    }
    fn gradient<'g>(&self, node: &Backward<'g>) -> Gradients<'g> {
        Ok(vec![Some(node.dy().div(node.output())?.affine(0.5, 0.0)?)])
    }
}

#[allow(clippy::should_implement_trait)] // an operator cannot return why the shapes do not fit
impl<'g> Tensor<'g> {
    /// `self + other`, broadcast.
    ///
    /// # Errors
    /// If the shapes do not broadcast.
    pub fn add(self, other: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(other, Pointwise(Add))
    }

    /// `self - other`, broadcast.
    ///
    /// # Errors
    /// If the shapes do not broadcast.
    pub fn sub(self, other: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(other, Pointwise(Sub))
    }

    /// `self * other` elementwise, broadcast.
    ///
    /// # Errors
    /// If the shapes do not broadcast.
    pub fn mul(self, other: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(other, Pointwise(Mul))
    }

    /// `self / other` elementwise, broadcast.
    ///
    /// # Errors
    /// If the shapes do not broadcast.
    pub fn div(self, other: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(other, Pointwise(Div))
    }

    /// `scale * self + shift`.
    ///
    /// # Errors
    /// If `self` is not f32.
    pub fn affine(self, scale: f32, shift: f32) -> Result<Tensor<'g>, Error> {
        self.unary(Pointwise(Affine { scale, shift }))
    }

    /// e to the power of each element.
    ///
    /// # Errors
    /// If `self` is not f32.
    pub fn exp(self) -> Result<Tensor<'g>, Error> {
        self.unary(Pointwise(Exp))
    }

    /// Natural logarithm of each element.
    ///
    /// # Errors
    /// If `self` is not f32.
    pub fn ln(self) -> Result<Tensor<'g>, Error> {
        self.unary(Pointwise(Ln))
    }

    /// Square root of each element.
    ///
    /// # Errors
    /// If `self` is not f32.
    pub fn sqrt(self) -> Result<Tensor<'g>, Error> {
        self.unary(Pointwise(Sqrt))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Case, broadcast_shapes, values};
    use ndarray::{arr1, arr2};

    #[test]
    fn values_by_hand() {
        let a = arr2(&[[1.0, 2.0], [3.0, 4.0]]);
        let b = arr1(&[10.0, 20.0]);
        values(&[a.clone().into_dyn(), b.clone().into_dyn()], |x| x[0].add(x[1]), &[11., 22., 13., 24.]);
        values(&[a.clone().into_dyn(), b.clone().into_dyn()], |x| x[0].sub(x[1]), &[-9., -18., -7., -16.]);
        values(&[a.clone().into_dyn(), b.clone().into_dyn()], |x| x[0].mul(x[1]), &[10., 40., 30., 80.]);
        values(&[a.clone().into_dyn(), b.into_dyn()], |x| x[0].div(x[1]), &[0.1, 0.1, 0.3, 0.2]);
        values(&[a.into_dyn()], |x| x[0].affine(2.0, 1.0), &[3., 5., 7., 9.]);
        values(&[arr1(&[0.0, 1.0]).into_dyn()], |x| x[0].exp(), &[1.0, std::f32::consts::E]);
        values(&[arr1(&[1.0, std::f32::consts::E]).into_dyn()], |x| x[0].ln(), &[0.0, 1.0]);
        values(&[arr1(&[4.0, 9.0]).into_dyn()], |x| x[0].sqrt(), &[2.0, 3.0]);
    }

    #[test]
    fn broadcasting_pairs_agree_with_the_reference_and_finite_differences() {
        for shapes in broadcast_shapes() {
            Case::new(&shapes, |x| x[0].add(x[1])).check();
            Case::new(&shapes, |x| x[0].sub(x[1])).check();
            Case::new(&shapes, |x| x[0].mul(x[1])).check();
            Case::new(&shapes, |x| x[0].div(x[1])).range(0.5, 2.0).check();
        }
    }

    #[test]
    fn functions_agree_with_the_reference_and_finite_differences() {
        Case::each_size(|x| x[0].affine(-1.5, 0.25)).check_all();
        Case::each_size(|x| x[0].exp()).check_all();
        Case::each_size(|x| x[0].ln()).range(0.1, 9.0).check_all();
        Case::each_size(|x| x[0].sqrt()).range(0.1, 9.0).check_all();
    }
}
