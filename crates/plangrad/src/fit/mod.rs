//! The largest batch that fits: found, and then proven.
//!
//! What a batch takes is known from its plan, so the largest is solved for and not searched by crashing. But a plan is a
//! claim; here it is held against the device: memory for the size found is really reserved, one whole step and one
//! evaluation batch are taken in it, and the device is asked for the next size and refuses. The way that lessons teach,
//! doubling until memory runs out, is here too and ends at the same number.
//!
//! Weights stay zero and the learning rate is 0: what is computed is of no interest, the kernels and the bytes are those of
//! training. No file is touched, and nothing stays reserved.

mod auto;
mod bench;
mod pace;
mod rows;
mod search;

use std::sync::Arc;
use std::time::Duration;

use plangrad_tensor::Optimizer;
use plangrad_tensor::backend::Backend;
use serde::Serialize;

pub use auto::{Auto, auto};
use bench::Bench;
pub use pace::Pace;
pub(crate) use pace::knee;
pub use search::Method;
use search::{FIRST, Limit, search};

use crate::Result;
use crate::train::{Stop, Subject};

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

/// The largest batch that fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// It.
    pub max_batch_size: usize,
    /// The share of it that is recommended, rounded down, at least 1.
    pub recommended_batch_size: usize,
    /// Why it is not larger.
    pub stopped_by: StoppedBy,
    /// Bytes that the device may reserve; `None` without a limit.
    pub budget_bytes: Option<u64>,
    /// Bytes it was planned to take: as `train` takes them, and 4 more for each sample of a batch that is larger than the
    /// dataset, whose order is no longer one that a run has anyway.
    pub total_bytes: u64,
    /// Bytes it took, as the device's ledger had them after a step and an evaluation batch.
    pub measured_bytes: u64,
    /// Bytes of the next size, which the device refused; `None` where something else came first.
    pub next_total_bytes: Option<u64>,
    /// Samples judged at a time at that size; `None` where there are none to test on.
    pub eval_batch_size: Option<usize>,
    /// Every size tried, in order.
    pub trials: Vec<Trial>,
    /// Speed at some sizes, smallest first.
    pub throughput: Vec<Pace>,
}

impl Trial {
    /// Whether the device gave the memory.
    #[must_use]
    pub fn fits(&self) -> bool {
        !matches!(self.outcome, Outcome::Refused { .. })
    }
}

impl Fit {
    /// The smallest batch within 5 % of the most samples per second; `None` if nothing was measured.
    #[must_use]
    pub fn knee(&self) -> Option<usize> {
        pace::knee(&self.throughput)
    }
}

/// Finds the largest batch with which `subject` can be trained on a device, and proves it. Each trial is told as it happens.
///
/// # Errors
/// [`crate::Error::OutOfMemory`] if not even a batch of 1 fits: the error that training would end with.
/// [`crate::Error::Stopped`] if asked to stop. What `tell` says.
pub fn fit(
    subject: &mut Subject,
    backend: &Arc<dyn Backend>,
    options: &Options,
    tell: &mut dyn FnMut(&Trial) -> Result<()>,
    stop: &Stop,
) -> Result<Fit> {
    let limit = Limit::of(subject.samples().0, options);
    let mut bench = Bench::new(subject, backend, options, tell, stop);
    bench.check_smallest()?;
    let found = match search(options.method, limit, &mut bench)? {
        Some(found) => found,
        None => return Err(bench.nothing_fits()),
    };
    let (max, recommended) = (found.batch_size, recommended(found.batch_size, options.safety));
    let sizes = if options.measures_speed { pace::sizes(FIRST, recommended, max) } else { Vec::new() };
    let throughput = pace::measure(&mut bench, &sizes)?;
    stop.check()?;
    Ok(Fit {
        max_batch_size: max,
        recommended_batch_size: recommended,
        stopped_by: found.stopped_by,
        budget_bytes: backend.memory().budget,
        total_bytes: found.total_bytes,
        measured_bytes: found.measured_bytes,
        next_total_bytes: found.next_total_bytes,
        eval_batch_size: found.eval_batch_size,
        trials: found.trials,
        throughput,
    })
}

/// A share of `max`, rounded down, at least 1.
fn recommended(max: usize, safety: f64) -> usize {
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
