//! What a sweep measures for a batch size on a device.

use plangrad_tensor::Device;
use serde::Serialize;

use crate::device::device_name;

/// The largest share of the equal time that a run may take and still be compared: it ends with a step, which is late if
/// steps are long.
const AS_LONG: f64 = 1.1;

/// A batch size on a device. Serialises to the JSON documented in `docs/json.md`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// The device.
    #[serde(serialize_with = "device_name")]
    pub device: Device,
    /// Samples per step as asked for; if the dataset has fewer, a step takes those.
    pub batch_size: usize,
    /// Passes over the training part.
    pub epochs: u64,
    /// Bytes planned.
    pub planned_bytes: u64,
    /// Bytes taken, according to the device's ledger.
    pub measured_bytes: Option<u64>,
    /// Time of training alone, without the test.
    pub seconds_per_epoch: Option<f64>,
    /// Training samples per second.
    pub samples_per_second: Option<f64>,
    /// Time of one step.
    pub milliseconds_per_step: Option<f64>,
    /// Test loss after the epochs.
    pub loss_after_epochs: Option<f64>,
    /// Test accuracy after the epochs; none for a regression, or if training has diverged.
    pub accuracy_after_epochs: Option<f64>,
    /// The standard deviation of a step's loss around its slow trend.
    pub step_loss_deviation: Option<f64>,
    /// Seconds of training in the second run.
    pub equal_seconds: Option<f64>,
    /// Seconds it really took: those, and the rest of the last step.
    pub seconds_in_equal_time: Option<f64>,
    /// Samples trained on in them.
    pub samples_in_equal_time: Option<u64>,
    /// Steps taken in them.
    pub steps_in_equal_time: Option<u64>,
    /// Test loss after them.
    pub loss_after_equal_time: Option<f64>,
    /// Test accuracy after them; none as above.
    pub accuracy_after_equal_time: Option<f64>,
    /// Why there are no figures, if there are none.
    pub out_of_memory: Option<Shortage>,
}

/// Memory that was not available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shortage {
    /// Bytes needed.
    pub needed_bytes: u64,
    /// Bytes that were free.
    pub free_bytes: u64,
}

impl Row {
    /// What is known before anything is measured.
    pub(super) fn empty(device: Device, batch_size: usize, epochs: u64, planned_bytes: u64) -> Row {
        Row {
            device,
            batch_size,
            epochs,
            planned_bytes,
            measured_bytes: None,
            seconds_per_epoch: None,
            samples_per_second: None,
            milliseconds_per_step: None,
            loss_after_epochs: None,
            accuracy_after_epochs: None,
            step_loss_deviation: None,
            equal_seconds: None,
            seconds_in_equal_time: None,
            samples_in_equal_time: None,
            steps_in_equal_time: None,
            loss_after_equal_time: None,
            accuracy_after_equal_time: None,
            out_of_memory: None,
        }
    }

    /// Seconds of the run for equal time, if they are too many for a comparison with others.
    pub(crate) fn overtime(&self) -> Option<f64> {
        let equal = self.equal_seconds?;
        self.seconds_in_equal_time.filter(|&seconds| seconds > AS_LONG * equal)
    }

    /// Time of its epochs.
    pub(super) fn seconds(&self) -> Option<f64> {
        Some(self.seconds_per_epoch? * self.epochs as f64)
    }
}
