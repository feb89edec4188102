//! A copy with its dimensions in another order.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, MAX_RANK, Shape, Value};

/// output\[i₀, i₁, …\] = input\[Σ iₖ · stridesₖ\] over `shape`, the shape of the output
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Permute {
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) shape: Shape,
    pub(crate) strides: [usize; MAX_RANK],
}

impl Permute {
    /// A matrix `[rows, columns]` transposed to `[columns, rows]`, its shape.
    pub(crate) fn transposed(input: Value, output: Value, shape: Shape) -> Permute {
        let mut strides = [0; MAX_RANK];
        strides[..2].copy_from_slice(&[1, shape.dims()[0]]);
        Permute { input, output, shape, strides }
    }

    /// Rows and columns of its input if that is a matrix of which this is the transpose.
    pub(crate) fn transposes(&self) -> Option<(usize, usize)> {
        match (self.shape.dims(), self.strides) {
            (&[columns, rows], [1, stride, ..]) if stride == columns => Some((rows, columns)),
            _ => None,
        }
    }
}

impl Describe for Permute {
    fn operands(&mut self, visit: Visit<'_>) {
        let elements = self.shape.elements();
        visit(Access::Read, &mut self.input, elements);
        visit(Access::Write, &mut self.output, elements);
    }

    fn result(&self, _: Value) -> Content {
        let dims = if self.shape.rank() == 0 { &[1] } else { self.shape.dims() };
        Content::new(if self.transposes().is_some() { "transpose" } else { "permuted copy" }, dims)
    }

    fn panels(&self) -> Vec<Vec<(Value, Option<usize>)>> {
        match self.transposes() {
            Some((rows, columns)) => vec![vec![(self.input, Some(columns))], vec![(self.output, Some(rows))]],
            None => Vec::new(),
        }
    }
}

impl fmt::Display for Permute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "permute to {}", self.shape)
    }
}
