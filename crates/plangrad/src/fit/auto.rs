//! A batch size for those who name none: no larger than what makes training faster, and no smaller than what lessons start
//! with.
//!
//! What fits is known from the plan. Speed is measured from small sizes upward, until it grows no more or time is up, and
//! only the size that is taken is proven: who wants to train does not want to wait for the largest batch there could be.

use std::fmt;
use std::sync::Arc;

use plangrad_tensor::Device;
use plangrad_tensor::backend::Backend;

use super::bench::Bench;
use super::pace::{self, Pace};
use super::search::{Judge, Limit};
use super::trial::{Options, Trial, recommended};
use crate::error::Result;
use crate::numbers::grouped;
use crate::train::{OnOom, Placement, Stop, Subject};

/// An epoch shall keep so many steps: a batch that is a large part of the dataset may be fast, and learns little.
const STEPS_OF_AN_EPOCH: usize = 64;

/// A batch size, and why it is this one.
#[derive(Clone, Debug, PartialEq)]
pub struct Auto {
    /// Samples per step.
    pub batch_size: usize,
    reason: String,
}

/// Takes the knee of the speed, as far as that is recommended and an epoch keeps 64 steps, but no less than the lessons' default for the device: that
/// alone where no speed was measured. Where the default does not fit it is taken all the same if batches can be taken in parts
/// ([`OnOom::Ladder`]); if not, the largest that fits.
///
/// # Errors
/// [`crate::error::Error::Stopped`] if asked to stop; what the device says, but that memory does not suffice.
pub fn auto(
    subject: &mut Subject,
    backend: &Arc<dyn Backend>,
    options: &Options,
    on_oom: OnOom,
    stop: &Stop,
) -> Result<Auto> {
    let limit = Limit::of(subject.samples().0, options).size;
    let mut quietly = |_: &Trial| Ok(());
    let mut bench = Bench::new(subject, backend, options, &mut quietly, stop);
    let mut known = Known::of(floor(backend.device()), limit, on_oom == OnOom::Ladder);
    known.max = bench.largest_planned(limit);
    if known.max < known.least && known.takes_parts && bench.placement == Placement::Resident {
        bench.placement = Placement::Streamed; // the ladder's first rung
        (known.max, known.is_streamed) = (bench.largest_planned(limit), true);
    }
    known.recommended = recommended(known.max, options.safety).min(limit / STEPS_OF_AN_EPOCH);
    known.paces = pace::measure_to_the_knee(&mut bench, &known.sizes())?;
    loop {
        let size = known.choose();
        let is_measured = known.paces.iter().any(|pace| pace.batch_size == size);
        if size > known.max || is_measured || bench.attempt(size, true)?.fits() {
            stop.check()?;
            return Ok(Auto { batch_size: size, reason: known.reason(size) });
        }
        known.refused(size);
    }
}

/// The lessons' defaults: 64 on a GPU, 16 on a CPU.
fn floor(device: Device) -> usize {
    if device == Device::Cpu { 16 } else { 64 }
}

/// What a choice is made by.
struct Known {
    /// The size that is taken if nothing is said for another.
    least: usize,
    /// The largest there could be, whatever the memory.
    limit: usize,
    /// Whether what does not fit is taken in parts.
    takes_parts: bool,
    /// Whether the dataset stays on the host, for want of memory.
    is_streamed: bool,
    /// The largest that fits; 0 if none does.
    max: usize,
    /// The share of it that is recommended, as far as an epoch keeps its steps.
    recommended: usize,
    /// A size that should have fitted, and was refused.
    refused: Option<usize>,
    /// Speed from `least` on.
    paces: Vec<Pace>,
}

impl Known {
    fn of(floor: usize, limit: usize, takes_parts: bool) -> Known {
        Known {
            least: floor.min(limit),
            limit,
            takes_parts,
            is_streamed: false,
            max: 0,
            recommended: 0,
            refused: None,
            paces: Vec::new(),
        }
    }

    /// Sizes whose speed matters; none where there is no choice.
    fn sizes(&self) -> Vec<usize> {
        let choice = self.least..=self.recommended;
        if choice.clone().count() < 2 {
            return Vec::new();
        }
        pace::sizes(self.least, self.recommended, self.recommended)
    }

    fn choose(&self) -> usize {
        match pace::knee(&self.paces) {
            _ if self.max < self.least && (self.takes_parts || self.max == 0) => self.least,
            _ if self.max < self.least => self.max,
            knee => knee.map_or(self.least, |knee| knee.clamp(self.least, self.max)),
        }
    }

    /// Goes down by halves: the device has less than it said, and nobody knows how much.
    fn refused(&mut self, size: usize) {
        (self.max, self.refused) = (size / 2, Some(size));
        self.paces.retain(|pace| pace.batch_size < size);
    }

    fn reason(&self, size: usize) -> String {
        let [least, limit, max] = [self.least, self.limit, self.max].map(grouped);
        let fits = match self.refused {
            Some(refused) => format!("{} is refused", grouped(refused)),
            None if self.max == self.limit => format!("all {limit} fit"),
            None if self.max == 0 => "not even a batch of 1 fits".to_owned(),
            None => format!("{max} is the largest that fits"),
        };
        let why = match (&*self.paces, pace::knee(&self.paces)) {
            _ if self.max < size => format!("the least on this device, although {fits}"),
            _ if self.max < self.least => {
                format!("as {least}, the least on this device, does not fit; {fits}")
            }
            ([first, .., last], Some(knee)) if knee == size => {
                let [first, last] = [first, last].map(|pace| grouped(pace.batch_size));
                format!("the smallest within 5 % of the fastest of {first} to {last}; {fits}")
            }
            _ => format!("the least on this device, no speeds were compared; {fits}"),
        };
        if self.is_streamed { format!("{why}, with the dataset on the host") } else { why }
    }
}

impl fmt::Display for Auto {
    /// What was chosen, why, and how to have it again.
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
    fn known(max: usize, knee: usize, floor: usize) -> Known {
        let known =
            Known { max, recommended: recommended(max.max(1), 0.8), ..Known::of(floor, 20_000, false) };
        let pace = |batch_size| Pace { batch_size, samples_per_second: batch_size.min(knee) as f64 };
        Known { paces: known.sizes().into_iter().map(pace).collect(), ..known }
    }

    #[test]
    fn the_knee_is_taken_between_what_lessons_start_with_and_what_is_recommended() {
        let size = |max, knee, floor| known(max, knee, floor).choose();
        assert_eq!(size(10_000, 256, 16), 256);
        assert_eq!(size(10_000, 4, 16), 16);
        assert_eq!(size(300, 256, 16), 240);
        assert_eq!((size(70, 4, 64), size(16, 256, 16)), (64, 64 / 4), "where the least fits it is taken");
    }

    #[test]
    fn where_the_least_does_not_fit_parts_of_it_are_taken_or_the_largest_that_fits() {
        let size = |max, takes_parts| Known { takes_parts, ..known(max, 256, 16) }.choose();
        assert_eq!([size(13, true), size(13, false)], [16, 13]);
        assert_eq!([size(0, true), size(0, false)], [16, 16]);
        let tiny = Known { max: 10, ..Known::of(64, 10, false) };
        assert_eq!((tiny.choose(), tiny.sizes()), (10, Vec::new()), "of ten samples no 64 are taken");
    }

    #[test]
    fn without_time_to_measure_the_least_is_taken_and_nothing_is_said_of_speed() {
        let hurried = Known { paces: Vec::new(), ..known(10_000, 1, 64) };
        assert_eq!(hurried.choose(), 64);
        let said = "the least on this device, no speeds were compared; 10,000 is the largest that fits";
        assert_eq!(hurried.reason(64), said);
        assert_eq!([floor(Device::Cpu), floor(Device::Accelerator), floor(Device::Cuda(1))], [16, 64, 64]);
    }

    #[test]
    fn what_is_refused_although_it_should_fit_is_taken_no_more() {
        let mut known = known(10_000, 256, 16);
        known.refused(256);
        assert_eq!(known.choose(), 64);
        known.refused(64);
        assert_eq!(
            (known.choose(), &*known.reason(16)),
            (16, "the least on this device, no speeds were compared; 64 is refused")
        );
        known.refused(16);
        assert_eq!(known.choose(), 8);
        assert_eq!(known.reason(8), "as 16, the least on this device, does not fit; 16 is refused");
    }

    #[test]
    fn the_choice_is_told_with_its_reason_and_a_way_to_repeat_it() {
        let said = |known: Known| {
            let batch_size = known.choose();
            Auto { batch_size, reason: known.reason(batch_size) }.to_string()
        };
        let expected = "--batch-size auto: 256, the smallest within 5 % of the fastest of 16 to 8,000; 10,000 is the largest \
                        that fits; name it with --batch-size 256 to repeat this";
        assert_eq!(said(known(10_000, 256, 16)), expected);
        assert!(said(known(20_000, 256, 16)).contains("of 16 to 16,000; all 20,000 fit; "));
        let streamed = Known { is_streamed: true, ..known(0, 256, 16) };
        assert!(
            said(streamed).contains("although not even a batch of 1 fits, with the dataset on the host; ")
        );
    }
}
