//! Cross-entropy losses and their gradient, in one pass.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, DatasetNeeds, Value};

/// lossesᵢ = ln Σⱼ exp(logitsᵢⱼ) − logitsᵢ,label, and dlogits = (softmax(logits) − onehot) · scale
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CrossEntropy {
    pub(crate) logits: Value,
    pub(crate) labels: Value,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) losses: Option<Value>,
    pub(crate) dlogits: Option<Value>,
    pub(crate) scale: RowScale,
}

/// The gradient of the final loss by each sample's loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RowScale {
    /// The same for all, known while planning (1/n for a mean).
    Constant(f32),
    /// One number per row.
    PerRow(Value),
}

impl RowScale {
    /// The value it is read from, if it is not known.
    pub(crate) fn value_mut(&mut self) -> Option<&mut Value> {
        match self {
            RowScale::Constant(_) => None,
            RowScale::PerRow(value) => Some(value),
        }
    }
}

impl Describe for CrossEntropy {
    fn operands(&mut self, visit: Visit<'_>) {
        let scores = self.rows * self.columns;
        visit(Access::Read, &mut self.logits, scores);
        visit(Access::Read, &mut self.labels, self.rows);
        self.scale.value_mut().into_iter().for_each(|scale| visit(Access::Read, scale, self.rows));
        self.losses.iter_mut().for_each(|losses| visit(Access::Write, losses, self.rows));
        self.dlogits.iter_mut().for_each(|dlogits| visit(Access::Write, dlogits, scores));
    }

    fn result(&self, value: Value) -> Content {
        if self.losses == Some(value) {
            return Content::new("losses", &[self.rows]);
        }
        Content::new("gradient by logits", &[self.rows, self.columns])
    }

    fn needs(&self) -> DatasetNeeds {
        DatasetNeeds { classes: Some(self.columns), ..DatasetNeeds::default() }
    }
}

impl fmt::Display for CrossEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gradient = if self.dlogits.is_some() { " with gradient" } else { "" };
        write!(f, "cross-entropy{gradient} {}×{}", self.rows, self.columns)
    }
}
