//! A number for each label, from a list with one for each class: yᵢ = xₗ with l = labelᵢ. What a batch's labels weigh is
//! found so. No gradient is taken of it. A label without a number gives one that is not a number.

use ndarray::{Array1, ArrayD};

use super::rules;
use crate::error::Error;
use crate::graph::{Call, Gradient, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::Pick;
use crate::ir::{DType, Meta, Shape};

/// Inputs: numbers `[classes]`, labels `[batch]`. Output: `[batch]`.
#[derive(Debug)]
struct PickByLabel;

impl ShapeRule for PickByLabel {
    fn name(&self) -> &'static str {
        "pick"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        match (inputs[0].shape.dims(), inputs[1].shape.dims()) {
            ([classes], [rows]) => {
                rules::expect(&inputs[1], DType::of_labels(*classes), self.name())?;
                one(Meta::f32(Shape::new(&[*rows])?))
            }
            _ => Err(Error::shapes(
                self.name(),
                "numbers [classes] and labels [batch]",
                &[inputs[0].shape, inputs[1].shape],
            )),
        }
    }
}

impl Gradient for PickByLabel {}

impl Meaning for PickByLabel {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let of = |&label: &f64| inputs[0].get([label as usize]).copied().unwrap_or(f64::NAN);
        one(inputs[1].iter().map(of).collect::<Array1<f64>>().into_dyn())
    }
}

impl Lower for PickByLabel {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        Lowered::kernel(Pick {
            values: call.inputs[0].value,
            labels: call.inputs[1].value,
            output: call.output().value,
            classes: call.inputs[0].shape().elements(),
            rows: call.output().shape().elements(),
        })
    }
}

impl<'g> Tensor<'g> {
    /// For each of `labels` (`[batch]`, of [`DType::of_labels`]) its number in `self` (`[classes]`): shape `[batch]`.
    ///
    /// # Errors
    /// If shapes or types do not fit.
    pub fn pick(self, labels: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(labels, PickByLabel)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{arr1, array};

    use crate::testing::{Case, values};
    use crate::{Error, Graph};

    #[test]
    fn each_label_finds_its_number() {
        let x = [arr1(&[0.5, 2.0, -1.0]).into_dyn()];
        values(&x, |x| x[0].pick(x[0].graph().labels(&[2, 0, 0, 1])?), &[-1.0, 0.5, 0.5, 2.0]);
    }

    #[test]
    fn picking_agrees_with_the_reference_also_where_there_is_no_number() {
        for (rows, classes) in [(0, 3), (1, 1), (9, 4), (5000, 256)] {
            let labels: Vec<u8> = (0..rows).map(|i| (i * 7 % 256) as u8).collect();
            Case::new(&[vec![classes]], move |x| x[0].pick(x[0].graph().labels(&labels)?))
                .forward_only()
                .check();
        }
    }

    #[test]
    fn a_matrix_of_numbers_is_refused() {
        let graph = Graph::new();
        let (x, labels) = (graph.constant(array![[1.0, 2.0]]).unwrap(), graph.labels(&[0]).unwrap());
        assert!(matches!(x.pick(labels), Err(Error::Shapes { .. })));
        let numbers = graph.constant(array![1.0, 2.0]).unwrap();
        assert!(matches!(numbers.pick(numbers), Err(Error::Types { .. })));
    }
}
