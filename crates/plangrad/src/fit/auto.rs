//! A batch size for those who name none: no larger than what makes training faster, and no smaller than what lessons start
//! with.

use std::fmt;
use std::sync::Arc;

use plangrad_tensor::Device;
use plangrad_tensor::backend::Backend;

use super::{Fit, Options, StoppedBy, fit};
use crate::output::grouped;
use crate::train::Subject;
use crate::{Error, Result};

/// A batch size, and why it is this one.
#[derive(Clone, Debug, PartialEq)]
pub struct Auto {
    /// Samples per step.
    pub batch_size: usize,
    reason: String,
}

/// Finds the largest batch that fits and the knee of the speed, and takes the smaller of what is recommended and the knee, but
/// not less than the lessons' default for the device, should less be recommended or not. Where not even that fits it is taken
/// all the same: there are ways to take a batch in parts.
///
/// # Errors
/// Whatever [`fit`] says, but for too little memory.
pub fn auto(subject: &mut Subject, backend: &Arc<dyn Backend>, options: &Options) -> Result<Auto> {
    let floor = floor(backend.device());
    match fit(subject, backend, options, &mut |_| Ok(())) {
        Ok(fit) => Ok(choose(&fit, floor)),
        Err(Error::OutOfMemory { .. }) => Ok(too_little(floor, 0)),
        Err(error) => Err(error),
    }
}

/// The lessons' defaults: 64 on a GPU, 16 on a CPU.
fn floor(device: Device) -> usize {
    if device == Device::Cpu { 16 } else { 64 }
}

fn choose(fit: &Fit, floor: usize) -> Auto {
    let Fit { max_batch_size: max, recommended_batch_size: recommended, stopped_by, .. } = *fit;
    let is_memory_short = matches!(stopped_by, StoppedBy::Budget | StoppedBy::DeviceMemory);
    if max < floor && is_memory_short {
        return too_little(floor, max);
    }
    let knee = fit.knee();
    let wanted = knee.map_or(floor, |knee| knee.max(floor));
    let batch_size = wanted.min(recommended);
    let fits = format!("{} is the largest that fits", grouped(max));
    let reason = if batch_size < wanted {
        format!("all that is recommended; {fits}")
    } else if knee == Some(batch_size) {
        format!("the smallest within 5 % of the fastest; {fits}")
    } else {
        format!("the least on this device, as larger ones are hardly faster; {fits}")
    };
    Auto { batch_size, reason }
}

fn too_little(floor: usize, max: usize) -> Auto {
    let largest = if max == 0 {
        "not even a batch of 1 fits".to_owned()
    } else {
        format!("{max} is the largest that fits")
    };
    Auto { batch_size: floor, reason: format!("the least on this device, although {largest}") }
}

impl fmt::Display for Auto {
    /// What was chosen, why, and how to have it again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Auto { batch_size, reason } = self;
        write!(f, "--batch-size auto: {batch_size}, {reason}; --batch-size {batch_size} has it again")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Pace;
    use super::*;

    /// A device on which sizes up to `max` fit, with the knee at this one.
    fn found(max: usize, knee: usize, stopped_by: StoppedBy) -> Fit {
        let pace = |batch_size, samples_per_second| Pace { batch_size, samples_per_second };
        Fit {
            max_batch_size: max,
            recommended_batch_size: (max * 4 / 5).max(1),
            stopped_by,
            budget_bytes: None,
            total_bytes: 0,
            measured_bytes: 0,
            next_total_bytes: None,
            eval_batch_size: None,
            trials: Vec::new(),
            throughput: vec![pace(1, 1.0), pace(knee, 100.0), pace(knee + 1, 101.0)],
        }
    }

    #[test]
    fn the_knee_is_taken_between_what_lessons_start_with_and_what_is_recommended() {
        let size = |max, knee, floor| choose(&found(max, knee, StoppedBy::Budget), floor).batch_size;
        assert_eq!(size(10_000, 256, 16), 256);
        assert_eq!(size(10_000, 4, 16), 16);
        assert_eq!(size(300, 256, 16), 240);
        assert_eq!(size(70, 4, 64), 56);
        assert_eq!(size(63, 4, 64), 64, "parts of it fit");
        let tiny = choose(&found(10, 4, StoppedBy::DatasetSize), 64);
        assert_eq!(tiny.batch_size, 8, "of ten samples no 64 are taken");
    }

    #[test]
    fn without_time_to_measure_the_least_is_taken() {
        let fit = Fit { throughput: Vec::new(), ..found(10_000, 1, StoppedBy::Time) };
        assert_eq!(choose(&fit, 64).batch_size, 64);
        assert_eq!([floor(Device::Cpu), floor(Device::Accelerator), floor(Device::Cuda(1))], [16, 64, 64]);
    }

    #[test]
    fn the_choice_is_told_with_its_reason_and_a_way_to_repeat_it() {
        let said = choose(&found(10_000, 256, StoppedBy::Budget), 16).to_string();
        let expected = "--batch-size auto: 256, the smallest within 5 % of the fastest; 10,000 is the largest that fits; \
                        --batch-size 256 has it again";
        assert_eq!(said, expected);
        assert!(too_little(16, 0).to_string().contains("although not even a batch of 1 fits"));
    }
}
