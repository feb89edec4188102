//! From datasets of the data crate to sources of the tensor crate: the one place where they meet.

use std::sync::Arc;

use plangrad_data::{Dataset, Normalize, Split, Subset, TargetKind, TargetScale};
use plangrad_nn::checkpoint::Description;
use plangrad_nn::{Loss, Module, Task};
use plangrad_tensor::{DType, Metrics, SampleFormat, Samples, Shape, Source, Targets};

use super::layout::SampleCounts;
use crate::error::{Error, Result};

/// The samples to learn from, to evaluate the network on meanwhile, and to test on.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) train: Source,
    pub(crate) validation: Source,
    pub(crate) test: Source,
    /// How the numbers of a regression were scaled for the network.
    pub(crate) target_scale: TargetScale,
}

impl Data {
    /// The number of samples.
    pub(crate) fn samples(&self) -> SampleCounts {
        let [train, validation, test] = Split::ALL.map(|split| self.of(split).len());
        SampleCounts { train, validation, test }
    }

    /// The samples of a part.
    pub(crate) fn of(&self, split: Split) -> &Source {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }

    /// The part by which epochs are compared: for validation if there is one, else for testing.
    pub(crate) fn evaluation_part(&self) -> Split {
        if self.validation.is_empty() { Split::Test } else { Split::Validation }
    }

    /// Losses of a session in the units of the file.
    pub(crate) fn in_units_of_the_file(&self, metrics: Metrics) -> Metrics {
        let mut metrics = metrics;
        metrics.loss_sum = self.target_scale.restore_squared(metrics.loss_sum);
        metrics.last_loss = self.target_scale.restore_squared(metrics.last_loss);
        metrics
    }

    /// Frees copies in a device's memory.
    pub(crate) fn evict(&mut self) {
        self.train.evict();
        self.validation.evict();
        self.test.evict();
    }
}

/// A part of a dataset for a network of so many outputs; the samples are moved, not copied. Numbers to be predicted stay
/// those of the file. With [`task`] it is all that a training loop of one's own needs:
///
/// ```
/// use std::sync::Arc;
///
/// use plangrad::train::{source, task};
/// use plangrad_data::{Batching, DatasetName, LoadOptions, Normalize, load};
/// use plangrad_nn::{Loss, Mlp, MlpConfig};
/// use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
/// use plangrad_tensor::{Metrics, Optimizer, Schedule, Session};
///
/// let digits = load(&DatasetName::Digits, &LoadOptions::default())?;
/// let network = Mlp::new(&MlpConfig::new(&digits.sample_shape, 10).hidden(&[32]))?;
/// let task = task(&digits, Normalize::Dataset, Arc::new(network), Loss::CrossEntropy)?;
/// let (adam, rate) = (Optimizer::adam(), Schedule::Constant { learning_rate: 0.001 });
/// let step = task.training_plan(adam, rate, 100)?;
/// let test = task.evaluation_plan(step.state(), 1000)?;
/// let mut session = Session::new(&Cpu::open(CpuOptions::default())?, vec![step, test])?;
/// task.initialise(&mut session, 42)?;
///
/// let (train, test) = (source(digits.train, 10)?, source(digits.test, 10)?);
/// for rows in Batching::new(train.len(), 100).shuffled(42).epoch(1) {
///     session.run(0, &train.batches(rows)?)?;
/// }
/// session.set_metrics(Metrics::default())?;
/// for rows in Batching::new(test.len(), 1000).epoch(1) {
///     session.run(1, &test.batches(rows)?)?;
/// }
/// assert!(session.metrics()?.accuracy() > 0.8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Never for a part the data crate made.
pub fn source(split: Subset, outputs: usize) -> Result<Source> {
    scaled_source(split, outputs, TargetScale::IDENTITY)
}

/// The same with the numbers to be predicted on this scale.
pub(crate) fn scaled_source(split: Subset, outputs: usize, scale: TargetScale) -> Result<Source> {
    let sample_len = split.sample_len();
    let samples = match split.samples {
        plangrad_data::Samples::U8(bytes) => Samples::U8(bytes),
        plangrad_data::Samples::F32(values) => Samples::F32(values),
    };
    let targets = match split.targets {
        plangrad_data::Targets::Classes(labels) => class_targets(labels, outputs),
        plangrad_data::Targets::Values(values) => {
            let values = values.into_iter().map(|value| scale.standardize(value)).collect();
            Targets::Values { values, width: 1 }
        }
    };
    Ok(Source::new(samples, targets, sample_len)?)
}

/// A copy of the first rows of a source, at most so many.
///
/// # Errors
/// Never: they are rows of a source.
pub(crate) fn first_rows(source: &Source, most: usize) -> Result<Source> {
    let rows = source.len().min(most);
    let values = rows * source.sample_elements();
    let samples = match source.samples() {
        Samples::U8(bytes) => Samples::U8(bytes[..values].to_vec()),
        Samples::F32(features) => Samples::F32(features[..values].to_vec()),
        _ => return Ok(source.clone()),
    };
    let targets = match source.targets() {
        Targets::Classes(labels) => Targets::Classes(labels[..rows].to_vec()),
        Targets::WideClasses(labels) => Targets::WideClasses(labels[..rows].to_vec()),
        Targets::Values { values, width } => {
            Targets::Values { values: values[..rows * width].to_vec(), width: *width }
        }
        _ => return Ok(source.clone()),
    };
    Ok(Source::new(samples, targets, source.sample_elements())?)
}

/// Labels in the type that plans of so many classes read.
pub(crate) fn class_targets(labels: Vec<u16>, classes: usize) -> Targets {
    match DType::of_labels(classes) {
        DType::U8 => Targets::Classes(labels.into_iter().map(|label| label as u8).collect()),
        _ => Targets::WideClasses(labels),
    }
}

/// The task of training `network` to minimise `loss` on `dataset`.
///
/// # Errors
/// If the network reads samples of another shape.
pub fn task(dataset: &Dataset, normalize: Normalize, network: Arc<dyn Module>, loss: Loss) -> Result<Task> {
    let affine = dataset.affine(normalize);
    let dtype = match dataset.train.samples {
        plangrad_data::Samples::U8(_) => DType::U8,
        plangrad_data::Samples::F32(_) => DType::F32,
    };
    let samples =
        SampleFormat::new(Shape::new(&dataset.sample_shape)?, dtype).normalized(affine.scale, affine.shift);
    Ok(Task::new(network, samples, loss)?)
}

/// The targets that a loss is for.
pub(crate) fn target_kind(loss: Loss) -> TargetKind {
    match loss {
        Loss::CrossEntropy => TargetKind::Classification,
        _ => TargetKind::Regression,
    }
}

/// The description in a model's file.
pub(super) fn describe(normalize: Normalize, dataset: &Dataset, task: &Task) -> Result<Description> {
    // A path says nothing about the model and would make its bytes depend on a folder's name.
    let name = dataset.name.kind().to_owned();
    let description = Description::new(task, name, dataset.classes.clone(), normalize.to_string())?;
    Ok(match &dataset.table {
        Some(table) => {
            description.with_table(serde_json::to_value(table).map_err(|error| Error::Output(error.into()))?)
        }
        None => description,
    })
}
