//! What every kernel says of itself.

use std::fmt;

use crate::ir::{Access, DatasetNeeds, Value};

/// Sees an operand of a kernel: how it is touched, which value it is, and how many of its elements are touched.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(Access, &mut Value, usize);

/// What a kernel says of itself, whatever the backend. `Display` is its name in plans.
pub(crate) trait Describe: fmt::Display {
    /// Calls `visit` for every operand: the one place that says what the kernel reads and writes.
    fn operands(&mut self, visit: Visit<'_>);

    /// What it writes to `value`, one of its results. Empty for a kernel that writes nothing but persistent memory.
    fn result(&self, value: Value) -> Content;

    /// Operands that may lie in panels: in groups, each of operands that must lie alike, with the columns of the matrix as
    /// which the kernel sees them; `None` for one that sees a list of elements. All other operands are row-major.
    fn panels(&self) -> Vec<Vec<(Value, Option<usize>)>> {
        Vec::new()
    }

    /// Operands and results of which each result may lie where its operand lies: the element at each place of the result is
    /// made of the one at the same place of the operand and of nothing else there, and nobody asks for that one afterwards.
    fn in_place(&self) -> Vec<InPlace> {
        Vec::new()
    }

    /// Multiplications and additions, of a product of matrices; `None` for any other kernel.
    fn product_operations(&self) -> Option<u64> {
        None
    }

    /// What it reads of a dataset.
    fn needs(&self) -> DatasetNeeds {
        DatasetNeeds::default()
    }
}

/// 2 · m · n · k, of products of `[m, k]` and `[k, n]`.
pub(super) fn product_operations(dims: &[usize]) -> u64 {
    dims.iter().fold(2, |product, &dim| product.saturating_mul(dim as u64))
}

/// A result of a kernel that may lie where an operand of it lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct InPlace {
    pub(crate) operand: Value,
    pub(crate) result: Value,
}

/// What a buffer holds, for people: what it is called and how many elements it has, dimension by dimension.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Content {
    pub(crate) name: &'static str,
    pub(crate) shape: Vec<usize>,
}

impl Content {
    pub(super) fn new(name: &'static str, shape: &[usize]) -> Content {
        Content { name, shape: shape.to_vec() }
    }

    pub(super) fn none() -> Content {
        Content::new("", &[])
    }
}
