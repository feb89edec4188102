//! The sums of rows by index: what a table gets of the gradients of the rows picked from it.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use super::gather_rows::Indices;
use crate::ir::{Access, Value};

/// output\[r, ·\] = Σᵢ input\[i, ·\] over the i whose index is r, in their order
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScatterRows {
    pub(crate) input: Value,
    pub(crate) indices: Indices,
    pub(crate) output: Value,
    /// Rows of the output.
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Describe for ScatterRows {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Read, &mut self.input, self.indices.count * self.columns);
        visit(Access::Read, &mut self.indices.value, self.indices.count);
        visit(Access::Write, &mut self.output, self.rows * self.columns);
    }

    fn result(&self, _: Value) -> Content {
        Content::new("sums of rows", &[self.rows, self.columns])
    }
}

impl fmt::Display for ScatterRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scatter {} rows to {}×{}", self.indices.count, self.rows, self.columns)
    }
}
