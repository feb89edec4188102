//! Picks the targets of a batch from the dataset.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, DatasetNeeds, TargetFormat, Value};

/// output\[i\] = targets\[rowᵢ\]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GatherTargets {
    pub(crate) output: Value,
    pub(crate) rows: usize,
    pub(crate) format: TargetFormat,
}

impl Describe for GatherTargets {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Write, &mut self.output, self.rows * self.format.width());
    }

    fn result(&self, _: Value) -> Content {
        match self.format {
            TargetFormat::Class | TargetFormat::WideClass => Content::new("labels", &[self.rows]),
            TargetFormat::Values(width) => Content::new("targets", &[self.rows, width]),
        }
    }

    fn needs(&self) -> DatasetNeeds {
        DatasetNeeds { batch_size: self.rows, targets: Some(self.format), ..DatasetNeeds::default() }
    }
}

impl fmt::Display for GatherTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gather targets {}", self.rows)
    }
}
