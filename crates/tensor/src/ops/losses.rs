//! Losses, one for each row of scores `[batch, width]`, and their gradients by the scores:
//!
//! | loss | targets | lossᵢ | dx |
//! | --- | --- | --- | --- |
//! | cross-entropy | labels `[batch]` | ln Σⱼ exp(xᵢⱼ) − xᵢ,label | (softmax(x) − onehot) · dloss |
//! | the same, weighted and smoothed | labels `[batch]` | Σⱼ qᵢⱼ (ln Σₖ exp(xᵢₖ) − xᵢⱼ) | (softmax(x) Σₖ qₖ − q) · dloss |
//! | mean squared error | values `[batch, w]` | 1/w Σⱼ (xᵢⱼ − tᵢⱼ)² | 2/w · (x − t) · dloss |
//!
//! With class weights w and label smoothing ε a row shares its loss out to the classes: qⱼ = (1 − ε) wⱼ \[j = label\] +
//! ε wⱼ / classes. That is PyTorch's `CrossEntropyLoss(weight=w, label_smoothing=ε)`, whose mean divides the sum of the losses
//! by the sum of the labels' weights, which [`Tensor::pick`] finds.
//!
//! They can be differentiated once: their gradient has none ([`Error::NoGradient`]), as one kernel computes it. Where a loss is
//! to be differentiated twice, it is composed of `log_softmax` and other ops that can be.
//!
//! They are recorded as one loss per sample, then a mean or a sum, so that accumulating losses needs no second kernel.
//! The planner merges the op with its gradient: the loss and the gradient by the scores come out of one pass.
//! A label that is not a column gives a loss that is not a number; a session refuses such a dataset beforehand. Targets
//! are data: no gradient is taken of them.

use ndarray::{Array1, Array2, ArrayD, ArrayView1, Axis, Ix2};

use super::rules;
use super::softmax::log_softmax;
use crate::error::Error;
use crate::graph::{
    Backward, Call, Gradient, Interpreter, Lower, Lowered, Meaning, Operand, ShapeRule, Tensor, one,
};
use crate::ir::kernel::{ClassShare, CrossEntropy, Mse, RowScale};
use crate::ir::{DType, Hyperparameter, Meta, Shape, Value};

/// What is computed for each row.
#[derive(Clone, Copy, Debug)]
enum RowLoss {
    CrossEntropy {
        /// ε
        smoothing: f64,
    },
    Mse,
}

/// Inputs: scores `[batch, width]`, targets, and class weights `[width]` if there are some. Output: `[batch]`.
#[derive(Debug)]
struct Losses(RowLoss);

/// Inputs: scores, targets, gradient by each loss `[batch]`, and class weights if there are some. Output: gradient by the scores.
#[derive(Debug)]
struct LossesGrad(RowLoss);

impl RowLoss {
    /// The number of rows.
    fn check(self, name: &'static str, inputs: &[Meta]) -> Result<usize, Error> {
        match self {
            RowLoss::CrossEntropy { .. } => check_labels(name, inputs),
            RowLoss::Mse => check_values(name, inputs),
        }
    }

    /// The shares q of a row with this label, in f64.
    fn shares(self, weights: Option<&ArrayD<f64>>, label: usize, classes: usize) -> Array1<f64> {
        let RowLoss::CrossEntropy { smoothing } = self else { return Array1::zeros(classes) };
        let share = |class: usize| {
            let hit = if class == label { 1.0 - smoothing } else { 0.0 };
            weights.map_or(1.0, |weights| weights[[class]]) * (hit + smoothing / classes as f64)
        };
        (0..classes).map(share).collect()
    }

    fn kernel(
        self,
        call: &Call<'_>,
        losses: Option<Value>,
        gradient: Option<Value>,
        scale: RowScale,
        weights: Option<&Operand>,
    ) -> Lowered {
        let (rows, columns) = call.inputs[0].shape().rows();
        let (scores, targets) = (call.inputs[0].value, call.inputs[1].value);
        match self {
            RowLoss::CrossEntropy { smoothing } => Lowered::kernel(CrossEntropy {
                logits: scores,
                labels: targets,
                rows,
                columns,
                losses,
                dlogits: gradient,
                scale,
                share: ClassShare::smoothed(smoothing, columns, weights.map(|weights| weights.value)),
            }),
            RowLoss::Mse => Lowered::kernel(Mse {
                prediction: scores,
                target: targets,
                rows,
                columns,
                losses,
                dprediction: gradient,
                scale,
            }),
        }
    }
}

/// Rows of scores `[batch, classes]` that come with labels `[batch]`.
pub(super) fn check_labels(name: &'static str, inputs: &[Meta]) -> Result<usize, Error> {
    rules::expect(&inputs[0], DType::F32, name)?;
    let (rows, classes) = rules::matrix(&inputs[0].shape, name)?;
    rules::expect(&inputs[1], DType::of_labels(classes), name)?;
    match inputs[1].shape.dims() {
        [labels] if *labels == rows => Ok(rows),
        _ => Err(Error::shapes(
            name,
            "scores [batch, classes] and labels [batch]",
            &[inputs[0].shape, inputs[1].shape],
        )),
    }
}

/// One weight for each column of the scores.
fn check_weights(name: &'static str, scores: &Meta, weights: Option<&Meta>) -> Result<(), Error> {
    let Some(weights) = weights else { return Ok(()) };
    rules::expect(weights, DType::F32, name)?;
    match weights.shape.dims() {
        [classes] if *classes == scores.shape.rows().1 => Ok(()),
        _ => Err(Error::shapes(
            name,
            "scores [batch, classes] and weights [classes]",
            &[scores.shape, weights.shape],
        )),
    }
}

/// Rows of predictions that come with targets of the same shape.
fn check_values(name: &'static str, inputs: &[Meta]) -> Result<usize, Error> {
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

/// ln softmax of each row.
fn log_probabilities(scores: &ArrayD<f64>) -> Array2<f64> {
    log_softmax(scores).into_dimensionality::<Ix2>().expect("the shape rule wants a matrix")
}

impl ShapeRule for Losses {
    fn name(&self) -> &'static str {
        match self.0 {
            RowLoss::CrossEntropy { .. } => "cross_entropy",
            RowLoss::Mse => "mse",
        }
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        let rows = self.0.check(self.name(), inputs)?;
        check_weights(self.name(), &inputs[0], inputs.get(2))?;
        one(Meta::f32(Shape::new(&[rows])?))
    }
}

impl Gradient for Losses {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        if node.wanted[1] {
            return Err(Error::NoGradient { op: "mse by its targets" });
        }
        if node.wanted.get(2) == Some(&true) {
            return Err(Error::NoGradient { op: "cross_entropy by its class weights" });
        }
        let (given, weights) = node.inputs.split_at(2);
        let inputs = [given, &[node.dy()], weights].concat();
        let dx = node.dy().graph().record(LossesGrad(self.0), &inputs)?;
        Ok([Some(dx), None, None][..node.inputs.len()].to_vec())
    }
}

impl Meaning for Losses {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        one(match self.0 {
            RowLoss::CrossEntropy { .. } => {
                let y = log_probabilities(inputs[0]);
                let loss = |(y, &label): (ArrayView1<'_, f64>, &f64)| {
                    let shares = self.0.shares(inputs.get(2).copied(), label as usize, y.len());
                    let costs = y.iter().zip(&shares).filter(|(_, share)| **share != 0.0);
                    if (label as usize) < y.len() { costs.map(|(y, q)| -y * q).sum() } else { f64::NAN }
                };
                y.outer_iter().zip(inputs[1]).map(loss).collect::<Array1<f64>>().into_dyn()
            }
            RowLoss::Mse => {
                let width = inputs[0].shape()[1] as f64;
                (inputs[0] - inputs[1]).mapv(|d| d * d / width).sum_axis(Axis(1))
            }
        })
    }
}

impl Lower for Losses {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        self.0.kernel(call, Some(call.output().value), None, RowScale::Constant(1.0), call.inputs.get(2))
    }

    fn is_exact(&self) -> bool {
        true
    }
}

impl ShapeRule for LossesGrad {
    fn name(&self) -> &'static str {
        match self.0 {
            RowLoss::CrossEntropy { .. } => "cross_entropy_grad",
            RowLoss::Mse => "mse_grad",
        }
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        self.0.check(self.name(), &inputs[..2])?;
        check_weights(self.name(), &inputs[0], inputs.get(3))?;
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
        let dy = inputs[2].view().insert_axis(Axis(1));
        one(match self.0 {
            RowLoss::CrossEntropy { .. } => {
                let mut dx = log_probabilities(inputs[0]).mapv(f64::exp);
                for (mut row, &label) in dx.axis_iter_mut(Axis(0)).zip(inputs[1]) {
                    let shares = self.0.shares(inputs.get(3).copied(), label as usize, row.len());
                    row *= shares.sum();
                    row -= &shares;
                }
                dx.into_dyn() * dy
            }
            RowLoss::Mse => {
                let width = inputs[0].shape()[1] as f64;
                (inputs[0] - inputs[1]) * dy * (2.0 / width)
            }
        })
    }
}

impl Lower for LossesGrad {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        self.0.kernel(call, None, Some(call.output().value), row_scale(&call.inputs[2]), call.inputs.get(3))
    }
}

/// The gradient by each row's loss: a number where that is known.
fn row_scale(gradients: &Operand) -> RowScale {
    gradients.full.map_or(RowScale::PerRow(gradients.value), RowScale::Constant)
}

impl<'g> Tensor<'g> {
    /// One cross-entropy per row of `self` (`[batch, classes]`) against `labels` (`[batch]`, of
    /// [`DType::of_labels`]): shape `[batch]`.
    ///
    /// # Errors
    /// If shapes or types do not fit.
    pub fn cross_entropy_losses(self, labels: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(labels, Losses(RowLoss::CrossEntropy { smoothing: 0.0 }))
    }

    /// The same with a weight for each class (`[classes]`) and with label smoothing ε, as in PyTorch's `CrossEntropyLoss`,
    /// whose mean is the sum of these divided by the sum of the labels' weights ([`Tensor::pick`]).
    ///
    /// # Errors
    /// If shapes or types do not fit; [`Error::Hyperparameter`] for a smoothing that is not at least 0 and below 1.
    pub fn smoothed_cross_entropy_losses(
        self,
        labels: Tensor<'g>,
        class_weights: Option<Tensor<'g>>,
        smoothing: f64,
    ) -> Result<Tensor<'g>, Error> {
        Hyperparameter::share("label_smoothing", smoothing)?;
        let inputs: Vec<Tensor<'g>> =
            [Some(self), Some(labels), class_weights].into_iter().flatten().collect();
        self.graph().record(Losses(RowLoss::CrossEntropy { smoothing }), &inputs)
    }

    /// Mean cross-entropy over the batch, a scalar (PyTorch's `cross_entropy`).
    ///
    /// # Errors
    /// If shapes or types do not fit.
    pub fn cross_entropy(self, labels: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.cross_entropy_losses(labels)?.mean()
    }

    /// One squared error per row of `self` (`[batch, width]`) against `target` of the same shape: shape `[batch]`.
    ///
    /// # Errors
    /// If shapes or types do not fit.
    pub fn mse_losses(self, target: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(target, Losses(RowLoss::Mse))
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
    use ndarray::{arr2, array};

    use crate::testing::{Case, values};
    use crate::{Error, Graph};

    fn labels(rows: usize, classes: usize) -> Vec<u8> {
        (0..rows).map(|i| (i * 7 % classes.max(1)) as u8).collect()
    }

    #[test]
    fn cross_entropies_by_hand() {
        let x = [arr2(&[[0.0, 3.0_f32.ln()], [0.0, 0.0]]).into_dyn()];
        let (quarter, half) = (-(0.25_f32.ln()), -(0.5_f32.ln()));
        values(&x, |x| x[0].cross_entropy_losses(x[0].graph().labels(&[0, 1])?), &[quarter, half]);
        values(&x, |x| x[0].cross_entropy(x[0].graph().labels(&[0, 1])?), &[(quarter + half) / 2.0]);
        values(&x, |x| x[0].cross_entropy_losses(x[0].graph().labels(&[0, 1])?)?.sum(), &[quarter + half]);
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
    fn cross_entropy_of_every_width_agrees_with_the_reference_and_finite_differences() {
        for (rows, classes) in [(1, 1), (4, 2), (7, 10), (3, 16), (5, 17), (2, 100), (64, 10)] {
            let shapes = [vec![rows, classes]];
            Case::new(&shapes, move |x| x[0].cross_entropy(x[0].graph().labels(&labels(rows, classes))?))
                .range(-3.0, 3.0)
                .check();
            Case::new(&shapes, move |x| {
                x[0].cross_entropy_losses(x[0].graph().labels(&labels(rows, classes))?)?.sum()
            })
            .range(-3.0, 3.0)
            .check();
        }
    }

    /// The numbers of PyTorch are in the tests of plangrad-nn; here by hand: y = ln 2 for both classes.
    #[test]
    fn weights_and_smoothing_share_a_loss_out_to_the_classes() {
        let x = [arr2(&[[1.0, 1.0], [2.0, 2.0]]).into_dyn()];
        let ln2 = 2.0_f32.ln();
        let losses = |weights: Option<[f32; 2]>, smoothing: f64, expected: [f32; 2]| {
            values(
                &x,
                move |x| {
                    let graph = x[0].graph();
                    let weights = weights.map(|w| graph.constant(array![w[0], w[1]])).transpose()?;
                    x[0].smoothed_cross_entropy_losses(graph.labels(&[0, 1])?, weights, smoothing)
                },
                &expected,
            );
        };
        losses(None, 0.25, [ln2, ln2]);
        losses(Some([3.0, 0.5]), 0.0, [3.0 * ln2, 0.5 * ln2]);
        losses(Some([3.0, 0.5]), 0.5, [(1.5 + 0.25 * 3.5) * ln2, (0.25 + 0.25 * 3.5) * ln2]);
        losses(Some([0.0, 2.0]), 0.0, [0.0, 2.0 * ln2]);
    }

    #[test]
    fn weighted_and_smoothed_losses_agree_with_the_reference_and_finite_differences() {
        for (rows, classes) in [(1, 1), (4, 2), (7, 10), (5, 17), (2, 100)] {
            for (weighted, smoothing) in [(true, 0.0), (false, 0.1), (true, 0.3)] {
                let shapes = [vec![rows, classes]];
                let weights = ndarray::Array1::from_shape_fn(classes, |class| 0.25 * (class % 5) as f32);
                Case::new(&shapes, move |x| {
                    let graph = x[0].graph();
                    let labels = graph.labels(&labels(rows, classes))?;
                    let weights = weighted.then(|| graph.constant(weights.clone())).transpose()?;
                    x[0].smoothed_cross_entropy_losses(labels, weights, smoothing)?.sum()
                })
                .range(-3.0, 3.0)
                .check();
            }
        }
    }

    #[test]
    fn weights_must_match_the_classes_and_smoothing_be_a_share() {
        let graph = Graph::new();
        let (x, labels) = (graph.constant(array![[1.0, 2.0]]).unwrap(), graph.labels(&[0]).unwrap());
        let weights = graph.constant(array![1.0, 2.0, 3.0]).unwrap();
        let refused = x.smoothed_cross_entropy_losses(labels, Some(weights), 0.0);
        assert!(matches!(refused, Err(Error::Shapes { .. })));
        let refused = x.smoothed_cross_entropy_losses(labels, None, 1.0);
        assert!(matches!(refused, Err(Error::Hyperparameter(_))));
    }

    #[test]
    fn weighted_losses_scale_each_row_of_the_gradient() {
        let shapes = [vec![3, 4], vec![3]];
        Case::new(&shapes, |x| x[0].cross_entropy_losses(x[0].graph().labels(&[2, 0, 1])?)?.mul(x[1]))
            .check();
    }

    #[test]
    fn squared_errors_by_hand() {
        let x = [arr2(&[[1.0, 2.0], [3.0, 5.0]]).into_dyn(), arr2(&[[0.0, 0.0], [3.0, 1.0]]).into_dyn()];
        values(&x, |x| x[0].mse_losses(x[1]), &[2.5, 8.0]);
        values(&x, |x| x[0].mse(x[1]), &[5.25]);
    }

    #[test]
    fn squared_error_of_every_width_agrees_with_the_reference_and_finite_differences() {
        for (rows, width) in [(1, 1), (5, 1), (3, 2), (4, 17), (64, 33)] {
            let target = ndarray::Array2::from_shape_fn((rows, width), |(i, j)| (i + 2 * j) as f32 * 0.1);
            Case::new(&[vec![rows, width]], move |x| x[0].mse(x[0].graph().constant(target.clone())?))
                .check();
        }
    }
}
