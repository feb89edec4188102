//! Begins a step: advances the step number and sets the learning rate and bias corrections that follow from it.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, LearningRate, Optimizer, StepBlock, Value};

/// step ← step + 1, and what depends on it
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Advance {
    pub(crate) step_block: Value,
    pub(crate) learning_rate: LearningRate,
    /// The one whose bias corrections are prepared.
    pub(crate) optimizer: Optimizer,
}

impl Describe for Advance {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Update, &mut self.step_block, StepBlock::BYTES);
    }

    fn result(&self, _: Value) -> Content {
        Content::none()
    }
}

impl fmt::Display for Advance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("advance")
    }
}
