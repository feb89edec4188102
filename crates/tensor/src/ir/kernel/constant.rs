//! Writes numbers that were known while recording.

use std::fmt;
use std::sync::Arc;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, Value};

/// output ← data
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constant {
    pub(crate) output: Value,
    pub(crate) data: ConstantData,
}

/// Numbers a plan carries.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ConstantData {
    /// f32 values.
    F32(Arc<[f32]>),
    /// Bytes.
    U8(Arc<[u8]>),
    /// One f32 value, so many times.
    Fill(f32, usize),
}

impl ConstantData {
    /// How many there are.
    pub(crate) fn elements(&self) -> usize {
        match self {
            ConstantData::F32(values) => values.len(),
            ConstantData::U8(bytes) => bytes.len(),
            ConstantData::Fill(_, elements) => *elements,
        }
    }
}

impl Describe for Constant {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Write, &mut self.output, self.data.elements());
    }

    fn result(&self, _: Value) -> Content {
        Content::new("constant", &[self.data.elements()])
    }
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("constant")
    }
}
