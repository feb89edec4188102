//! Adds losses and right answers to the running sums.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, MetricBlock, Value};

/// metrics ← metrics + Σ losses, rows, Σ correct
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MetricSums {
    pub(crate) losses: Value,
    pub(crate) correct: Option<Value>,
    pub(crate) rows: usize,
    pub(crate) metrics: Value,
    /// Whether these rows are a further part of the last batch.
    pub(crate) continues: bool,
}

impl Describe for MetricSums {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Read, &mut self.losses, self.rows);
        self.correct.iter_mut().for_each(|correct| visit(Access::Read, correct, self.rows));
        visit(Access::Update, &mut self.metrics, MetricBlock::BYTES);
    }

    fn result(&self, _: Value) -> Content {
        Content::none()
    }
}

impl fmt::Display for MetricSums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metrics {}", self.rows)
    }
}
