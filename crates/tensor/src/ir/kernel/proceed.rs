//! Moves the position in the batch on, after a part of it.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, StepBlock, Value};

/// first row ← first row + rows
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Proceed {
    pub(crate) step_block: Value,
    /// Rows of the part.
    pub(crate) rows: usize,
}

impl Describe for Proceed {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Update, &mut self.step_block, StepBlock::BYTES);
    }

    fn result(&self, _: Value) -> Content {
        Content::none()
    }
}

impl fmt::Display for Proceed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proceed {}", self.rows)
    }
}
