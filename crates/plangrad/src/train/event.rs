//! What a run reports while it is running.

use std::path::PathBuf;

use plangrad_tensor::Device;
use serde::Serialize;

use crate::device::{GpuMemory, device_name};
use crate::error::Result;

/// Something that happened. Serialises to the JSON documented in `docs/json.md`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// Everything is planned and reserved; steps come next.
    Start {
        /// Name of the dataset.
        dataset: String,
        /// Samples to learn from.
        train_samples: usize,
        /// Samples to be judged by.
        test_samples: usize,
        /// Where it is computed.
        #[serde(serialize_with = "device_name")]
        device: Device,
        /// Numbers trained.
        parameters: usize,
        /// Samples per step.
        batch_size: usize,
        /// Samples at a time, where a step takes its batch in parts; null where it takes it whole.
        micro_batch_size: Option<usize>,
        /// Seed of the run.
        seed: u64,
        /// Bytes the session was planned to take.
        planned_bytes: u64,
        /// What the process had resident just before these were reserved, if the system says.
        resident_bytes: Option<u64>,
        /// Memory of the GPU, if it is one.
        gpu_memory: Option<GpuMemory>,
    },
    /// Memory did not suffice, and the run found another way.
    Oom {
        /// Which.
        rung: Rung,
        /// What was refused, as a clause.
        reason: String,
        /// Bytes the run was to take.
        bytes_before: u64,
        /// Bytes it takes instead.
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
    /// An epoch, or the part of it that `--max-steps` allowed, and its test.
    Epoch {
        /// Epoch, counted from 1.
        epoch: u64,
        /// Mean loss of its samples, each taken before the update of its batch.
        train_loss: f64,
        /// Mean loss of the test samples; null without any.
        test_loss: Option<f64>,
        /// Share of the test samples whose class was found; null for a regression and without samples.
        test_accuracy: Option<f64>,
        /// From the shuffle to the last update.
        train_seconds: f64,
        /// The test.
        eval_seconds: f64,
        /// Training samples per second.
        samples_per_second: f64,
        /// Bytes the session was planned to take.
        planned_bytes: u64,
        /// Bytes the session took, as the allocator's ledger has them.
        measured_bytes: u64,
        /// Most memory the process ever had resident, if the system says.
        peak_resident_bytes: Option<u64>,
    },
    /// The run is complete, or was interrupted.
    End {
        /// From the start of the process.
        total_seconds: f64,
        /// From the start of the process to the end of the first step; null if there was none.
        startup_seconds: Option<f64>,
        /// Of the last test.
        test_accuracy: Option<f64>,
        /// The model's file; null for an interrupted run.
        model: Option<PathBuf>,
        /// The run's folder.
        run: PathBuf,
    },
}

/// A way to go on where memory does not suffice, from the cheapest to the dearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// The dataset stays in host memory, from where each batch is brought to the device.
    DatasetOnHost,
    /// A step takes its batch in parts and adds their gradients: the same step in less memory.
    MicroBatches,
    /// The run moves to the processor and its memory.
    Cpu,
}

/// How far an epoch has come, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq)]
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

/// Who wants to know.
pub trait Observer {
    /// Something happened.
    ///
    /// # Errors
    /// If it cannot be told.
    fn event(&mut self, event: &Event) -> Result<()>;

    /// Steps were taken. Of interest to those who draw progress.
    fn position(&mut self, _position: &Position) {}
}
