//! Which class has the largest score, and whether it is the label. The first of equals wins, and the first NaN over all
//! numbers, as in NumPy.
//!
//! Neither has a gradient. A row of no columns has the class 0, a row that holds a NaN counts as wrong.

use ndarray::{ArrayD, Axis};

use super::losses;
use super::rules;
use crate::error::Error;
use crate::graph::{Call, Gradient, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::ArgMax;
use crate::ir::{DType, Meta, Shape};

/// Input: `[rows, columns]`. Output: the column of the largest element of each row, as a whole f32.
#[derive(Debug)]
struct ArgMaxRows;

/// Inputs: scores `[rows, classes]`, labels `[rows]`. Output: 1 where the largest score is the label's, else 0.
#[derive(Debug)]
struct Correct;

fn argmax(scores: &ArrayD<f64>) -> Vec<usize> {
    let first_largest = |row: ndarray::ArrayViewD<f64>| {
        let mut best = 0;
        for (i, x) in row.iter().enumerate() {
            if *x > row[best] || x.is_nan() && !row[best].is_nan() {
                best = i;
            }
        }
        best
    };
    scores.axis_iter(Axis(0)).map(first_largest).collect()
}

impl ShapeRule for ArgMaxRows {
    fn name(&self) -> &'static str {
        "argmax"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        one(Meta::f32(Shape::new(&[rules::matrix(&inputs[0].shape, self.name())?.0])?))
    }
}

impl Gradient for ArgMaxRows {}

impl Meaning for ArgMaxRows {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        one(argmax(inputs[0]).into_iter().map(|i| i as f64).collect::<ndarray::Array1<f64>>().into_dyn())
    }
}

impl Lower for ArgMaxRows {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (rows, columns) = call.inputs[0].shape().rows();
        let (input, output) = (call.inputs[0].value, call.output().value);
        Lowered::kernel(ArgMax { input, labels: None, output, rows, columns })
    }

    fn is_exact(&self) -> bool {
        true
    }
}

impl ShapeRule for Correct {
    fn name(&self) -> &'static str {
        "correct"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        let rows = losses::check_labels(self.name(), inputs)?;
        one(Meta::f32(Shape::new(&[rows])?))
    }
}

impl Gradient for Correct {}

impl Meaning for Correct {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let nan = inputs[0].axis_iter(Axis(0)).map(|row| row.iter().any(|x| x.is_nan()));
        let answers = argmax(inputs[0]).into_iter().zip(nan).zip(inputs[1]);
        let right = answers.map(|((i, nan), &label)| f64::from(i as f64 == label && !nan));
        one(right.collect::<ndarray::Array1<f64>>().into_dyn())
    }
}

impl Lower for Correct {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (rows, columns) = call.inputs[0].shape().rows();
        let (input, labels, output) = (call.inputs[0].value, Some(call.inputs[1].value), call.output().value);
        Lowered::kernel(ArgMax { input, labels, output, rows, columns })
    }

    fn is_exact(&self) -> bool {
        true
    }
}

impl<'g> Tensor<'g> {
    /// For each row of `[rows, columns]` the column of its largest element, as a whole number in f32.
    ///
    /// # Errors
    /// If `self` is not a matrix.
    pub fn argmax(self) -> Result<Tensor<'g>, Error> {
        self.unary(ArgMaxRows)
    }

    /// For each row 1.0 if its largest element stands in the column that `labels` names, else 0.0.
    ///
    /// # Errors
    /// If shapes or types do not fit.
    pub fn correct(self, labels: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(labels, Correct)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Case, values};
    use ndarray::arr2;

    #[test]
    fn values_by_hand() {
        let x = [arr2(&[[1.0, 3.0, 2.0], [5.0, 5.0, 0.0], [-2.0, -1.0, -3.0]]).into_dyn()];
        values(&x, |x| x[0].argmax(), &[1.0, 0.0, 1.0]);
        values(&x, |x| x[0].correct(x[0].graph().labels(&[1, 1, 1])?), &[1.0, 0.0, 1.0]);
    }

    #[test]
    fn a_row_with_a_nan_answers_the_nan_and_is_wrong() {
        for row in [[f32::NAN, 1.0], [1.0, f32::NAN]] {
            let case = Case::fixed(&[arr2(&[row]).into_dyn()]);
            case.agree(|x| x[0].argmax());
            for label in [0, 1] {
                case.agree(move |x| x[0].correct(x[0].graph().labels(&[label])?));
            }
        }
        values(&[arr2(&[[1.0, f32::NAN]]).into_dyn()], |x| x[0].argmax(), &[1.0]);
    }

    #[test]
    fn every_width_agrees_with_the_reference() {
        for (rows, columns) in [(1, 1), (5, 10), (3, 17), (70, 100), (0, 4)] {
            Case::new(&[vec![rows, columns]], |x| x[0].argmax()).forward_only().check();
        }
    }
}
