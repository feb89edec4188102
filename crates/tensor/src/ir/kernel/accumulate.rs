//! Adds one value to another of the same size, in place.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, Value};

/// output ← output + input
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Accumulate {
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) elements: usize,
}

impl Describe for Accumulate {
    fn operands(&mut self, visit: Visit<'_>) {
        let elements = self.elements;
        visit(Access::Read, &mut self.input, elements);
        visit(Access::Update, &mut self.output, elements);
    }

    fn result(&self, _: Value) -> Content {
        Content::new("sums", &[self.elements])
    }

    fn panels(&self) -> Vec<Vec<(Value, Option<usize>)>> {
        vec![vec![(self.input, None), (self.output, None)]]
    }
}

impl fmt::Display for Accumulate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "accumulate {}", self.elements)
    }
}
