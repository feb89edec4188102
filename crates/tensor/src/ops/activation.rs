//! Activations, and the ops their gradients need.
//!
//! | op | y | dx | reads in backward |
//! | --- | --- | --- | --- |
//! | `relu` | max(x, 0) | dy where y > 0, else 0 | y |
//! | `tanh` | tanh x | dy · (1 − y²) | y |
//! | `sigmoid` | 1 / (1 + e⁻ˣ) | dy · y · (1 − y) | y |
//! | `gelu` | x · Φ(x) = x/2 · (1 + erf(x/√2)) | dy · (Φ(x) + x · φ(x)) | x |
//!
//! The gradient ops have gradients too, so activations can be differentiated as often as one likes: with the slope s of an
//! activation as a function of what is kept, that of dy · s by dy is s, by what is kept dy · s′.
//!
//! Where the output suffices for the gradient the input is not kept: that is what makes an activation's memory one
//! buffer and not two. At x = 0 `relu` has gradient 0, as in PyTorch. GELU is Hendrycks & Gimpel,
//! [arXiv:1606.08415](https://arxiv.org/abs/1606.08415), the exact form.

use super::elementwise::{Elementwise, Pointwise};
use crate::error::Error;
use crate::graph::{Backward, Tensor};
use crate::ir::kernel::MapOp;

macro_rules! activation {
    (
        $forward:ident, $backward:ident, $name:literal, $back_name:literal, $kept:ident, $value:expr, $slope:expr,
        $curvature:expr
    ) => {
        #[derive(Debug)]
        struct $forward;

        impl Elementwise for $forward {
            const NAME: &'static str = $name;
            fn compute(&self, x: &[f64]) -> f64 {
                let f: fn(f64) -> f64 = $value;
                f(x[0])
            }
            fn kernel(&self) -> MapOp {
                MapOp::$forward
            }
            fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
                let kept = kept::$kept(node);
                Ok(vec![Some(node.dy().binary(kept, Pointwise($backward))?)])
            }
        }

        /// dx from dy and the value kept of the forward pass.
        #[derive(Debug)]
        struct $backward;

        impl Elementwise for $backward {
            const NAME: &'static str = $back_name;
            fn compute(&self, x: &[f64]) -> f64 {
                let slope: fn(f64) -> f64 = $slope;
                x[0] * slope(x[1])
            }
            fn kernel(&self) -> MapOp {
                MapOp::$backward
            }
            fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
                let (kept, dz) = (node.inputs[1], node.dy());
                let of_dy = node.when_wanted(0, || dz.binary(kept, Pointwise($backward)))?;
                let curvature: for<'t> fn(Tensor<'t>) -> Curvature<'t> = $curvature;
                let of_kept = match node.wanted[1] {
                    true => curvature(kept)?,
                    false => None,
                };
                let of_kept = of_kept.map(|curvature| dz.mul(node.inputs[0])?.mul(curvature)).transpose()?;
                Ok(vec![of_dy, of_kept])
            }
        }
    };
}

/// Which value of the forward pass a gradient rule reads.
mod kept {
    use super::{Backward, Tensor};

    pub(super) fn output<'g>(node: &Backward<'g>) -> Tensor<'g> {
        node.output()
    }
    pub(super) fn input<'g>(node: &Backward<'g>) -> Tensor<'g> {
        node.inputs[0]
    }
}

/// How a slope changes with what is kept; `None` if it does not, but for jumps.
type Curvature<'g> = Result<Option<Tensor<'g>>, Error>;

activation!(
    Relu,
    ReluGrad,
    "relu",
    "relu_grad",
    output,
    |x| if x.is_nan() { x } else { x.max(0.0) },
    |y| f64::from(y > 0.0),
    |_| Ok(None)
);
activation!(Tanh, TanhGrad, "tanh", "tanh_grad", output, f64::tanh, |y| 1.0 - y * y, |y| {
    y.affine(-2.0, 0.0).map(Some)
});
activation!(
    Sigmoid,
    SigmoidGrad,
    "sigmoid",
    "sigmoid_grad",
    output,
    |x| 1.0 / (1.0 + (-x).exp()),
    |y| y * (1.0 - y),
    |y| y.affine(-2.0, 1.0).map(Some)
);
activation!(
    Gelu,
    GeluGrad,
    "gelu",
    "gelu_grad",
    input,
    |x| x * normal_cdf(x),
    |x| normal_cdf(x) + x * normal_pdf(x),
    |x| {
        // φ(x) (2 − x²)
        let square = x.mul(x)?;
        let density = square.affine(-0.5, 0.0)?.exp()?.affine(FRAC_1_SQRT_2PI, 0.0)?;
        square.affine(-1.0, 2.0)?.mul(density).map(Some)
    }
);

/// 1/√(2π)
const FRAC_1_SQRT_2PI: f32 = 0.398_942_3;

/// Φ(x), the standard normal distribution function.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x / std::f64::consts::SQRT_2)
}

/// φ(x), its density.
pub(crate) fn normal_pdf(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// 1 − erf(x) to about 1e-15: the series of erf for small arguments, the continued fraction of erfc for large ones
/// (Abramowitz & Stegun, *Handbook of Mathematical Functions*, 7.1.6 and 7.1.14).
fn erfc(x: f64) -> f64 {
    let a = x.abs();
    let tail = if a < 2.5 {
        let mut term = a;
        let mut sum = a;
        for n in 1..100 {
            term *= 2.0 * a * a / f64::from(2 * n + 1);
            sum += term;
        }
        1.0 - sum * (-a * a).exp() * 2.0 / std::f64::consts::PI.sqrt()
    } else {
        let fraction = (1..=120).rev().fold(a, |f, n| a + 0.5 * f64::from(n) / f);
        (-a * a).exp() / (fraction * std::f64::consts::PI.sqrt())
    };
    if x < 0.0 { 2.0 - tail } else { tail }
}

impl<'g> Tensor<'g> {
    /// max(x, 0).
    ///
    /// # Errors
    /// If `self` is not f32.
    pub fn relu(self) -> Result<Tensor<'g>, Error> {
        self.unary(Pointwise(Relu))
    }

    /// Hyperbolic tangent.
    ///
    /// # Errors
    /// If `self` is not f32.
    pub fn tanh(self) -> Result<Tensor<'g>, Error> {
        self.unary(Pointwise(Tanh))
    }

    /// Logistic function 1 / (1 + e⁻ˣ).
    ///
    /// # Errors
    /// If `self` is not f32.
    pub fn sigmoid(self) -> Result<Tensor<'g>, Error> {
        self.unary(Pointwise(Sigmoid))
    }

    /// Gaussian error linear unit, the exact form (PyTorch's default).
    ///
    /// # Errors
    /// If `self` is not f32.
    pub fn gelu(self) -> Result<Tensor<'g>, Error> {
        self.unary(Pointwise(Gelu))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Case, values};
    use crate::{Error, Tensor};
    use ndarray::arr1;

    #[test]
    fn values_by_hand() {
        let x = [arr1(&[-1.0, 0.0, 2.0]).into_dyn()];
        values(&x, |x| x[0].relu(), &[0.0, 0.0, 2.0]);
        values(&x, |x| x[0].tanh(), &[-0.761_594_2, 0.0, 0.964_027_6]);
        values(&x, |x| x[0].sigmoid(), &[0.268_941_43, 0.5, 0.880_797_1]);
        values(&x, |x| x[0].gelu(), &[-0.158_655_25, 0.0, 1.954_499_7]);
    }

    #[test]
    fn extreme_inputs_saturate_and_stay_finite() {
        let x = [arr1(&[-1e30, -200.0, 200.0, 1e30]).into_dyn()];
        values(&x, |x| x[0].tanh(), &[-1.0, -1.0, 1.0, 1.0]);
        values(&x, |x| x[0].sigmoid(), &[0.0, 0.0, 1.0, 1.0]);
        values(&x, |x| x[0].gelu(), &[0.0, 0.0, 200.0, 1e30]);
    }

    #[test]
    fn activations_agree_with_the_reference_and_finite_differences() {
        Case::each_size(|x| x[0].relu()).away_from_zero().check_all();
        Case::each_size(|x| x[0].tanh()).range(-4.0, 4.0).check_all();
        Case::each_size(|x| x[0].sigmoid()).range(-6.0, 6.0).check_all();
        Case::each_size(|x| x[0].gelu()).range(-5.0, 5.0).check_all();
    }

    /// The slope of each activation, whose own gradient is compared with its finite differences.
    #[test]
    fn slopes_agree_with_the_reference_and_finite_differences() {
        fn slope<'g>(
            x: Tensor<'g>,
            activation: fn(Tensor<'g>) -> Result<Tensor<'g>, Error>,
        ) -> Result<Tensor<'g>, Error> {
            let graph = x.graph();
            Ok(graph.gradients(activation(x)?.sum()?, &[x])?[0])
        }
        Case::new(&[vec![5, 7]], |x| slope(x[0], Tensor::relu)?.mul(x[0])).away_from_zero().check();
        Case::new(&[vec![5, 7]], |x| slope(x[0], Tensor::tanh)).range(-2.0, 2.0).check();
        Case::new(&[vec![5, 7]], |x| slope(x[0], Tensor::sigmoid)).range(-3.0, 3.0).check();
        Case::new(&[vec![5, 7]], |x| slope(x[0], Tensor::gelu)).range(-3.0, 3.0).check();
    }

    #[test]
    fn the_reference_erf_is_exact_to_twelve_digits() {
        // Values of erfc from Abramowitz & Stegun, table 7.1 and 7.3.
        for (x, erfc) in
            [(0.0, 1.0), (0.5, 0.479_500_122_187), (1.0, 0.157_299_207_050), (2.0, 0.004_677_734_981_047)]
        {
            assert!((super::erfc(x) - erfc).abs() < 1e-12, "erfc({x})");
            assert!((super::erfc(-x) - (2.0 - erfc)).abs() < 1e-12, "erfc(-{x})");
        }
        assert!((super::erfc(3.0) / 2.209_049_699_858_544e-5 - 1.0).abs() < 1e-12);
        assert!((super::erfc(2.5) / 4.069_520_174_449_59e-4 - 1.0).abs() < 1e-11);
    }
}
