//! Softmax or its logarithm over rows.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, Value};

/// output\[i, ·\] = softmax(input\[i, ·\]), or its logarithm
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Softmax {
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) log: bool,
}

impl Describe for Softmax {
    fn operands(&mut self, visit: Visit<'_>) {
        let elements = self.rows * self.columns;
        visit(Access::Read, &mut self.input, elements);
        visit(Access::Write, &mut self.output, elements);
    }

    fn result(&self, _: Value) -> Content {
        Content::new(if self.log { "log softmax" } else { "softmax" }, &[self.rows, self.columns])
    }
}

impl fmt::Display for Softmax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "softmax {}×{}", self.rows, self.columns)
    }
}
