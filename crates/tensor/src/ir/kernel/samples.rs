//! The samples of a batch, normalised, as a kernel reads them where the dataset has them.

use std::sync::Arc;

use crate::ir::{DType, DatasetNeeds, SampleNeed};

/// sample\[i, channel, pixel\] = dataset\[rowᵢ, channel, pixel\] · scale\[channel\] + shift\[channel\]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Samples {
    /// Samples of the batch.
    pub(crate) rows: usize,
    pub(crate) channels: usize,
    /// Elements per channel.
    pub(crate) pixels: usize,
    /// Element type in the dataset.
    pub(crate) dtype: DType,
    pub(crate) scale: Arc<[f32]>,
    pub(crate) shift: Arc<[f32]>,
}

impl Samples {
    /// Elements of a sample.
    pub(crate) fn width(&self) -> usize {
        self.channels * self.pixels
    }

    /// What is read of a dataset.
    pub(crate) fn needs(&self) -> DatasetNeeds {
        let samples = Some(SampleNeed { elements: self.width(), dtype: self.dtype });
        DatasetNeeds { batch_size: self.rows, samples, ..DatasetNeeds::default() }
    }
}
