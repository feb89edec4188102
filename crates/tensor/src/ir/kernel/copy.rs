//! Copies one value to another of the same size.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, Value};

/// output ← input
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Copy {
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) bytes: usize,
}

impl Describe for Copy {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Read, &mut self.input, self.bytes);
        visit(Access::Write, &mut self.output, self.bytes);
    }

    fn result(&self, _: Value) -> Content {
        Content::bytes("copy", &[self.bytes])
    }
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "copy {} B", self.bytes)
    }
}
