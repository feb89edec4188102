//! The products of two lists of matrices, one by one.

use std::fmt;

use super::describe::{Content, Describe, Visit, product_operations};
use super::gemm::{Epilogue, Gemm, Left, Sink};
use crate::ir::{Access, Value};

/// C\[i\] = op(A\[i\]) · B\[i\]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BatchedGemm {
    pub(crate) a: Value,
    pub(crate) b: Value,
    pub(crate) c: Value,
    /// How many products.
    pub(crate) batch: usize,
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    /// Whether each A is stored as `[k, m]`.
    pub(crate) transpose_a: bool,
}

impl BatchedGemm {
    /// The first of the products, alone.
    pub(crate) fn first(&self) -> Gemm {
        Gemm {
            a: Left::Value(self.a),
            b: self.b,
            c: Sink::Store(self.c),
            m: self.m,
            n: self.n,
            k: self.k,
            transpose_a: self.transpose_a,
            epilogue: Epilogue::default(),
            column_sum: None,
        }
    }

    /// Elements of an A, a B and a C.
    pub(crate) fn sizes(&self) -> [usize; 3] {
        [self.m * self.k, self.k * self.n, self.m * self.n]
    }
}

impl Describe for BatchedGemm {
    fn operands(&mut self, visit: Visit<'_>) {
        let [a, b, c] = self.sizes().map(|size| self.batch * size);
        visit(Access::Read, &mut self.a, a);
        visit(Access::Read, &mut self.b, b);
        visit(Access::Write, &mut self.c, c);
    }

    fn result(&self, _: Value) -> Content {
        Content::new("products", &[self.batch, self.m, self.n])
    }

    fn product_operations(&self) -> Option<u64> {
        Some(product_operations(&[self.batch, self.m, self.n, self.k]))
    }
}

impl fmt::Display for BatchedGemm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × gemm {}×{}×{}", self.batch, self.m, self.k, self.n)
    }
}
