//! Matrix product with transpose flags: C = op(A) · op(B), op(X) = X or Xᵀ.
//!
//! Its gradients are such products too (`transpose.rs`). Lists of matrices are multiplied one by one (`batched_matmul.rs`).

use super::batched_matmul::BatchedMatMul;
use super::rules;
use super::transpose::{self, Transpose, oriented};
use crate::error::{Error, ShapeRequirement};
use crate::graph::{Backward, Call, Gradient, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::{Epilogue, Gemm, Left, Permute, Sink};
use crate::ir::{DType, Meta, Shape};
use ndarray::{ArrayD, ArrayView2, Ix2};

#[derive(Debug)]
struct MatMul {
    a: Transpose,
    b: Transpose,
}

impl ShapeRule for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        inputs.iter().try_for_each(|input| rules::expect(input, DType::F32, self.name()))?;
        let (m, k) = oriented(rules::matrix(&inputs[0].shape, self.name())?, self.a);
        let (k_b, n) = oriented(rules::matrix(&inputs[1].shape, self.name())?, self.b);
        if k != k_b {
            let expected = ShapeRequirement::InnerDimensions(k, k_b);
            return Err(Error::shapes(self.name(), expected, &[inputs[0].shape, inputs[1].shape]));
        }
        one(Meta::f32(Shape::new(&[m, n])?))
    }
}

impl Gradient for MatMul {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        transpose::gradients(node, self.a, self.b)
    }
}

impl Meaning for MatMul {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        _: &[Shape],
        _: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let matrix = |x: &'_ ArrayD<f64>, transpose| -> ndarray::Array2<f64> {
            let x: ArrayView2<f64> =
                x.view().into_dimensionality::<Ix2>().expect("the shape rule wants matrices");
            match transpose {
                Transpose::No => x.to_owned(),
                Transpose::Yes => x.t().to_owned(),
            }
        };
        one(matrix(inputs[0], self.a).dot(&matrix(inputs[1], self.b)).into_dyn())
    }
}

impl Lower for MatMul {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (m, n) = call.output().shape().rows();
        let k = oriented(call.inputs[0].shape().rows(), self.a).1;
        let (a, c) = (call.inputs[0].value, call.output().value);
        let product = |b| Gemm {
            a: Left::Value(a),
            b,
            c: Sink::Store(c),
            m,
            n,
            k,
            transpose_a: self.a == Transpose::Yes,
            epilogue: Epilogue::default(),
            column_sum: None,
        };
        let b = call.inputs[1];
        if self.b == Transpose::No {
            return Lowered::kernel(product(b.value));
        }
        // Kernels read the rows of B: one that is stored transposed is transposed first.
        let (n, k) = b.shape().rows();
        let shape = Shape::new(&[k, n]).expect("as large as the operand, which exists");
        let turned = (call.temporary)(Meta::f32(shape));
        Lowered::Kernels(vec![Permute::transposed(b.value, turned, shape).into(), product(turned).into()])
    }
}

impl<'g> Tensor<'g> {
    /// `self · other` for matrices `[m, k]` and `[k, n]`; for lists of as many matrices, `[batch, m, k]` and `[batch, k, n]`,
    /// the product of each pair, `[batch, m, n]`; for a list and one matrix that of each with it.
    ///
    /// ```
    /// use ndarray::{arr2, arr3};
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let list = graph.constant(arr3(&[[[1.0, 2.0]], [[3.0, 4.0]]]))?;
    /// let matrix = graph.constant(arr2(&[[1.0], [10.0]]))?;
    /// assert_eq!(eval(list.matmul(matrix)?)?, arr3(&[[[21.0]], [[43.0]]]).into_dyn());
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shapes`] if the operands are none of these or their inner dimensions differ.
    pub fn matmul(self, other: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        self.matmul_with(other, Transpose::No, Transpose::No)
    }

    /// `op(self) · op(other)`: `a` says how `self` is read, or each of its matrices, `b` how `other` is.
    ///
    /// # Errors
    /// As [`Tensor::matmul`].
    pub fn matmul_with(self, other: Tensor<'g>, a: Transpose, b: Transpose) -> Result<Tensor<'g>, Error> {
        match (self.shape().rank(), other.shape().rank()) {
            (3, 2) => self.matmul_with_one(other, a, b),
            (3, _) | (_, 3) => self.binary(other, BatchedMatMul { a, b }),
            _ => self.binary(other, MatMul { a, b }),
        }
    }

    /// The product of each of a list of matrices with one: below one another they are one matrix.
    fn matmul_with_one(self, other: Tensor<'g>, a: Transpose, b: Transpose) -> Result<Tensor<'g>, Error> {
        let list = if a == Transpose::Yes { self.permute(&[0, 2, 1])? } else { self };
        let &[batch, m, k] = list.dims() else { unreachable!("of rank 3") };
        let product = list.reshape(&[batch * m, k])?.matmul_with(other, Transpose::No, b)?;
        product.reshape(&[batch, m, product.dims()[1]])
    }
}

#[cfg(test)]
mod tests {
    use crate::Transpose::{No, Yes};
    use crate::testing::{Case, values};
    use crate::{Error, Graph};
    use ndarray::{arr2, array};

    #[test]
    fn values_by_hand() {
        let a = arr2(&[[1.0, 2.0], [3.0, 4.0]]).into_dyn();
        let b = arr2(&[[5.0, 6.0], [7.0, 8.0]]).into_dyn();
        let x = [a, b];
        values(&x, |x| x[0].matmul(x[1]), &[19.0, 22.0, 43.0, 50.0]);
        values(&x, |x| x[0].matmul_with(x[1], Yes, No), &[26.0, 30.0, 38.0, 44.0]);
        values(&x, |x| x[0].matmul_with(x[1], No, Yes), &[17.0, 23.0, 39.0, 53.0]);
        values(&x, |x| x[0].matmul_with(x[1], Yes, Yes), &[23.0, 31.0, 34.0, 46.0]);
    }

    #[test]
    fn inner_dimensions_that_differ_are_refused() {
        let graph = Graph::new();
        let a = graph.constant(array![[1.0, 2.0, 3.0]]).unwrap();
        assert!(matches!(a.matmul(a), Err(Error::Shapes { op: "matmul", .. })));
    }

    #[test]
    fn every_flag_and_size_agrees_with_the_reference_and_finite_differences() {
        let sizes = [
            (1, 1, 1),
            (3, 5, 4),
            (7, 1, 17),
            (13, 16, 64),
            (6, 33, 65),
            (0, 3, 2),
            (2, 0, 3),
            (2, 3, 0),
            (17, 70, 130),
        ];
        for (m, k, n) in sizes {
            for (ta, tb) in [(No, No), (Yes, No), (No, Yes), (Yes, Yes)] {
                let a = if ta == Yes { vec![k, m] } else { vec![m, k] };
                let b = if tb == Yes { vec![n, k] } else { vec![k, n] };
                Case::new(&[a, b], move |x| x[0].matmul_with(x[1], ta, tb)).check();
            }
        }
    }

    #[test]
    fn large_products_agree_with_the_reference() {
        Case::new(&[vec![130, 700], vec![700, 257]], |x| x[0].matmul(x[1])).forward_only().check();
        Case::new(&[vec![700, 130], vec![257, 700]], |x| x[0].matmul_with(x[1], Yes, Yes))
            .forward_only()
            .check();
    }

    #[test]
    fn bias_activation_and_mask_fuse_without_changing_the_result() {
        for (m, k, n) in [(1, 1, 1), (5, 7, 3), (64, 33, 10), (7, 12, 130)] {
            let shapes = [vec![m, k], vec![k, n], vec![n]];
            Case::new(&shapes, |x| x[0].matmul(x[1])?.add(x[2])).check();
            Case::new(&shapes, |x| x[0].matmul(x[1])?.add(x[2])?.relu())
                .away_from_zero()
                .tolerant(0.2)
                .check();
        }
    }

    #[test]
    fn residuals_and_every_activation_fuse_without_changing_the_result() {
        for (m, k, n) in [(1, 1, 1), (5, 7, 3), (13, 33, 70)] {
            let shapes = [vec![m, k], vec![k, n], vec![n], vec![m, n]];
            Case::new(&shapes, |x| x[0].matmul(x[1])?.add(x[2])?.tanh()).check();
            Case::new(&shapes, |x| x[0].matmul(x[1])?.sigmoid()?.mul(x[3])).check();
            Case::new(&shapes, |x| x[0].matmul(x[1])?.add(x[2])?.add(x[3])?.gelu()).check();
            Case::new(&shapes, |x| x[3].add(x[0].matmul(x[1])?)?.affine(0.5, -0.25)).check();
            Case::new(&shapes, |x| x[3].sub(x[0].matmul(x[1])?)).check();
        }
    }

    /// Sums of B that the product over B reads itself cannot come out of it.
    #[test]
    fn column_sums_that_their_own_product_reads_are_made_before_it() {
        for n in [3, 70, 130] {
            let shapes = [vec![n, n], vec![n, n]];
            Case::new(&shapes, |x| x[0].matmul(x[1])?.add(x[1].sum_axis(0)?)).forward_only().check();
            Case::new(&shapes, move |x| x[1].sum_axis(0)?.reshape(&[1, n])?.matmul(x[1])?.add(x[0]))
                .forward_only()
                .check();
        }
    }

    #[test]
    fn two_layers_agree_with_the_reference() {
        let shapes = [vec![9, 20], vec![20, 37], vec![37], vec![37, 10], vec![10]];
        Case::new(&shapes, |x| x[0].matmul(x[1])?.add(x[2])?.tanh()?.matmul(x[3])?.add(x[4])).check();
    }
}
