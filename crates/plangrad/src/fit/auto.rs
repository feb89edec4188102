//! The batch size of `--batch-size auto`: no larger than what makes training faster, and no smaller than the lessons' default.
//!
//! What fits is known from the plan; the run that follows proves it. Speed is measured from small sizes upward, until it
//! stops growing or time is up.

use std::fmt;

use plangrad_tensor::Backend;
use plangrad_tensor::Device;

use super::bench::Bench;
use super::search::{Limit, Probe};
use super::throughput;
use super::trial::{FitOptions, Throughput, Trial, knee, recommended};
use crate::error::Result;
use crate::numbers::grouped;
use crate::train::{OnOom, Placement, Stop, Subject};

/// Steps that an epoch should keep: a batch that is a large part of the dataset may be fast, but learns little.
const STEPS_OF_AN_EPOCH: usize = 64;

/// A batch size, and why it is this one.
#[derive(Clone, Debug, PartialEq)]
pub struct Auto {
    /// Samples per step.
    pub batch_size: usize,
    reason: String,
}

/// Takes the knee of the speed, as far as that is recommended and an epoch keeps 64 steps, but no less than the lessons'
/// default for the device: that one if no speed was measured. If the default does not fit, it is still used if
/// batches can be split into parts ([`OnOom::Ladder`]); if not, the largest that fits.
///
/// # Errors
/// [`crate::Error::Stopped`] if asked to stop; if the device fails.
pub fn auto(
    subject: &mut Subject,
    backend: &Backend,
    options: &FitOptions,
    on_oom: OnOom,
    stop: &Stop,
) -> Result<Auto> {
    let limit = Limit::of(subject.samples().train, options).size;
    let (least, takes_parts) = (floor(backend.device()).min(limit), on_oom == OnOom::Ladder);
    let mut quietly = |_: &Trial| Ok(());
    let mut bench = Bench::new(subject, backend, options, &mut quietly, stop);
    let mut max = bench.largest_planned(limit);
    let is_streamed = max < least && takes_parts && bench.placement == Placement::Resident;
    if is_streamed {
        bench.placement = Placement::Streamed; // the ladder's first rung
        max = bench.largest_planned(limit);
    }
    let mut known = Findings { least, limit, takes_parts, is_streamed, max, paces: Vec::new() };
    known.paces = throughput::measure_to_the_knee(&mut bench, &known.sizes(options.safety))?;
    stop.check()?;
    Ok(known.choose())
}

/// The lessons' defaults: 64 on a GPU, 16 on a CPU.
fn floor(device: Device) -> usize {
    if device.has_own_memory() { 64 } else { 16 }
}

/// Measurements that the choice is based on.
struct Findings {
    /// The size taken by default.
    least: usize,
    /// The largest there could be, whatever the memory.
    limit: usize,
    /// Whether a batch that does not fit is split into parts.
    takes_parts: bool,
    /// Whether the dataset stays on the host, because memory is short.
    is_streamed: bool,
    /// The largest that fits; 0 if none does.
    max: usize,
    /// Speed from `least` on.
    paces: Vec<Throughput>,
}

impl Findings {
    /// Sizes whose speed matters; none if there is no choice.
    fn sizes(&self, safety: f64) -> Vec<usize> {
        let most = recommended(self.max, safety).min(self.limit / STEPS_OF_AN_EPOCH);
        if most > self.least { throughput::sizes(self.least, most, most) } else { Vec::new() }
    }

    fn choose(&self) -> Auto {
        let batch_size = match knee(&self.paces) {
            _ if self.max < self.least && (self.takes_parts || self.max == 0) => self.least,
            _ if self.max < self.least => self.max,
            knee => knee.map_or(self.least, |knee| knee.clamp(self.least, self.max)),
        };
        Auto { batch_size, reason: self.reason(batch_size) }
    }

    fn reason(&self, size: usize) -> String {
        let [least, limit, max] = [self.least, self.limit, self.max].map(grouped);
        let fits = match self.max {
            0 => "not even a batch of 1 fits".to_owned(),
            all if all == self.limit => format!("all {limit} fit"),
            _ => format!("{max} is the largest that fits"),
        };
        let why = match &*self.paces {
            _ if self.max < size => format!("the least on this device, although {fits}"),
            _ if self.max < self.least => {
                format!("as {least}, the least on this device, does not fit; {fits}")
            }
            [first, .., last] => {
                let [first, last] = [first, last].map(|pace| grouped(pace.batch_size));
                format!("the smallest within 5 % of the fastest of {first} to {last}; {fits}")
            }
            _ => format!("the least on this device, no speeds were compared; {fits}"),
        };
        if self.is_streamed { format!("{why}, with the dataset on the host") } else { why }
    }
}

impl fmt::Display for Auto {
    /// What was chosen, why, and how to reproduce it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Auto { batch_size, reason } = self;
        write!(
            f,
            "--batch-size auto: {batch_size}, {reason}; name it with --batch-size {batch_size} to repeat this"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device on which sizes up to `max` fit of a dataset with 20,000 samples, and speed grows up to the knee.
    fn known(max: usize, knee: usize, least: usize) -> Findings {
        let known =
            Findings { least, limit: 20_000, takes_parts: false, is_streamed: false, max, paces: Vec::new() };
        let pace = |batch_size| Throughput { batch_size, samples_per_second: batch_size.min(knee) as f64 };
        Findings { paces: known.sizes(0.8).into_iter().map(pace).collect(), ..known }
    }

    #[test]
    fn the_knee_is_taken_between_the_lessons_default_and_what_is_recommended() {
        let size = |max, knee, floor| known(max, knee, floor).choose().batch_size;
        assert_eq!(size(10_000, 256, 16), 256);
        assert_eq!(size(10_000, 4, 16), 16);
        assert_eq!(size(300, 256, 16), 240);
        assert_eq!((size(70, 4, 64), size(16, 256, 16)), (64, 16), "the default is taken if it fits");
    }

    #[test]
    fn a_default_that_does_not_fit_is_split_into_parts_or_replaced_by_the_largest_that_fits() {
        let size = |max, takes_parts| Findings { takes_parts, ..known(max, 256, 16) }.choose().batch_size;
        assert_eq!([size(13, true), size(13, false)], [16, 13]);
        assert_eq!([size(0, true), size(0, false)], [16, 16]);
        let tiny = Findings { limit: 10, ..known(10, 256, 10) };
        assert_eq!(
            (tiny.choose().batch_size, tiny.sizes(0.8)),
            (10, Vec::new()),
            "ten samples are all there are"
        );
    }

    #[test]
    fn without_time_to_measure_the_default_is_taken_and_nothing_is_said_about_speed() {
        let hurried = Findings { paces: Vec::new(), ..known(10_000, 1, 64) }.choose();
        let reason =
            "the least on this device, no speeds were compared; 10,000 is the largest that fits".to_owned();
        assert_eq!(hurried, Auto { batch_size: 64, reason });
        assert_eq!([floor(Device::Cpu), floor(Device::Accelerator), floor(Device::Cuda(1))], [16, 64, 64]);
    }

    #[test]
    fn the_choice_is_reported_with_its_reason_and_a_way_to_repeat_it() {
        let said = |known: Findings| known.choose().to_string();
        let expected = "--batch-size auto: 256, the smallest within 5 % of the fastest of 16 to 312; 10,000 is the largest \
                        that fits; name it with --batch-size 256 to repeat this";
        assert_eq!(said(known(10_000, 256, 16)), expected);
        assert!(said(known(20_000, 256, 16)).contains("of 16 to 312; all 20,000 fit; "));
        let streamed = Findings { is_streamed: true, ..known(0, 256, 16) };
        assert!(
            said(streamed).contains("although not even a batch of 1 fits, with the dataset on the host; ")
        );
    }
}
