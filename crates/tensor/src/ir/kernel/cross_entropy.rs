//! Cross-entropy losses and their gradient, in one pass.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, DatasetNeeds, Value};

/// With yⱼ = −ln softmax(logits)ⱼ, w the class weights (1 without any), h = `hit` · w_label and s = `spread`:
///
/// losses = h · y_label + s Σⱼ wⱼ yⱼ, and dlogitsⱼ = ((h + s Σₖ wₖ) · softmaxⱼ − h · onehotⱼ − s · wⱼ) · scale
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CrossEntropy {
    pub(crate) logits: Value,
    pub(crate) labels: Value,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) losses: Option<Value>,
    pub(crate) dlogits: Option<Value>,
    pub(crate) scale: RowScale,
    pub(crate) share: ClassShare,
}

/// How the loss of a row is shared out to its classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ClassShare {
    /// The share of the label: 1 − ε, with ε the label smoothing.
    pub(crate) hit: f32,
    /// That of each class: ε / classes.
    pub(crate) spread: f32,
    /// A weight for each class.
    pub(crate) weights: Option<Value>,
}

impl ClassShare {
    /// With this label smoothing.
    pub(crate) fn smoothed(smoothing: f64, classes: usize, weights: Option<Value>) -> ClassShare {
        let spread = (smoothing / classes.max(1) as f64) as f32;
        ClassShare { hit: (1.0 - smoothing) as f32, spread, weights }
    }
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
        let weights = &mut self.share.weights;
        weights.iter_mut().for_each(|weights| visit(Access::Read, weights, self.columns));
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
        let weighted = if self.share.weights.is_some() { "weighted " } else { "" };
        write!(f, "{weighted}cross-entropy{gradient} {}×{}", self.rows, self.columns)
    }
}
