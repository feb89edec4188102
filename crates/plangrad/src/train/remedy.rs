//! What to say if memory for a run was refused: what it needs, what there is, and which options would help.

use plangrad_nn::Task;
use plangrad_tensor::Backend;

use super::layout::{MemoryLayout, Placement, SampleCounts, StepConfig};
use super::plans::largest_that_fits;
use crate::error::{Error, Result};

/// What to do if memory that should be enough is refused.
pub(crate) const YET_REFUSED: &str =
    "but the system grants less; take a smaller batch or network, or lift its limit on this process";

/// The options of a command that make a run smaller.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offers {
    /// The option that takes a smaller batch, up to its value: `--batch-size`. None for a command that looks for the size.
    pub(crate) batch_size: Option<&'static str>,
    /// Whether there is `--on-oom ladder`, and it is off.
    pub(crate) ladder: bool,
}

/// A run that was refused memory on a device, when nothing of it is reserved any more.
pub(crate) struct Refused<'a> {
    pub(crate) step: &'a StepConfig,
    pub(crate) task: &'a Task,
    pub(crate) samples: SampleCounts,
    pub(crate) backend: &'a Backend,
    pub(crate) layout: MemoryLayout,
    /// Parts in which a batch was to be processed.
    pub(crate) accumulate: usize,
    /// Bytes that the system had free, for a device without a budget.
    pub(crate) free: u64,
}

impl Refused<'_> {
    pub(super) fn batch_size(&self) -> usize {
        self.step.whole(self.samples.train)
    }

    /// Bytes that are free for the run.
    pub(super) fn room(&self) -> u64 {
        self.backend.memory().free().unwrap_or(self.free)
    }

    /// Bytes of the run with this layout.
    pub(super) fn bytes(&self, layout: MemoryLayout) -> Result<u64> {
        Ok(layout.planned(self.step, self.task, self.samples)?.total())
    }

    /// Whether such a run fits. What cannot be planned does not.
    pub(super) fn fits(&self, step: &StepConfig, layout: MemoryLayout) -> bool {
        layout.planned(step, self.task, self.samples).is_ok_and(|report| report.total() <= self.room())
    }

    /// [`Error::OutOfMemory`] with what would fit, in the options of the command.
    pub(crate) fn error(&self, offers: Offers) -> Error {
        let report = match self.layout.planned(self.step, self.task, self.samples) {
            Ok(report) => Box::new(report),
            Err(error) => return error,
        };
        let free = self.room();
        Error::OutOfMemory {
            device: self.backend.device(),
            what: format!("training on batches of {}", self.batch_size()),
            requested: report.total(),
            free,
            total: self.backend.memory().budget.unwrap_or(free),
            remedy: self.remedy(offers),
            report,
        }
    }

    fn remedy(&self, offers: Offers) -> String {
        let batch_size = self.batch_size();
        let fits = |batch_size: usize| {
            let layout = MemoryLayout { part: batch_size.div_ceil(self.accumulate), ..self.layout };
            self.fits(&StepConfig { batch_size, ..*self.step }, layout)
        };
        let is_resident = self.layout.placement == Placement::Resident;
        let take = match (largest_that_fits(batch_size, fits), offers.batch_size) {
            (Some(largest), _) if largest == batch_size => return YET_REFUSED.to_owned(),
            (Some(largest), Some(option)) => {
                let ladder = if offers.ladder { " --on-oom ladder to split batches into parts," } else { "" };
                format!("take {option} {largest}, the largest that fits,{ladder}")
            }
            _ if is_resident && offers.ladder => {
                "take --on-oom ladder, which keeps the dataset on the host,".to_owned()
            }
            _ if self.step.eval_batch_size.is_some_and(|n| n > 1) => {
                "no batch fits; take a smaller --eval-batch-size or network,".to_owned()
            }
            _ if is_resident => {
                "not even a batch of 1 fits beside the dataset; take a smaller network or dataset,".to_owned()
            }
            _ => "not even a batch of 1 fits; take a smaller network,".to_owned(),
        };
        format!("{take} or raise --memory-budget")
    }
}
