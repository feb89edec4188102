//! What files say besides weights.

use std::collections::BTreeMap;

use plangrad_tensor::Metrics;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Architecture, Error, Loss, Mlp, Task};

/// Everything a model file says besides its weights.
///
/// Keys that this version does not know are refused: a new key comes with a new [`Description::FORMAT`], so one that is not
/// known is damage, such as a flipped bit in the name of the checksum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Description {
    /// Version of this description.
    pub format: u32,
    /// Name of the network's architecture. Files without it hold an MLP.
    #[serde(default = "mlp", skip_serializing_if = "is_mlp")]
    pub architecture: String,
    /// Configuration of the network.
    pub model: Value,
    /// The loss it was trained to minimise.
    pub loss: Loss,
    /// Name of the dataset it was trained on.
    pub dataset: String,
    /// Names of the classes, in label order; empty for a regression.
    pub classes: Vec<String>,
    /// Name of the normalisation.
    pub normalize: String,
    /// Factor per channel from stored sample to input.
    pub scale: Vec<f32>,
    /// Summand per channel.
    pub shift: Vec<f32>,
    /// For tables: how columns become inputs, as the dataset describes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Value>,
    /// In a checkpoint: what the bits of the run follow from, by name, for whoever resumes it to compare. Files of earlier
    /// versions do not say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub basis: BTreeMap<String, Value>,
    /// In a checkpoint: the state of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

fn mlp() -> String {
    Mlp::ARCHITECTURE.to_owned()
}

fn is_mlp(architecture: &str) -> bool {
    architecture == Mlp::ARCHITECTURE
}

impl Description {
    /// The version this code writes.
    pub const FORMAT: u32 = 1;

    /// Describes the network, loss and normalisation of `task`, trained on a dataset with this name, classes (none for a
    /// regression) and name of the normalisation.
    ///
    /// # Errors
    /// If the network's configuration cannot be serialised.
    pub fn new(
        task: &Task,
        dataset: impl Into<String>,
        classes: Vec<String>,
        normalize: impl Into<String>,
    ) -> Result<Description, Error> {
        let architecture = task.model().architecture()?;
        Ok(Description {
            format: Description::FORMAT,
            architecture: architecture.name().to_owned(),
            model: architecture.config().clone(),
            loss: task.loss(),
            dataset: dataset.into(),
            classes,
            normalize: normalize.into(),
            scale: task.samples().scale.to_vec(),
            shift: task.samples().shift.to_vec(),
            table: None,
            basis: BTreeMap::new(),
            progress: None,
        })
    }

    /// The same for a table, with the description of how its columns become inputs.
    #[must_use]
    pub fn with_table(self, table: Value) -> Description {
        Description { table: Some(table), ..self }
    }

    /// The same for a checkpoint.
    #[must_use]
    pub fn with_progress(self, progress: Progress) -> Description {
        Description { progress: Some(progress), ..self }
    }

    /// The same for a finished model.
    #[must_use]
    pub fn without_progress(self) -> Description {
        Description { basis: BTreeMap::new(), progress: None, ..self }
    }

    /// The network's architecture.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        Architecture::of(self.architecture.clone(), self.model.clone())
    }
}

/// The state of a run: with the moments and the weights, all that is needed to continue to the same bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Progress {
    /// Optimizer steps taken.
    pub step: u64,
    /// Epochs completed.
    pub epoch: u64,
    /// Samples of the current epoch already trained on.
    pub position: u64,
    /// Training samples, which the permutations are of.
    pub samples: u64,
    /// Seed of the run: permutations and dropout masks are functions of it, the epoch and the step.
    pub seed: u64,
    /// Batch size: a run keeps it, whatever fits when it is resumed.
    pub batch_size: u64,
    /// Bits of the sum of this epoch's losses so far (an f64).
    pub loss_sum_bits: u64,
    /// Bits of the last batch's loss (an f64).
    pub last_loss_bits: u64,
    /// The best epoch so far, if the run compares them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<BestEpoch>,
}

/// The best epoch of a run so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BestEpoch {
    /// Its number, counted from 1.
    pub epoch: u64,
    /// Bits of the number by which it is the best (an f64).
    pub value_bits: u64,
}

impl BestEpoch {
    /// An epoch, counted from 1, and the number by which it is the best.
    #[must_use]
    pub fn new(epoch: u64, value: f64) -> BestEpoch {
        BestEpoch { epoch, value_bits: value.to_bits() }
    }

    /// The number by which it is the best.
    #[must_use]
    pub fn value(&self) -> f64 {
        f64::from_bits(self.value_bits)
    }
}

impl Progress {
    /// The same with the sums of this epoch so far.
    #[must_use]
    pub fn with_sums_of(self, metrics: &Metrics) -> Progress {
        let Metrics { loss_sum, last_loss, .. } = *metrics;
        Progress { loss_sum_bits: loss_sum.to_bits(), last_loss_bits: last_loss.to_bits(), ..self }
    }

    /// The sums from which a session continues.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::default();
        metrics.loss_sum = f64::from_bits(self.loss_sum_bits);
        metrics.samples = self.position;
        metrics.last_loss = f64::from_bits(self.last_loss_bits);
        metrics
    }
}
