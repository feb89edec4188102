//! From datasets of the data crate to sources of the tensor crate: the one place where they meet.

use plangrad_data::{Dataset, Normalize, Split};
use plangrad_nn::checkpoint::Description;
use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
use plangrad_tensor::{DType, SampleFormat, Samples, Shape, Source, Targets};

use super::layout::Samples as Counts;
use crate::error::{Error, Result};

/// The samples to learn from and to test on.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) train: Source,
    pub(crate) test: Source,
}

impl Data {
    /// The number of samples.
    pub(crate) fn samples(&self) -> Counts {
        Counts { train: self.train.len(), test: self.test.len() }
    }

    /// Frees copies in a device's memory.
    pub(crate) fn evict(&mut self) {
        self.train.evict();
        self.test.evict();
    }
}

/// A part of a dataset, moved, not copied.
///
/// # Errors
/// Never for a part the data crate made.
pub fn source(split: Split) -> Result<Source> {
    let sample_len = split.sample_len();
    let samples = match split.samples {
        plangrad_data::Samples::U8(bytes) => Samples::U8(bytes),
        plangrad_data::Samples::F32(values) => Samples::F32(values),
    };
    let targets = match split.targets {
        plangrad_data::Targets::Classes(labels) => Targets::Classes(labels),
        plangrad_data::Targets::Values(values) => Targets::Values { values, width: 1 },
    };
    Ok(Source::new(samples, targets, sample_len)?)
}

/// The task of a network of this kind on `dataset`.
///
/// # Errors
/// If the network or a shape is impossible.
pub fn task(dataset: &Dataset, normalize: Normalize, model: &MlpConfig, loss: Loss) -> Result<Task> {
    let affine = dataset.affine(normalize);
    let dtype = match dataset.train.samples {
        plangrad_data::Samples::U8(_) => DType::U8,
        plangrad_data::Samples::F32(_) => DType::F32,
    };
    let samples = SampleFormat {
        shape: Shape::new(&dataset.sample_shape)?,
        dtype,
        scale: affine.scale.into(),
        shift: affine.shift.into(),
    };
    Ok(Task { model: Mlp::new(model)?, samples, loss })
}

/// The description in a model's file.
pub(super) fn describe(normalize: Normalize, dataset: &Dataset, task: &Task) -> Result<Description> {
    let table = dataset.table.as_ref().map(serde_json::to_value).transpose();
    Ok(Description {
        format: Description::FORMAT,
        model: task.model.config().clone(),
        loss: task.loss,
        // A table's path says nothing about the model and would make its bytes depend on a folder's name.
        dataset: if dataset.table.is_some() { "csv".into() } else { dataset.name.to_string() },
        classes: dataset.classes.clone(),
        normalize: normalize.to_string(),
        scale: task.samples.scale.to_vec(),
        shift: task.samples.shift.to_vec(),
        table: table.map_err(|error| Error::Output(error.into()))?,
        progress: None,
    })
}
