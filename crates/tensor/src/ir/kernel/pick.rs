//! A number for each label, from a list with one for each class.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, Value};

/// output\[i\] = values\[labels\[i\]\], NaN where that is outside
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pick {
    pub(crate) values: Value,
    pub(crate) labels: Value,
    pub(crate) output: Value,
    pub(crate) classes: usize,
    pub(crate) rows: usize,
}

impl Describe for Pick {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Read, &mut self.values, self.classes);
        visit(Access::Read, &mut self.labels, self.rows);
        visit(Access::Write, &mut self.output, self.rows);
    }

    fn result(&self, _: Value) -> Content {
        Content::new("numbers of the labels", &[self.rows])
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pick {} of {}", self.rows, self.classes)
    }
}
