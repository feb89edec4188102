//! The largest column of each row, or whether it is the label.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, Value};

/// output\[i\] = argmaxⱼ input\[i, j\], or 1 where that is labels\[i\], else 0
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ArgMax {
    pub(crate) input: Value,
    /// With labels the output is 1 where the largest column is the label, else 0; without, the column.
    pub(crate) labels: Option<Value>,
    pub(crate) output: Value,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Describe for ArgMax {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Read, &mut self.input, self.rows * self.columns);
        self.labels.iter_mut().for_each(|labels| visit(Access::Read, labels, self.rows));
        visit(Access::Write, &mut self.output, self.rows);
    }

    fn result(&self, _: Value) -> Content {
        Content::new(if self.labels.is_some() { "right answers" } else { "answers" }, &[self.rows])
    }
}

impl fmt::Display for ArgMax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "argmax {}×{}", self.rows, self.columns)
    }
}
