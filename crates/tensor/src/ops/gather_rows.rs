//! Rows of a table by index, as an embedding looks words up, and sums of rows by index: each the other's gradient.
//!
//! | op | y | gradient |
//! | --- | --- | --- |
//! | `gather_rows` | yᵢ = xᵣ with r = indexᵢ | `scatter_rows` of dy |
//! | `scatter_rows` | yᵣ = Σ xᵢ over the i with indexᵢ = r | `gather_rows` of dy |
//!
//! Indices are u8 or u16, or whole numbers in f32 (as the samples of a batch are); none of them gets a gradient. An index that
//! names no row gives NaN, and adds to no sum. Sums are made in the order of the indices, whatever the number of threads, so
//! they are the same bits; nothing is added by two threads at once.

use ndarray::{ArrayD, IxDyn};

use super::rules;
use crate::error::Error;
use crate::graph::{
    Backward, Call, Gradient, Interpreter, Lower, Lowered, Meaning, Operand, ShapeRule, Tensor, one,
};
use crate::ir::kernel::{GatherRows, Indices, ScatterRows, row_at};
use crate::ir::{DType, Meta, Shape};

/// Inputs: a table `[rows, columns]`, indices of any shape. Output: that shape and `columns`.
#[derive(Debug)]
struct Gather;

/// Inputs: what `Gather` gives, and its indices. Output: `[rows, columns]`.
#[derive(Debug)]
struct Scatter {
    rows: usize,
}

/// Refuses what numbers no rows.
fn expect_indices(indices: &Meta, op: &'static str) -> Result<(), Error> {
    if indices.dtype.is_whole() { Ok(()) } else { rules::expect(indices, DType::F32, op) }
}

fn indices(operand: &Operand) -> Indices {
    let Meta { dtype, shape } = operand.meta;
    Indices { value: operand.value, dtype, count: shape.elements() }
}

impl ShapeRule for Gather {
    fn name(&self) -> &'static str {
        "gather_rows"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        expect_indices(&inputs[1], self.name())?;
        let (_, columns) = rules::matrix(&inputs[0].shape, self.name())?;
        one(Meta::f32(Shape::new(&[inputs[1].shape.dims(), &[columns]].concat())?))
    }
}

impl Gradient for Gather {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        let (table, indices) = (node.inputs[0], node.inputs[1]);
        let rows = table.dims()[0];
        Ok(vec![node.when_wanted(0, || node.dy().scatter_rows(indices, rows))?, None])
    }
}

impl Meaning for Gather {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        outputs: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let rows = inputs[0].shape()[0];
        let of = |index: &[usize]| {
            let (&column, place) = index.split_last().expect("a column at least");
            let row = row_at(inputs[1][IxDyn(place)] as f32, rows);
            row.map_or(f64::NAN, |row| inputs[0][[row, column]])
        };
        one(ArrayD::from_shape_fn(IxDyn(outputs[0].dims()), |index| of(ndarray::Dimension::slice(&index))))
    }
}

impl Lower for Gather {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (rows, columns) = call.inputs[0].shape().rows();
        let (table, output) = (call.inputs[0].value, call.output().value);
        Lowered::kernel(GatherRows { table, indices: indices(&call.inputs[1]), output, rows, columns })
    }
}

impl ShapeRule for Scatter {
    fn name(&self) -> &'static str {
        "scatter_rows"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        expect_indices(&inputs[1], self.name())?;
        match inputs[0].shape.dims().split_last() {
            Some((&columns, dims)) if dims == inputs[1].shape.dims() => {
                one(Meta::f32(Shape::new(&[self.rows, columns])?))
            }
            _ => {
                let expected = "a row for each index, [indices…, columns]";
                Err(Error::shapes(self.name(), expected, &[inputs[0].shape, inputs[1].shape]))
            }
        }
    }
}

impl Gradient for Scatter {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Ok(vec![node.when_wanted(0, || node.dy().gather_rows(node.inputs[1]))?, None])
    }
}

impl Meaning for Scatter {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        outputs: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let mut sums = ArrayD::zeros(IxDyn(outputs[0].dims()));
        for (index, x) in inputs[0].indexed_iter() {
            let (&column, place) = ndarray::Dimension::slice(&index).split_last().expect("a column at least");
            if let Some(row) = row_at(inputs[1][IxDyn(place)] as f32, self.rows) {
                sums[[row, column]] += x;
            }
        }
        one(sums)
    }
}

impl Lower for Scatter {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (rows, columns) = call.output().shape().rows();
        let (input, output) = (call.inputs[0].value, call.output().value);
        Lowered::kernel(ScatterRows { input, indices: indices(&call.inputs[1]), output, rows, columns })
    }

    fn is_exact(&self) -> bool {
        true
    }
}

impl<'g> Tensor<'g> {
    /// For each of `indices` (any shape, u8, u16 or whole numbers in f32) its row of `self`, a table `[rows, columns]`: shape
    /// `[indices…, columns]`. That is an embedding, whose table is a parameter. An index that names no row gives NaN.
    ///
    /// The gradient of a row is the sum of the gradients of all places where it was picked, in the order of the indices.
    ///
    /// ```
    /// use ndarray::{arr1, arr2};
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let table = graph.variable(arr2(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))?;
    /// let words = graph.constant(arr1(&[2.0, 0.0, 2.0]))?;
    /// let rows = table.gather_rows(words)?;
    /// let slope = graph.gradients(rows.sum()?, &[table])?[0];
    /// assert_eq!(eval(rows)?, arr2(&[[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]).into_dyn());
    /// assert_eq!(eval(slope)?, arr2(&[[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shapes`] if `self` is not a matrix, [`Error::Types`] if it is not f32 or the indices are none of those types.
    pub fn gather_rows(self, indices: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.binary(indices, Gather)
    }

    /// The sums of the rows of `self` (`[indices…, columns]`) that have the same index, for each of `rows` indices: shape
    /// `[rows, columns]`. An index that names no row adds nothing (PyTorch's `index_add` to zeros).
    ///
    /// ```
    /// use ndarray::arr2;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let rows = graph.constant(arr2(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))?;
    /// let sums = rows.scatter_rows(graph.labels(&[1, 0, 1])?, 3)?;
    /// assert_eq!(eval(sums)?, arr2(&[[3.0, 4.0], [6.0, 8.0], [0.0, 0.0]]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shapes`] if there is not a row for each index, [`Error::Types`] if `self` is not f32 or the indices are none
    /// of those types.
    pub fn scatter_rows(self, indices: Tensor<'g>, rows: usize) -> Result<Tensor<'g>, Error> {
        self.binary(indices, Scatter { rows })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ArrayD, IxDyn, arr1, arr2};

    use crate::testing::{Case, values};
    use crate::{Error, Graph, Tensor};

    const NAN: f32 = f32::NAN;

    /// Indices of a shape, some of them equal, as whole numbers in f32.
    fn indices<'g>(graph: &'g Graph, dims: &[usize], rows: usize) -> Tensor<'g> {
        let number = |index: IxDyn| {
            let place: usize = ndarray::Dimension::slice(&index)
                .iter()
                .enumerate()
                .map(|(axis, i)| i * (3 * axis + 5))
                .sum();
            (place % rows.max(1)) as f32
        };
        graph.constant(ArrayD::from_shape_fn(IxDyn(dims), number)).unwrap()
    }

    #[test]
    fn values_by_hand() {
        let table = arr2(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).into_dyn();
        let (two, picked) = (arr1(&[2.0]), [5.0, 6.0]);
        values(&[table.clone(), two.into_dyn()], |x| x[0].gather_rows(x[1]), &picked);
        values(
            std::slice::from_ref(&table),
            |x| x[0].gather_rows(x[0].graph().labels(&[1, 0])?),
            &[3., 4., 1., 2.],
        );
        values(&[table], |x| x[0].scatter_rows(x[0].graph().labels(&[1, 1, 0])?, 2), &[5., 6., 4., 6.]);
    }

    #[test]
    fn an_index_that_names_no_row_gives_nan_and_adds_nothing() {
        let table = arr2(&[[1.0], [2.0]]).into_dyn();
        let wrong = arr1(&[0.0, -1.0, 2.0, 0.5, NAN, f32::INFINITY, 1.0]).into_dyn();
        let case = Case::fixed(&[table, wrong, Array2::<f32>::ones((7, 1)).into_dyn()]);
        case.agree(|x| x[0].gather_rows(x[1]));
        case.agree(|x| x[2].scatter_rows(x[1], 2));
        case.agree(|x| x[0].gather_rows(x[0].graph().labels(&[0, 2, 255, 1])?));
    }

    #[test]
    fn picking_agrees_with_the_reference_and_finite_differences() {
        for (rows, columns, dims) in [
            (1, 1, vec![1]),
            (3, 5, vec![]),
            (4, 7, vec![9]),
            (33, 16, vec![2, 17]),
            (300, 70, vec![40]),
            (5, 3, vec![0]),
            (5, 0, vec![4]),
            (2000, 3, vec![5000]),
        ] {
            let shape = dims.clone();
            Case::new(&[vec![rows, columns]], move |x| x[0].gather_rows(indices(x[0].graph(), &shape, rows)))
                .check();
            let shape = [&dims[..], &[columns]].concat();
            Case::new(&[shape], move |x| x[0].scatter_rows(indices(x[0].graph(), &dims, rows), rows)).check();
        }
    }

    #[test]
    fn labels_of_a_byte_pick_as_numbers_do() {
        let labels: Vec<u8> = (0..500).map(|i| (i * 7 % 256) as u8).collect();
        Case::new(&[vec![256, 9]], move |x| x[0].gather_rows(x[0].graph().labels(&labels)?)).check();
    }

    #[test]
    fn an_embedding_under_a_product_agrees_with_the_reference() {
        Case::new(&[vec![12, 5], vec![15, 4]], |x| {
            let words = indices(x[0].graph(), &[6, 3], 12);
            x[0].gather_rows(words)?.reshape(&[6, 15])?.matmul(x[1])?.tanh()
        })
        .check();
    }

    #[test]
    fn gradients_can_be_differentiated_again() {
        let graph = Graph::new();
        let table = graph.variable(arr2(&[[2.0], [3.0], [5.0]])).unwrap();
        let picked = table.gather_rows(graph.labels(&[2, 0, 2]).unwrap()).unwrap();
        let slope = graph.gradients(picked.pow(3.0).unwrap().sum().unwrap(), &[table]).unwrap()[0];
        let curvature = graph.gradients(slope.sum().unwrap(), &[table]).unwrap()[0];
        assert_eq!(crate::eval(slope).unwrap(), arr2(&[[12.0], [0.0], [150.0]]).into_dyn());
        assert_eq!(crate::eval(curvature).unwrap(), arr2(&[[12.0], [0.0], [60.0]]).into_dyn());
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let graph = Graph::new();
        let (table, labels) = (graph.constant(arr2(&[[1.0, 2.0]])).unwrap(), graph.labels(&[0]).unwrap());
        assert!(matches!(labels.gather_rows(labels), Err(Error::Types { .. })));
        let vector = graph.constant(arr1(&[1.0])).unwrap();
        assert!(matches!(vector.gather_rows(labels), Err(Error::Shapes { op: "gather_rows", .. })));
        let two = graph.labels(&[0, 0]).unwrap();
        assert!(matches!(table.scatter_rows(two, 3), Err(Error::Shapes { op: "scatter_rows", .. })));
    }
}
