//! Squared errors and their gradient, in one pass.

use std::fmt;

use super::cross_entropy::RowScale;
use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, Value};

/// lossesᵢ = 1/w Σⱼ (pᵢⱼ − tᵢⱼ)², and dprediction = 2/w · (p − t) · scale
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mse {
    pub(crate) prediction: Value,
    pub(crate) target: Value,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) losses: Option<Value>,
    pub(crate) dprediction: Option<Value>,
    pub(crate) scale: RowScale,
}

impl Describe for Mse {
    fn operands(&mut self, visit: Visit<'_>) {
        let predictions = self.rows * self.columns;
        visit(Access::Read, &mut self.prediction, predictions);
        visit(Access::Read, &mut self.target, predictions);
        self.scale.value_mut().into_iter().for_each(|scale| visit(Access::Read, scale, self.rows));
        self.losses.iter_mut().for_each(|losses| visit(Access::Write, losses, self.rows));
        self.dprediction.iter_mut().for_each(|gradient| visit(Access::Write, gradient, predictions));
    }

    fn result(&self, value: Value) -> Content {
        if self.losses == Some(value) {
            return Content::new("losses", &[self.rows]);
        }
        Content::new("gradient by predictions", &[self.rows, self.columns])
    }
}

impl fmt::Display for Mse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gradient = if self.dprediction.is_some() { " with gradient" } else { "" };
        write!(f, "mse{gradient} {}×{}", self.rows, self.columns)
    }
}
