//! Softmax and its logarithm over the last dimension, shifted by the row's maximum so that no exponential overflows.
//!
//! | op | y | dx |
//! | --- | --- | --- |
//! | `softmax` | eˣ / Σ eˣ | y · (dy − Σ dy · y) |
//! | `log_softmax` | x − ln Σ eˣ | dy − eʸ · Σ dy |

use super::rules;
use crate::error::Error;
use crate::graph::{Backward, Call, Gradient, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::Softmax;
use crate::ir::{DType, Meta, Shape};
use ndarray::{ArrayD, Axis};

#[derive(Debug)]
struct SoftmaxRows {
    log: bool,
}

/// ln softmax over the last dimension, in f64.
pub(super) fn log_softmax(x: &ArrayD<f64>) -> ArrayD<f64> {
    let mut y = x.clone();
    for mut row in y.lanes_mut(Axis(x.ndim() - 1)) {
        let max = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        let log_sum = max + row.iter().map(|x| (x - max).exp()).sum::<f64>().ln();
        row.mapv_inplace(|x| x - log_sum);
    }
    y
}

/// `t` summed over its last dimension, which stays with size 1.
fn row_sums(t: Tensor<'_>) -> Result<Tensor<'_>, Error> {
    let mut dims = t.dims().to_vec();
    let last = dims.len() - 1;
    dims[last] = 1;
    t.sum_axis(last)?.reshape(&dims)
}

impl ShapeRule for SoftmaxRows {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax" } else { "softmax" }
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        match inputs[0].shape.rank() {
            0 => Err(Error::shapes(self.name(), "at least one dimension", &[inputs[0].shape])),
            _ => one(inputs[0]),
        }
    }
}

impl Gradient for SoftmaxRows {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        let (y, dy) = (node.output(), node.dy());
        let dx = match self.log {
            false => y.mul(dy.sub(row_sums(dy.mul(y)?)?)?)?,
            true => dy.sub(y.exp()?.mul(row_sums(dy)?)?)?,
        };
        Ok(vec![Some(dx)])
    }
}

impl Meaning for SoftmaxRows {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let y = log_softmax(inputs[0]);
        one(if self.log { y } else { y.mapv(f64::exp) })
    }
}

impl Lower for SoftmaxRows {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (rows, columns) = call.output().shape().rows();
        let (input, output) = (call.inputs[0].value, call.output().value);
        Lowered::kernel(Softmax { input, output, rows, columns, log: self.log })
    }
}

impl<'g> Tensor<'g> {
    /// Softmax over the last dimension.
    ///
    /// # Errors
    /// For a scalar.
    pub fn softmax(self) -> Result<Tensor<'g>, Error> {
        self.unary(SoftmaxRows { log: false })
    }

    /// Logarithm of the softmax over the last dimension.
    ///
    /// # Errors
    /// For a scalar.
    pub fn log_softmax(self) -> Result<Tensor<'g>, Error> {
        self.unary(SoftmaxRows { log: true })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Case, values};
    use ndarray::arr2;

    #[test]
    fn values_by_hand() {
        let x = [arr2(&[[0.0, 0.0], [0.0, 3.0_f32.ln()]]).into_dyn()];
        values(&x, |x| x[0].softmax(), &[0.5, 0.5, 0.25, 0.75]);
        let (half, quarter, three) = (0.5_f32.ln(), 0.25_f32.ln(), 0.75_f32.ln());
        values(&x, |x| x[0].log_softmax(), &[half, half, quarter, three]);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        values(&[arr2(&[[1e4, -1e4]]).into_dyn()], |x| x[0].softmax(), &[1.0, 0.0]);
        values(&[arr2(&[[1e4, -1e4]]).into_dyn()], |x| x[0].log_softmax(), &[0.0, -2e4]);
    }

    #[test]
    fn every_width_agrees_with_the_reference_and_finite_differences() {
        for shape in
            [vec![1, 1], vec![5, 2], vec![3, 10], vec![2, 3, 17], vec![4, 100], vec![0, 3], vec![3, 0]]
        {
            Case::new(std::slice::from_ref(&shape), |x| x[0].softmax()).range(-5.0, 5.0).check();
            Case::new(&[shape], |x| x[0].log_softmax()).range(-5.0, 5.0).check();
        }
    }
}
