//! Cross-entropy of class scores against labels: lossᵢ = ln Σⱼ exp(xᵢⱼ) − xᵢ,label, dx = (softmax(x) − onehot) · dloss.
//!
//! It is recorded as one loss per sample, then a mean or a sum, so that accumulating losses needs no second kernel.
//! The planner merges the op with its gradient: the loss and the gradient by the scores come out of one pass.
//! A label that is not a column gives a loss that is not a number; a session refuses such a dataset beforehand.

use ndarray::{ArrayD, Axis, Ix2};

use super::rules;
use super::softmax::log_softmax;
use crate::error::Error;
use crate::graph::{
    Backward, Call, Gradient, Interpreter, Lower, Lowered, Meaning, Operand, ShapeRule, Tensor, one,
};
use crate::ir::kernel::{CrossEntropy, RowScale};
use crate::ir::{DType, Meta, Shape};

/// Inputs: scores `[batch, classes]`, labels `[batch]`. Output: `[batch]`.
#[derive(Debug)]
struct Losses;

/// Inputs: scores, labels, gradient by each loss `[batch]`. Output: gradient by the scores.
#[derive(Debug)]
struct LossesGrad;

/// Rows and columns of scores `[batch, classes]` that come with labels `[batch]`.
pub(super) fn check(name: &'static str, inputs: &[Meta]) -> Result<(usize, usize), Error> {
    rules::expect(&inputs[0], DType::F32, name)?;
    rules::expect(&inputs[1], DType::U8, name)?;
    let (rows, columns) = rules::matrix(&inputs[0].shape, name)?;
    match inputs[1].shape.dims() {
        [labels] if *labels == rows => Ok((rows, columns)),
        _ => Err(Error::shapes(
            name,
            "scores [batch, classes] and labels [batch]",
            &[inputs[0].shape, inputs[1].shape],
        )),
    }
}

/// The gradient by each row's loss: a number where that is known.
pub(super) fn row_scale(gradients: &Operand) -> RowScale {
    gradients.full.map_or(RowScale::PerRow(gradients.value), RowScale::Constant)
}

/// ln softmax of each row.
fn log_probabilities(scores: &ArrayD<f64>) -> ndarray::Array2<f64> {
    log_softmax(scores).into_dimensionality::<Ix2>().expect("the shape rule wants a matrix")
}

impl ShapeRule for Losses {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        let (rows, _) = check(self.name(), inputs)?;
        one(Meta::f32(Shape::new(&[rows])?))
    }
}

impl Gradient for Losses {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
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
        let y = log_probabilities(inputs[0]);
        let loss = |(i, &label): (usize, &f64)| y.get((i, label as usize)).map_or(f64::NAN, |p| -p);
        one(inputs[1].iter().enumerate().map(loss).collect::<ndarray::Array1<f64>>().into_dyn())
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
        "cross_entropy_grad"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        check(self.name(), inputs)?;
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
        let mut dx = log_probabilities(inputs[0]).mapv(f64::exp);
        for ((mut row, &label), &dy) in dx.axis_iter_mut(Axis(0)).zip(inputs[1]).zip(inputs[2]) {
            if let Some(p) = row.get_mut(label as usize) {
                *p -= 1.0;
            }
            row *= dy;
        }
        one(dx.into_dyn())
    }
}

impl Lower for LossesGrad {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let mut kernel = kernel(call);
        kernel.dlogits = Some(call.output().value);
        kernel.scale = row_scale(&call.inputs[2]);
        Lowered::kernel(kernel)
    }
}

fn kernel(call: &Call<'_>) -> CrossEntropy {
    let (rows, columns) = call.inputs[0].shape().rows();
    let (logits, labels) = (call.inputs[0].value, call.inputs[1].value);
    CrossEntropy {
        logits,
        labels,
        rows,
        columns,
        losses: None,
        dlogits: None,
        scale: RowScale::Constant(1.0),
    }
}

impl<'g> Tensor<'g> {
    /// One cross-entropy per row of `self` (`[batch, classes]`) against `labels` (`[batch]`, u8): shape `[batch]`.
    ///
    /// # Errors
    /// If shapes or types do not fit.
    pub fn cross_entropy_losses(self, labels: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(labels, Losses)
    }

    /// Mean cross-entropy over the batch, a scalar (PyTorch's `cross_entropy`).
    ///
    /// # Errors
    /// If shapes or types do not fit.
    pub fn cross_entropy(self, labels: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.cross_entropy_losses(labels)?.mean()
    }

    /// Sum of the cross-entropy over the batch, a scalar (PyTorch's `reduction="sum"`).
    ///
    /// # Errors
    /// If shapes or types do not fit.
    pub fn cross_entropy_sum(self, labels: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.cross_entropy_losses(labels)?.sum()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Case, values};
    use crate::{Error, Graph};
    use ndarray::{arr2, array};

    fn labels(rows: usize, classes: usize) -> Vec<u8> {
        (0..rows).map(|i| (i * 7 % classes.max(1)) as u8).collect()
    }

    #[test]
    fn values_by_hand() {
        let x = [arr2(&[[0.0, 3.0_f32.ln()], [0.0, 0.0]]).into_dyn()];
        let (quarter, half) = (-(0.25_f32.ln()), -(0.5_f32.ln()));
        values(&x, |x| x[0].cross_entropy_losses(x[0].graph().labels(&[0, 1])?), &[quarter, half]);
        values(&x, |x| x[0].cross_entropy(x[0].graph().labels(&[0, 1])?), &[(quarter + half) / 2.0]);
        values(&x, |x| x[0].cross_entropy_sum(x[0].graph().labels(&[0, 1])?), &[quarter + half]);
    }

    #[test]
    fn a_sure_and_wrong_answer_costs_its_margin() {
        let x = [arr2(&[[1e4, 0.0]]).into_dyn()];
        values(&x, |x| x[0].cross_entropy(x[0].graph().labels(&[1])?), &[1e4]);
    }

    #[test]
    fn labels_must_match_the_batch() {
        let graph = Graph::new();
        let x = graph.constant(array![[1.0, 2.0]]).unwrap();
        assert!(matches!(x.cross_entropy(graph.labels(&[0, 1]).unwrap()), Err(Error::Shapes { .. })));
        assert!(matches!(x.cross_entropy(x), Err(Error::Types { .. })));
    }

    #[test]
    fn every_width_agrees_with_the_reference_and_finite_differences() {
        for (rows, classes) in [(1, 1), (4, 2), (7, 10), (3, 16), (5, 17), (2, 100), (64, 10)] {
            let shapes = [vec![rows, classes]];
            Case::new(&shapes, move |x| x[0].cross_entropy(x[0].graph().labels(&labels(rows, classes))?))
                .range(-3.0, 3.0)
                .check();
            Case::new(&shapes, move |x| x[0].cross_entropy_sum(x[0].graph().labels(&labels(rows, classes))?))
                .range(-3.0, 3.0)
                .check();
        }
    }

    #[test]
    fn weighted_losses_scale_each_row_of_the_gradient() {
        let shapes = [vec![3, 4], vec![3]];
        Case::new(&shapes, |x| x[0].cross_entropy_losses(x[0].graph().labels(&[2, 0, 1])?)?.mul(x[1]))
            .check();
    }
}
