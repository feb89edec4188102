//! What a run reports while it is running.

use std::path::PathBuf;

use plangrad_data::Split;
use plangrad_nn::Module;
use plangrad_tensor::{Device, Session};
use serde::{Serialize, Serializer};

use super::best::Criterion;
use crate::device::{GpuMemory, device_name};
use crate::error::Result;

/// An event of a run. Serialises to the JSON documented in `docs/json.md`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Event {
    /// Everything is planned and reserved; the first step comes next.
    Start {
        /// Name of the dataset.
        dataset: String,
        /// Samples to learn from.
        train_samples: usize,
        /// Samples to compare epochs by, taken out of those to learn from.
        validation_samples: usize,
        /// Samples to test on.
        test_samples: usize,
        /// The device.
        #[serde(serialize_with = "device_name")]
        device: Device,
        /// Parameters of the network.
        parameters: usize,
        /// Samples per step.
        batch_size: usize,
        /// Samples per part, if a step splits its batch into parts; null if it does not.
        micro_batch_size: Option<usize>,
        /// Seed of the run.
        seed: u64,
        /// Bytes planned for the session.
        planned_bytes: u64,
        /// Resident memory of the process just before these were reserved, if the system says.
        resident_bytes: Option<u64>,
        /// Memory of the GPU, if the device is one.
        gpu_memory: Option<GpuMemory>,
    },
    /// Memory ran out, and the run found another way.
    Oom {
        /// The way.
        rung: Rung,
        /// What was refused, as a clause.
        reason: String,
        /// Bytes planned before.
        bytes_before: u64,
        /// Bytes planned now.
        bytes_after: u64,
    },
    /// A step whose number in its epoch is a multiple of `--log-every`.
    Step {
        /// Epoch, counted from 1.
        epoch: u64,
        /// Batch within the epoch, counted from 0.
        step: u64,
        /// Mean loss of the batch before its update.
        loss: f64,
    },
    /// An epoch, or the part of it that `--max-steps` allowed, and its evaluation.
    Epoch {
        /// Epoch, counted from 1.
        epoch: u64,
        /// Mean loss of its samples, each computed before the update of its batch.
        train_loss: f64,
        /// Mean loss of the validation samples; null without any.
        validation_loss: Option<f64>,
        /// Share of the validation samples whose class was predicted; null for a regression and without samples.
        validation_accuracy: Option<f64>,
        /// Mean loss of the test samples; null without any, and where there are validation samples instead.
        test_loss: Option<f64>,
        /// Share of the test samples whose class was predicted; null for a regression, and where the loss is.
        test_accuracy: Option<f64>,
        /// Whether it is the best epoch so far; null if the run does not compare them.
        is_best: Option<bool>,
        /// Time from the shuffle to the last update.
        train_seconds: f64,
        /// Time of the evaluation.
        eval_seconds: f64,
        /// Training samples per second.
        samples_per_second: f64,
        /// Bytes planned for the session.
        planned_bytes: u64,
        /// Bytes taken by the session, according to the device's ledger.
        measured_bytes: u64,
        /// Peak resident memory of the process, if the system says.
        peak_resident_bytes: Option<u64>,
    },
    /// The run is complete, or was interrupted.
    End {
        /// Time since the start of the process.
        total_seconds: f64,
        /// Time from the start of the process to the end of the first step; null if there was none.
        startup_seconds: Option<f64>,
        /// Loss of the last test; null without any.
        test_loss: Option<f64>,
        /// Accuracy of the last test.
        test_accuracy: Option<f64>,
        /// The model's file; null for an interrupted run.
        model: Option<PathBuf>,
        /// The best epoch and its model, if the run keeps it and is complete.
        best: Option<BestModel>,
        /// Whether it ended before its last epoch since no epoch was better for as long as it was to wait.
        stopped_early: bool,
        /// The run's folder.
        run: PathBuf,
    },
}

/// The best epoch of a run, and its model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BestModel {
    /// The epoch, counted from 1.
    pub epoch: u64,
    /// The number by which it is the best, and on which part of the data.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Loss on the test part; null without one.
    pub test_loss: Option<f64>,
    /// Accuracy on the test part; null for a regression and without one.
    pub test_accuracy: Option<f64>,
    /// Its file.
    pub model: PathBuf,
}

/// By what an epoch is the best.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// Which number.
    pub criterion: Criterion,
    /// The part of the data.
    #[serde(serialize_with = "split_name")]
    pub part: Split,
    /// The number.
    pub value: f64,
}

fn split_name<S: Serializer>(split: &Split, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(split.name())
}

/// A way to continue if memory runs out, from the cheapest to the most expensive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rung {
    /// The dataset stays in host memory, from which each batch is copied to the device.
    DatasetOnHost,
    /// A step splits its batch into parts and adds their gradients: the same step in less memory.
    MicroBatches,
    /// Activations are computed again in the backward pass instead of being kept: the same step in less memory.
    Recomputation,
    /// The run moves to the CPU and its memory.
    Cpu,
}

/// The progress of an epoch, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Position {
    /// Epoch, counted from 1.
    pub epoch: u64,
    /// Samples of it trained on.
    pub samples: u64,
    /// Samples it has.
    pub of: u64,
    /// Loss of the last batch.
    pub loss: f64,
}

/// Receives the events of a run.
pub trait Observer {
    /// Receives an event.
    ///
    /// # Errors
    /// If the event cannot be written.
    fn event(&mut self, event: &Event) -> Result<()>;

    /// Called after every few steps, for a progress bar.
    fn position(&mut self, _position: &Position) {}

    /// Called after each epoch with its weights, which `session` has.
    ///
    /// # Errors
    /// If something that is made of them cannot be written.
    fn weights(&mut self, _epoch: u64, _model: &dyn Module, _session: &Session) -> Result<()> {
        Ok(())
    }
}
