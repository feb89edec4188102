//! Optimizer step over one contiguous range.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, Optimizer, StepBlock, Value};

/// Parameters and moments, moved along their gradients, divided by the divisor if there is one
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Update {
    pub(crate) optimizer: Optimizer,
    pub(crate) parameter: Value,
    pub(crate) gradient: Value,
    /// One number.
    pub(crate) divisor: Option<Value>,
    pub(crate) moments: [Option<Value>; Optimizer::MOST_MOMENTS],
    pub(crate) step_block: Value,
    pub(crate) elements: usize,
}

impl Describe for Update {
    fn operands(&mut self, visit: Visit<'_>) {
        let elements = self.elements;
        visit(Access::Read, &mut self.step_block, StepBlock::BYTES);
        visit(Access::Read, &mut self.gradient, elements);
        self.divisor.iter_mut().for_each(|divisor| visit(Access::Read, divisor, 1));
        visit(Access::Update, &mut self.parameter, elements);
        self.moments.iter_mut().flatten().for_each(|moment| visit(Access::Update, moment, elements));
    }

    fn result(&self, _: Value) -> Content {
        Content::none()
    }
}

impl fmt::Display for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "update {}", self.elements)
    }
}
