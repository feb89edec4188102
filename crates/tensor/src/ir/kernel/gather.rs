//! Picks the samples of a batch from the dataset and normalises them.

use std::fmt;
use std::sync::Arc;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, DType, DatasetNeeds, SampleNeed, Value};

/// output\[i, channel, pixel\] = dataset\[rowᵢ, channel, pixel\] · scale\[channel\] + shift\[channel\]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gather {
    pub(crate) output: Value,
    pub(crate) rows: usize,
    pub(crate) channels: usize,
    /// Elements per channel.
    pub(crate) pixels: usize,
    /// Element type in the dataset.
    pub(crate) dtype: DType,
    pub(crate) scale: Arc<[f32]>,
    pub(crate) shift: Arc<[f32]>,
}

impl Describe for Gather {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Write, &mut self.output, self.rows * self.channels * self.pixels);
    }

    fn result(&self, _: Value) -> Content {
        Content::new("inputs", &[self.rows, self.channels * self.pixels])
    }

    fn needs(&self) -> DatasetNeeds {
        let samples = Some(SampleNeed { elements: self.channels * self.pixels, dtype: self.dtype });
        DatasetNeeds { batch_size: self.rows, samples, ..DatasetNeeds::default() }
    }
}

impl fmt::Display for Gather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gather {}×{}", self.rows, self.channels * self.pixels)
    }
}
