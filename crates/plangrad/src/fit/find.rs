//! From a subject and a device to the largest batch, with speeds.

use plangrad_tensor::Backend;

use super::bench::Bench;
use super::search::{FIRST, Limit, Probe, search};
use super::throughput;
use super::trial::{Fit, FitOptions, Trial, recommended};
use crate::clock;
use crate::error::Result;
use crate::train::{Stop, Subject};

/// Finds the largest batch with which `subject` can be trained on a device, and proves it. Each trial is reported as it
/// happens.
///
/// # Errors
/// [`crate::Error::OutOfMemory`] if not even a batch of 1 fits: the error that training would end with.
/// [`crate::Error::Stopped`] if asked to stop. The errors of `report`.
pub fn fit(
    subject: &mut Subject,
    backend: &Backend,
    options: &FitOptions,
    report: &mut dyn FnMut(&Trial) -> Result<()>,
    stop: &Stop,
) -> Result<Fit> {
    clock::check()?;
    let limit = Limit::of(subject.samples().train, options);
    let mut bench = Bench::new(subject, backend, options, report, stop);
    if bench.largest_planned(1) == 0 {
        return Err(bench.nothing_fits());
    }
    let Some(mut found) = search(options.method, limit, &mut bench)? else {
        return Err(bench.nothing_fits());
    };
    if options.measures_speed {
        let max = found.max_batch_size;
        let sizes = throughput::sizes(FIRST, recommended(max, options.safety), max);
        found.throughput = throughput::measure(&mut bench, &sizes)?;
    }
    stop.check()?;
    Ok(found)
}
