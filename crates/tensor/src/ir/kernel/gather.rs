//! Picks the samples of a batch from the dataset and normalises them.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use super::samples::Samples;
use crate::ir::{Access, DatasetNeeds, Value};

/// output ← samples
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gather {
    pub(crate) output: Value,
    pub(crate) samples: Samples,
}

impl Describe for Gather {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Write, &mut self.output, self.samples.rows * self.samples.width());
    }

    fn result(&self, _: Value) -> Content {
        Content::new("inputs", &[self.samples.rows, self.samples.width()])
    }

    fn needs(&self) -> DatasetNeeds {
        self.samples.needs()
    }
}

impl fmt::Display for Gather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gather {}×{}", self.samples.rows, self.samples.width())
    }
}
