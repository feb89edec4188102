//! Options and results of a fit.

use std::time::Duration;

use clap::ValueEnum;
use plangrad_tensor::Optimizer;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::device::BudgetOrigin;
use crate::train::StepMemory;

/// Most samples of a batch: their positions in it, and in the dataset, are numbers of 32 bits.
pub const INDEX_LIMIT: usize = u32::MAX as usize;

/// What to fit, and within which limits.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FitOptions {
    /// How parameters follow their gradients.
    pub optimizer: Optimizer,
    /// Samples per evaluation batch; if absent, as many as fit into the memory of training.
    pub eval_batch_size: Option<usize>,
    /// What a step does to take less memory.
    pub memory: StepMemory,
    /// How the size is found.
    pub method: Method,
    /// Share of the largest size that is recommended: above 0, at most 1.
    pub safety: f64,
    /// A size beyond which none is tried.
    pub max_batch: Option<usize>,
    /// Whether batches may be larger than the dataset and repeat its samples.
    pub synthetic: bool,
    /// When to stop searching and measuring speed. Sizes whose steps would take longer are not tried, but one of up to 16
    /// samples always is.
    pub time_limit: Duration,
    /// Whether to measure speed.
    pub measures_speed: bool,
    /// Where the device's budget comes from.
    pub budget: BudgetOrigin,
}

impl FitOptions {
    /// The largest batch of training with `optimizer` that a named budget holds, with speeds: what the command `fit` finds
    /// unless told otherwise.
    #[must_use]
    pub fn new(optimizer: Optimizer) -> FitOptions {
        FitOptions {
            optimizer,
            eval_batch_size: None,
            memory: StepMemory::default(),
            method: Method::default(),
            safety: 0.8,
            max_batch: None,
            synthetic: false,
            time_limit: Duration::from_secs(60),
            measures_speed: true,
            budget: BudgetOrigin::Named,
        }
    }
}

/// Why there is no larger batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StoppedBy {
    /// The budget that was named.
    Budget,
    /// What the device has.
    DeviceMemory,
    /// There are no more samples to learn from.
    DatasetSize,
    /// [`FitOptions::max_batch`].
    MaxBatch,
    /// [`INDEX_LIMIT`].
    IndexLimit,
    /// [`FitOptions::time_limit`].
    Time,
}

/// A batch size that was tried on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Samples per step.
    pub batch_size: usize,
    /// Bytes it was planned to take.
    pub total_bytes: u64,
    /// The outcome.
    pub outcome: TrialOutcome,
}

/// The outcome of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrialOutcome {
    /// The device granted the memory, and one whole step and one evaluation batch ran in it.
    Proven {
        /// Bytes reserved then, according to the device's ledger.
        measured_bytes: u64,
        /// Samples of the evaluation batch; `None` if there are none to test on.
        eval_batch_size: Option<usize>,
    },
    /// The device refused.
    Refused {
        /// Bytes it had free.
        free_bytes: u64,
        /// Whose limit that is.
        by: StoppedBy,
    },
}

/// How the largest size is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Method {
    /// Solved from the plan, and proven.
    #[default]
    #[value(help = None)]
    Solve,
    /// 16, 32, 64 and so on, each really tried, until one does not fit; then by bisection.
    #[value(help = None)]
    Double,
}

/// The largest batch that fits, proven.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fit {
    /// Its samples.
    pub max_batch_size: usize,
    /// Samples per evaluation batch at that size; `None` if there are none to test on.
    pub eval_batch_size: Option<usize>,
    /// Why it is not larger.
    pub stopped_by: StoppedBy,
    /// Bytes it was planned to take: as `train` takes them, and 4 more for each sample of a batch that is larger than the
    /// dataset, whose order is longer than that of a run.
    pub total_bytes: u64,
    /// Bytes it took, according to the device's ledger after a step and an evaluation batch.
    pub measured_bytes: u64,
    /// Bytes of the next size, which the device refused; `None` if something else came first.
    pub next_total_bytes: Option<u64>,
    /// Every size tried, in order.
    pub trials: Vec<Trial>,
    /// Speed at some sizes, smallest first.
    pub throughput: Vec<Throughput>,
}

/// Speed at a batch size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Throughput {
    /// Samples per step.
    pub batch_size: usize,
    /// Samples trained on per second, in the fastest of several stretches of time.
    pub samples_per_second: f64,
}

impl Trial {
    /// Whether the device granted the memory.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.free_bytes().is_none()
    }

    /// Bytes the device had free where it refused.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        match self.outcome {
            TrialOutcome::Proven { .. } => None,
            TrialOutcome::Refused { free_bytes, .. } => Some(free_bytes),
        }
    }
}

impl Serialize for Trial {
    /// As documented in `docs/json.md`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Trial", 4)?;
        object.serialize_field("batch_size", &self.batch_size)?;
        object.serialize_field("total_bytes", &self.total_bytes)?;
        object.serialize_field("fits", &self.fits())?;
        object.serialize_field("free_bytes", &self.free_bytes())?;
        object.end()
    }
}

impl Fit {
    /// The smallest batch within 5 % of the most samples per second; `None` if nothing was measured.
    #[must_use]
    pub fn knee(&self) -> Option<usize> {
        knee(&self.throughput)
    }
}

/// Share of the best speed that is as good.
const AS_GOOD: f64 = 0.95;

/// The smallest batch within 5 % of the most samples per second.
pub(crate) fn knee(paces: &[Throughput]) -> Option<usize> {
    let best = paces.iter().map(|pace| pace.samples_per_second).fold(0.0, f64::max);
    let as_good = paces.iter().filter(|pace| pace.samples_per_second >= AS_GOOD * best);
    as_good.map(|pace| pace.batch_size).min()
}

/// A share of `max`, rounded down, at least 1.
pub(crate) fn recommended(max: usize, safety: f64) -> usize {
    ((max as f64 * safety) as usize).clamp(1, max.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_largest_is_recommended_and_never_nothing() {
        let cases = [(603, 0.8, 482), (5, 0.8, 4), (1, 0.8, 1), (7, 1.0, 7), (9, 1e-300, 1)];
        for (max, safety, expected) in cases {
            assert_eq!(recommended(max, safety), expected, "{safety} of {max}");
        }
    }

    #[test]
    fn the_knee_is_the_smallest_batch_nearly_as_fast_as_the_fastest() {
        let paces = |speeds: &[f64]| -> Vec<Throughput> {
            let sizes = std::iter::successors(Some(16), |size| Some(size * 4));
            let pace = |(batch_size, &samples_per_second)| Throughput { batch_size, samples_per_second };
            sizes.zip(speeds).map(pace).collect()
        };
        assert_eq!(knee(&paces(&[40.0, 94.0, 96.0, 100.0, 90.0])), Some(256));
        assert_eq!(knee(&paces(&[95.0, 100.0])), Some(16));
        assert_eq!(knee(&[]), None);
    }
}
