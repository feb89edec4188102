//! Optimizer step over one contiguous range.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, Optimizer, StepBlock, Value};

/// Parameters and moments, moved along their gradients
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Update {
    pub(crate) target: Target,
    pub(crate) gradient: Value,
    pub(crate) elements: usize,
}

/// What an optimizer changes along a gradient, which is divided by the divisor if there is one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) optimizer: Optimizer,
    pub(crate) parameter: Value,
    /// One number.
    pub(crate) divisor: Option<Value>,
    pub(crate) moments: [Option<Value>; Optimizer::MOST_MOMENTS],
    pub(crate) step_block: Value,
}

impl Target {
    /// Calls `visit` for every operand.
    pub(super) fn operands(&mut self, elements: usize, visit: Visit<'_>) {
        visit(Access::Read, &mut self.step_block, StepBlock::BYTES);
        self.divisor.iter_mut().for_each(|divisor| visit(Access::Read, divisor, 1));
        visit(Access::Update, &mut self.parameter, elements);
        self.moments.iter_mut().flatten().for_each(|moment| visit(Access::Update, moment, elements));
    }

    /// The parameter and its moments, which lie alike.
    pub(crate) fn changed(&self) -> impl Iterator<Item = Value> {
        std::iter::once(self.parameter).chain(self.moments.into_iter().flatten())
    }
}

impl Describe for Update {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Read, &mut self.gradient, self.elements);
        self.target.operands(self.elements, visit);
    }

    fn result(&self, _: Value) -> Content {
        Content::none()
    }

    fn panels(&self) -> Vec<Vec<(Value, Option<usize>)>> {
        let alike = std::iter::once(self.gradient).chain(self.target.changed());
        vec![alike.map(|value| (value, None)).collect()]
    }
}

impl fmt::Display for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "update {}", self.elements)
    }
}
