//! Columns of matrices, and columns of one number, side by side.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, Value};

/// output\[i, ·\] = the parts' rows i, one behind the other
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Join {
    pub(crate) parts: Vec<Part>,
    pub(crate) output: Value,
    pub(crate) rows: usize,
}

/// Neighbouring columns of the output.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) columns: Columns,
    /// How many.
    pub(crate) width: usize,
}

/// Where columns come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Columns {
    /// Those from `first` on of a matrix of so many columns.
    Of { value: Value, first: usize, columns: usize },
    /// A number in each element.
    Number(f32),
}

impl Join {
    /// Columns of the output.
    pub(crate) fn columns(&self) -> usize {
        self.parts.iter().map(|part| part.width).sum()
    }
}

impl Describe for Join {
    fn operands(&mut self, visit: Visit<'_>) {
        for part in &mut self.parts {
            if let Columns::Of { value, columns, .. } = &mut part.columns {
                visit(Access::Read, value, self.rows * *columns);
            }
        }
        let elements = self.rows * self.columns();
        visit(Access::Write, &mut self.output, elements);
    }

    fn result(&self, _: Value) -> Content {
        let name = if self.parts.len() == 1 { "slice" } else { "joined" };
        Content::new(name, &[self.rows, self.columns()])
    }
}

impl fmt::Display for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "join {}×{} of {}", self.rows, self.columns(), self.parts.len())
    }
}
