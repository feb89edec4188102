//! What every kernel says of itself.

use std::fmt;

use crate::ir::{Access, DType, DatasetNeeds, Value};

/// Sees an operand of a kernel: how it is touched, which value it is, and how many bytes of it are touched.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(Access, &mut Value, usize);

/// What a kernel says of itself, whatever the backend. `Display` is its name in plans.
pub(crate) trait Describe: fmt::Display {
    /// Calls `visit` for every operand: the one place that says what the kernel reads and writes.
    fn operands(&mut self, visit: Visit<'_>);

    /// What it writes to `value`, one of its results. Empty for a kernel that writes nothing but persistent memory.
    fn result(&self, value: Value) -> Content;

    /// What it reads of a dataset.
    fn needs(&self) -> DatasetNeeds {
        DatasetNeeds::default()
    }
}

/// What a buffer holds, for people.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Content {
    pub(crate) name: &'static str,
    pub(crate) shape: Vec<usize>,
    pub(crate) dtype: DType,
}

impl Content {
    /// Numbers of which each has a name.
    pub(super) fn f32(name: &'static str, shape: &[usize]) -> Content {
        Content { name, shape: shape.to_vec(), dtype: DType::F32 }
    }

    pub(super) fn bytes(name: &'static str, shape: &[usize]) -> Content {
        Content { dtype: DType::U8, ..Content::f32(name, shape) }
    }

    pub(super) fn none() -> Content {
        Content::f32("", &[])
    }
}
