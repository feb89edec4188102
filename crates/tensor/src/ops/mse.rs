//! Mean squared error: lossᵢ = 1/w Σⱼ (pᵢⱼ − tᵢⱼ)², dp = 2/w · (p − t) · dloss, w values per sample.
//!
//! The mean of these over the batch is the mean over all elements, PyTorch's `mse_loss`. Like the cross-entropy it is
//! merged with its gradient into one pass. The targets are data: no gradient is taken of them.

use super::cross_entropy::row_scale;
use super::rules;
use crate::error::Error;
use crate::graph::{Backward, Call, Gradient, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::{Mse, RowScale};
use crate::ir::{DType, Meta, Shape};
use ndarray::ArrayD;

/// Inputs: predictions and targets `[batch, width]`. Output: `[batch]`.
#[derive(Debug)]
struct Losses;

/// Inputs: predictions, targets, gradient by each loss `[batch]`. Output: gradient by the predictions.
#[derive(Debug)]
struct LossesGrad;

fn check(name: &'static str, inputs: &[Meta]) -> Result<usize, Error> {
    inputs.iter().try_for_each(|input| rules::expect(input, DType::F32, name))?;
    let (rows, _) = rules::matrix(&inputs[0].shape, name)?;
    match inputs[0].shape == inputs[1].shape {
        true => Ok(rows),
        false => Err(Error::shapes(
            name,
            "predictions and targets of one shape",
            &[inputs[0].shape, inputs[1].shape],
        )),
    }
}

impl ShapeRule for Losses {
    fn name(&self) -> &'static str {
        "mse"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        one(Meta::f32(Shape::new(&[check(self.name(), inputs)?])?))
    }
}

impl Gradient for Losses {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        if node.wanted[1] {
            return Err(Error::NoGradient { op: "mse by its targets" });
        }
        let inputs = [node.inputs[0], node.inputs[1], node.dy()];
        Ok(vec![Some(node.dy().graph().record(LossesGrad, &inputs)?), None])
    }
}

impl Meaning for Losses {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let width = inputs[0].shape()[1] as f64;
        let squares = (inputs[0] - inputs[1]).mapv(|d| d * d / width);
        one(squares.sum_axis(ndarray::Axis(1)))
    }
}

impl Lower for Losses {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let mut kernel = kernel(call);
        kernel.losses = Some(call.output().value);
        Lowered::kernel(kernel)
    }

    fn adds_up(&self) -> bool {
        true
    }
}

impl ShapeRule for LossesGrad {
    fn name(&self) -> &'static str {
        "mse_grad"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        check(self.name(), &inputs[..2])?;
        one(inputs[0])
    }
}

impl Gradient for LossesGrad {}

impl Meaning for LossesGrad {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let width = inputs[0].shape()[1] as f64;
        let dy = inputs[2].view().insert_axis(ndarray::Axis(1));
        one((inputs[0] - inputs[1]) * dy * (2.0 / width))
    }
}

impl Lower for LossesGrad {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let mut kernel = kernel(call);
        kernel.dprediction = Some(call.output().value);
        kernel.scale = row_scale(&call.inputs[2]);
        Lowered::kernel(kernel)
    }
}

fn kernel(call: &Call<'_>) -> Mse {
    let (rows, columns) = call.inputs[0].shape().rows();
    let (prediction, target) = (call.inputs[0].value, call.inputs[1].value);
    Mse { prediction, target, rows, columns, losses: None, dprediction: None, scale: RowScale::Constant(1.0) }
}

impl<'g> Tensor<'g> {
    /// One squared error per row of `self` (`[batch, width]`) against `target` of the same shape: shape `[batch]`.
    ///
    /// # Errors
    /// If shapes or types do not fit.
    pub fn mse_losses(self, target: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(target, Losses)
    }

    /// Mean squared error over all elements, a scalar (PyTorch's `mse_loss`).
    ///
    /// # Errors
    /// If shapes or types do not fit.
    pub fn mse(self, target: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.mse_losses(target)?.mean()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Case, values};
    use ndarray::{Array2, arr2};

    #[test]
    fn values_by_hand() {
        let x = [arr2(&[[1.0, 2.0], [3.0, 5.0]]).into_dyn(), arr2(&[[0.0, 0.0], [3.0, 1.0]]).into_dyn()];
        values(&x, |x| x[0].mse_losses(x[1]), &[2.5, 8.0]);
        values(&x, |x| x[0].mse(x[1]), &[5.25]);
    }

    #[test]
    fn every_width_agrees_with_the_reference_and_finite_differences() {
        for (rows, width) in [(1, 1), (5, 1), (3, 2), (4, 17), (64, 33)] {
            let target = Array2::from_shape_fn((rows, width), |(i, j)| (i + 2 * j) as f32 * 0.1);
            Case::new(&[vec![rows, width]], move |x| x[0].mse(x[0].graph().constant(target.clone())?))
                .check();
        }
    }
}
