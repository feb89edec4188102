//! Copies the numbers of one value to another, whichever types both are kept in.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, Value};

/// output ← input
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Copy {
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) elements: usize,
}

impl Describe for Copy {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Read, &mut self.input, self.elements);
        visit(Access::Write, &mut self.output, self.elements);
    }

    fn result(&self, _: Value) -> Content {
        Content::new("copy", &[self.elements])
    }

    fn panels(&self) -> Vec<Vec<(Value, Option<usize>)>> {
        vec![vec![(self.input, None), (self.output, None)]]
    }
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "copy {}", self.elements)
    }
}
