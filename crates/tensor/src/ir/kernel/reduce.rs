//! Sum, sum of squares or maximum along one axis.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, Value};

/// `[outer, reduced, inner]` → `[outer, inner]`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reduce {
    pub(crate) reduction: Reduction,
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) outer: usize,
    pub(crate) reduced: usize,
    pub(crate) inner: usize,
}

/// What a reduction computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduction {
    /// Σ
    Sum,
    /// Σ of squares.
    SquareSum,
    /// The largest.
    Max,
}

impl Describe for Reduce {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Read, &mut self.input, self.outer * self.reduced * self.inner);
        visit(Access::Write, &mut self.output, self.outer * self.inner);
    }

    fn result(&self, _: Value) -> Content {
        let name = match self.reduction {
            Reduction::Sum => "sums",
            Reduction::SquareSum => "sums of squares",
            Reduction::Max => "maxima",
        };
        Content::new(name, &[self.outer, self.inner])
    }
}

impl fmt::Display for Reduce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}×{}×{}", self.reduction, self.outer, self.reduced, self.inner)
    }
}
