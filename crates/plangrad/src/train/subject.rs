//! The subject of a run, whatever the training: a network, and data as sessions read them.

use std::sync::Arc;

use plangrad_data::{Dataset, DatasetName, Normalize, Split, TableRows, TableSchema, TargetScale};
use plangrad_nn::checkpoint::Description;
use plangrad_nn::{Decayed, Loss, Module, Task};

use super::class_weights::with_mean_one;
use super::layout::SampleCounts;
use super::source::{Data, describe, scaled_source, task};
use crate::error::{Error, Result};

/// Refuses a dataset without samples to learn from.
pub(crate) fn check_samples(dataset: &DatasetName, train: usize) -> Result<()> {
    if train > 0 {
        return Ok(());
    }
    let remedy = "a run needs at least one sample to learn from";
    Err(Error::EmptySplit { dataset: dataset.to_string(), split: Split::Train, remedy })
}

/// A task and its data.
#[derive(Debug)]
pub struct Subject {
    pub(crate) task: Task,
    pub(crate) data: Data,
    pub(super) description: Description,
    pub(super) table: Option<TableSchema>,
    pub(super) rows: Option<TableRows>,
    pub(super) dataset: DatasetName,
}

impl Subject {
    /// `network`, the dataset it learns from, and the loss it minimises. The samples are moved, not copied.
    ///
    /// # Errors
    /// If the training part is empty, or the network reads samples of another shape.
    pub fn new(
        dataset: Dataset,
        normalize: Normalize,
        network: Arc<dyn Module>,
        loss: Loss,
    ) -> Result<Subject> {
        let task = task(&dataset, normalize, network, loss)?;
        let description = describe(normalize, &dataset, &task)?;
        check_samples(&dataset.name, dataset.train.len())?;
        let target_scale = dataset.table.as_ref().map_or(TargetScale::IDENTITY, TableSchema::target_scale);
        let part = |subset| scaled_source(subset, task.model().outputs(), target_scale);
        let (train, validation) = (part(dataset.train)?, part(dataset.validation)?);
        let data = Data { train, validation, test: part(dataset.test)?, target_scale };
        Ok(Subject {
            task,
            data,
            description,
            table: dataset.table,
            rows: dataset.table_rows,
            dataset: dataset.name,
        })
    }

    /// The same with class weights, scaled for training samples of which each class has so many, and other levers.
    ///
    /// # Errors
    /// If one of them is impossible.
    pub(crate) fn with_levers(
        self,
        class_weights: Option<&[f64]>,
        counts: &[u64],
        levers: Levers,
    ) -> Result<Subject> {
        let weights = class_weights.map(|weights| with_mean_one(weights, counts));
        Ok(Subject { task: levers.on(self.task, weights.as_deref())?, ..self })
    }

    /// The network and its task.
    #[must_use]
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The samples of each part.
    #[must_use]
    pub fn samples(&self) -> SampleCounts {
        self.data.samples()
    }

    /// Bytes of host memory for the order of the samples during a run.
    #[must_use]
    pub fn order_bytes(&self) -> u64 {
        let SampleCounts { train, validation, test } = self.samples();
        4 * (train + validation.max(test)) as u64
    }
}

/// What a step does besides, apart from the weights of classes; nothing by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Levers {
    pub(crate) label_smoothing: Option<f64>,
    pub(crate) clip_norm: Option<f64>,
    pub(crate) decayed: Decayed,
    pub(crate) average: Option<f64>,
}

impl Levers {
    /// The task with these levers, and class weights.
    pub(crate) fn on(self, task: Task, class_weights: Option<&[f64]>) -> Result<Task> {
        let Levers { label_smoothing, clip_norm, decayed, average } = self;
        let mut task = task.with_decay_of(decayed);
        if let Some(weights) = class_weights {
            task = task.with_class_weights(weights)?;
        }
        if let Some(share) = label_smoothing {
            task = task.with_label_smoothing(share)?;
        }
        if let Some(norm) = clip_norm {
            task = task.with_clip_norm(norm)?;
        }
        if let Some(decay) = average {
            task = task.with_average(decay)?;
        }
        Ok(task)
    }
}
