//! Matrix products of two lists of matrices, one by one, with transpose flags: C\[i\] = op(A\[i\]) · op(B\[i\]).
//!
//! `matmul` records this op for tensors of rank 3, and the gradients are those of `matmul`, product by product. One matrix B for
//! all products is no case of its own: the matrices A below one another are one matrix.

use ndarray::{ArrayD, ArrayView2, Axis, Ix3};

use super::rules;
use super::transpose::{self, Transpose, oriented};
use crate::error::{Error, ShapeRequirement};
use crate::graph::{Backward, Call, Gradient, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::{BatchedGemm, Permute};
use crate::ir::{DType, MAX_RANK, Meta, Shape};

/// Inputs: A `[batch, m, k]` and B `[batch, k, n]`, or with the last two dimensions exchanged. Output: `[batch, m, n]`.
#[derive(Debug)]
pub(super) struct BatchedMatMul {
    pub(super) a: Transpose,
    pub(super) b: Transpose,
}

/// Matrices, and rows and columns of each.
fn matrices(shape: Shape, transpose: Transpose) -> Option<(usize, (usize, usize))> {
    match *shape.dims() {
        [batch, rows, columns] => Some((batch, oriented((rows, columns), transpose))),
        _ => None,
    }
}

impl ShapeRule for BatchedMatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        inputs.iter().try_for_each(|input| rules::expect(input, DType::F32, self.name()))?;
        let shapes = [inputs[0].shape, inputs[1].shape];
        match (matrices(shapes[0], self.a), matrices(shapes[1], self.b)) {
            (Some((batch, (m, k))), Some((batch_b, (k_b, n)))) if batch == batch_b => {
                if k != k_b {
                    return Err(Error::shapes(
                        self.name(),
                        ShapeRequirement::InnerDimensions(k, k_b),
                        &shapes,
                    ));
                }
                one(Meta::f32(Shape::new(&[batch, m, n])?))
            }
            _ => Err(Error::shapes(
                self.name(),
                "two matrices, two lists of as many, or a list and one matrix for all",
                &shapes,
            )),
        }
    }
}

impl Gradient for BatchedMatMul {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        transpose::gradients(node, self.a, self.b)
    }
}

impl Meaning for BatchedMatMul {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        outputs: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let list = |i: usize| {
            inputs[i].view().into_dimensionality::<Ix3>().expect("the shape rule wants lists of matrices")
        };
        let (a, b) = (list(0), list(1));
        let mut c = ArrayD::zeros(outputs[0].dims());
        for (i, mut c) in c.axis_iter_mut(Axis(0)).enumerate() {
            let turned = |x: ArrayView2<'_, f64>, transpose| match transpose {
                Transpose::No => x.to_owned(),
                Transpose::Yes => x.t().to_owned(),
            };
            let [a, b] = [(&a, self.a), (&b, self.b)].map(|(x, flag)| turned(x.index_axis(Axis(0), i), flag));
            c.assign(&a.dot(&b));
        }
        one(c)
    }
}

impl Lower for BatchedMatMul {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (c, [a, b]) = (call.output(), [call.inputs[0], call.inputs[1]]);
        let &[batch, m, n] = c.shape().dims() else { unreachable!("the shape rule makes rank 3") };
        let k = oriented((a.shape().dims()[1], a.shape().dims()[2]), self.a).1;
        let transpose_a = self.a == Transpose::Yes;
        let products = |b| BatchedGemm { a: a.value, b, c: c.value, batch, m, n, k, transpose_a };
        if self.b == Transpose::No {
            return Lowered::kernel(products(b.value));
        }
        // Kernels read the rows of each B: those that are stored transposed are turned first.
        let shape = Shape::new(&[batch, k, n]).expect("as large as the operand, which exists");
        let turned = (call.temporary)(Meta::f32(shape));
        let mut strides = [0; MAX_RANK];
        strides[..3].copy_from_slice(&[k * n, 1, k]);
        let turn = Permute { input: b.value, output: turned, shape, strides };
        Lowered::Kernels(vec![turn.into(), products(turned).into()])
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3, arr2, arr3};

    use crate::Transpose::{No, Yes};
    use crate::testing::{Case, values};
    use crate::{Error, Graph};

    #[test]
    fn values_by_hand() {
        let a = arr3(&[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [1.0, 0.0]]]).into_dyn();
        let b = arr3(&[[[5.0, 6.0], [7.0, 8.0]], [[1.0, 2.0], [3.0, 4.0]]]).into_dyn();
        let x = [a, b, arr2(&[[1.0], [10.0]]).into_dyn()];
        values(&x, |x| x[0].matmul(x[1]), &[19., 22., 43., 50., 3., 4., 1., 2.]);
        values(&x, |x| x[0].matmul_with(x[1], Yes, No), &[26., 30., 38., 44., 3., 4., 1., 2.]);
        values(&x, |x| x[0].matmul_with(x[1], No, Yes), &[17., 23., 39., 53., 2., 4., 1., 3.]);
        values(&x, |x| x[0].matmul(x[2]), &[21., 43., 10., 1.]);
    }

    #[test]
    fn every_flag_and_size_agrees_with_the_reference_and_finite_differences() {
        let sizes = [
            (1, 1, 1, 1),
            (3, 3, 5, 4),
            (5, 7, 1, 17),
            (2, 70, 20, 130),
            (4, 33, 9, 65),
            (0, 2, 3, 4),
            (2, 0, 3, 2),
            (2, 2, 0, 3),
            (3, 2, 3, 0),
        ];
        for (batch, m, k, n) in sizes {
            for (ta, tb) in [(No, No), (Yes, No), (No, Yes), (Yes, Yes)] {
                let a = if ta == Yes { [k, m] } else { [m, k] };
                let b = if tb == Yes { [n, k] } else { [k, n] };
                let lists = [vec![batch, a[0], a[1]], vec![batch, b[0], b[1]]];
                Case::new(&lists, move |x| x[0].matmul_with(x[1], ta, tb)).check();
                let shared = [vec![batch, a[0], a[1]], b.to_vec()];
                Case::new(&shared, move |x| x[0].matmul_with(x[1], ta, tb)).check();
            }
        }
    }

    #[test]
    fn a_list_times_itself_agrees_with_the_reference() {
        Case::new(&[vec![3, 20, 20]], |x| x[0].matmul(x[0])).check();
        Case::new(&[vec![3, 4, 6]], |x| x[0].matmul_with(x[0], No, Yes)?.tanh()?.matmul(x[0])).check();
    }

    #[test]
    fn many_small_products_agree_with_the_reference() {
        Case::new(&[vec![70, 3, 4], vec![70, 4, 2]], |x| x[0].matmul(x[1])).check();
    }

    #[test]
    fn attention_agrees_with_the_reference_and_finite_differences() {
        let shapes = [vec![2, 5, 8], vec![2, 7, 8], vec![2, 7, 3]];
        Case::new(&shapes, |x| {
            let scores = x[0].matmul_with(x[1], No, Yes)?.affine(0.35, 0.0)?.reshape(&[10, 7])?;
            scores.softmax()?.reshape(&[2, 5, 7])?.matmul(x[2])
        })
        .check();
    }

    #[test]
    fn lists_that_do_not_fit_are_refused() {
        let graph = Graph::new();
        let list = |dims| graph.constant(Array3::<f32>::zeros(dims)).unwrap();
        let matrix = graph.constant(Array2::<f32>::zeros((3, 4))).unwrap();
        for (a, b) in [
            (list((2, 3, 4)), list((3, 4, 5))),
            (list((2, 3, 4)), list((2, 3, 4))),
            (matrix, list((2, 4, 3))),
            (list((2, 3, 5)), matrix),
        ] {
            assert!(matches!(a.matmul(b), Err(Error::Shapes { op: "matmul", .. })));
        }
    }
}
