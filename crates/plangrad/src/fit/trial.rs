//! What is asked of a fit, and what becomes of a batch size that is tried.

use std::time::Duration;

use clap::ValueEnum;
use plangrad_tensor::Optimizer;
use serde::Serialize;

/// Most samples of a batch: their positions in it, and in the dataset, are numbers of 32 bits.
pub const INDEX_LIMIT: usize = u32::MAX as usize;

/// What is to be fitted, and how far.
#[derive(Clone, Debug)]
pub struct Options {
    /// How parameters follow their gradients.
    pub optimizer: Optimizer,
    /// Samples judged at a time; as many as fit into the memory of training if absent.
    pub eval_batch_size: Option<usize>,
    /// How the size is found.
    pub method: Method,
    /// Share of the largest size that is recommended: above 0, at most 1.
    pub safety: f64,
    /// A size beyond which nobody wants to know.
    pub max_batch: Option<usize>,
    /// Whether batches may be larger than the dataset, and take its samples again and again.
    pub synthetic: bool,
    /// When to stop searching, and measuring speed. Sizes whose steps would take longer are not tried; up to 16 samples are.
    pub time_limit: Duration,
    /// Whether to measure speed.
    pub measures_speed: bool,
    /// Whether somebody named the device's budget. If not, it is what the device has.
    pub is_budget_named: bool,
}

/// Why there is no larger batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoppedBy {
    /// The budget that somebody named.
    Budget,
    /// What the device has.
    DeviceMemory,
    /// There are no more samples to learn from.
    DatasetSize,
    /// [`Options::max_batch`].
    MaxBatch,
    /// [`INDEX_LIMIT`].
    IndexLimit,
    /// [`Options::time_limit`].
    Time,
}

/// A batch size that was tried on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Samples per step.
    pub batch_size: usize,
    /// Bytes it was planned to take.
    pub total_bytes: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The device gave the memory.
    Reserved,
    /// The device gave the memory, and one whole step and one evaluation batch were taken in it.
    Proven {
        /// Bytes that the device's ledger then held.
        measured_bytes: u64,
        /// Samples of the evaluation batch; `None` where there are none to test on.
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
pub enum Method {
    /// Solved from the plan, and proven.
    #[default]
    #[value(help = None)]
    Solve,
    /// 16, 32, 64 and on, each really tried, until one does not fit; then the sizes between.
    #[value(help = None)]
    Double,
}

impl Trial {
    /// Whether the device gave the memory.
    #[must_use]
    pub fn fits(&self) -> bool {
        !matches!(self.outcome, Outcome::Refused { .. })
    }
}

/// A share of `max`, rounded down, at least 1.
pub(super) fn recommended(max: usize, safety: f64) -> usize {
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
}
