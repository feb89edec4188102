//! The largest batch with which a subject can be trained, from the search to the report.

use std::sync::Arc;

use plangrad_tensor::backend::Backend;

use super::bench::Bench;
use super::pace::{self, Pace};
use super::search::{FIRST, Limit, search};
use super::trial::{Options, StoppedBy, Trial, recommended};
use crate::error::Result;
use crate::train::{Stop, Subject};

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
/// [`crate::error::Error::OutOfMemory`] if not even a batch of 1 fits: the error that training would end with.
/// [`crate::error::Error::Stopped`] if asked to stop. What `tell` says.
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
