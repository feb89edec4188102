//! What a run does where memory does not suffice: it goes down a ladder, rung by rung, until a real reservation succeeds.
//!
//! Everything is reserved before the first step, so a refusal finds nothing begun. Each rung leads to the same steps: data
//! on the host are the same data, the gradients of a batch's parts add up to that of the batch, and the processor is a
//! device like any other.

use std::sync::Arc;

use clap::ValueEnum;
use plangrad_nn::Task;
use plangrad_tensor::backend::Backend;
use plangrad_tensor::{Device, Error as TensorError};

use super::engine::Engine;
use super::event::{Event, Rung};
use super::layout::{Layout, Placement, Step};
use super::plans::{YET_REFUSED, largest_that_fits};
use super::source::Data;
use crate::device::open_cpu;
use crate::error::{Error, Result};
use crate::numbers::{counted, grouped_bytes};

/// What to do where memory does not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnOom {
    /// Keep the dataset on the host, then take batches in parts, then move to the processor.
    #[value(help = None)]
    Ladder,
    /// End with an error that says what would fit.
    #[value(help = None)]
    Error,
    /// Move to the processor at once.
    #[value(help = None)]
    Cpu,
}

/// What a run may compute with.
#[derive(Clone)]
pub struct Resources {
    /// The device, with its budget.
    pub backend: Arc<dyn Backend>,
    /// Where its memory does not suffice.
    pub on_oom: OnOom,
    /// Parts in which a batch is taken to begin with; 1 for the whole.
    pub accumulate: usize,
    /// Threads of the processor, should the run move there; its budget is what the machine has free.
    pub threads: Option<usize>,
}

impl Resources {
    /// This device alone: batches whole, and an error where they do not fit.
    #[must_use]
    pub fn of(backend: &Arc<dyn Backend>) -> Resources {
        Resources { backend: backend.clone(), on_oom: OnOom::Error, accumulate: 1, threads: None }
    }

    /// Reserves everything a run needs, on the first rung where it is to be had. Returns what was done to get it.
    pub(crate) fn reserve(&self, step: &Step, task: &Task, data: &mut Data) -> Result<(Engine, Vec<Event>)> {
        let mut place = self.first(step, data);
        let mut events = Vec::new();
        loop {
            let refused = match Engine::reserve(step, task, data, &place.backend, place.layout) {
                Err(Error::Tensor(refused @ TensorError::OutOfMemory { .. })) => refused,
                other => return Ok((other?, events)),
            };
            let attempt = Attempt { step, task, data, place: &place, refused };
            let Some((rung, next)) = self.next(&attempt)? else { return Err(attempt.error(self)) };
            events.push(attempt.event(rung, &next)?);
            place = next;
        }
    }

    /// How a run is laid out on this device where memory suffices.
    fn first(&self, step: &Step, data: &Data) -> Place {
        let part = step.whole(data.train.len()).div_ceil(self.accumulate);
        Place { backend: self.backend.clone(), layout: Layout::new(self.backend.device(), part) }
    }

    /// The next rung; `None` where there is none.
    fn next(&self, attempt: &Attempt<'_>) -> Result<Option<(Rung, Place)>> {
        let Place { backend, layout } = attempt.place;
        let here = |layout| Place { backend: backend.clone(), layout };
        let streamed = Layout { placement: Placement::Streamed, ..*layout };
        let is_less =
            layout.placement == Placement::Resident && attempt.bytes(streamed)? < attempt.bytes(*layout)?;
        if self.on_oom == OnOom::Ladder && is_less {
            return Ok(Some((Rung::DatasetOnHost, here(streamed))));
        }
        if let Some(part) = attempt.smaller_part().filter(|_| self.on_oom == OnOom::Ladder) {
            return Ok(Some((Rung::MicroBatches, here(Layout { part, ..*layout }))));
        }
        if self.on_oom == OnOom::Error || backend.device() == Device::Cpu {
            return Ok(None);
        }
        let cpu = Resources { backend: open_cpu(self.threads, None)?, ..self.clone() };
        Ok(Some((Rung::Cpu, cpu.first(attempt.step, attempt.data))))
    }
}

/// A device, and how a run is laid out on it.
struct Place {
    backend: Arc<dyn Backend>,
    layout: Layout,
}

/// A reservation that was refused.
struct Attempt<'a> {
    step: &'a Step,
    task: &'a Task,
    data: &'a Data,
    place: &'a Place,
    refused: TensorError,
}

impl Attempt<'_> {
    fn batch_size(&self) -> usize {
        self.step.whole(self.data.train.len())
    }

    /// Bytes there are for the run, now that nothing of it is reserved.
    fn room(&self) -> u64 {
        match (self.place.backend.memory().free(), &self.refused) {
            (Some(free), _) | (None, &TensorError::OutOfMemory { free, .. }) => free,
            (None, _) => 0,
        }
    }

    /// What a run takes that is laid out like this.
    fn bytes(&self, layout: Layout) -> Result<u64> {
        Ok(layout.planned(self.step, self.task, self.data.samples())?.total())
    }

    /// Whether a run like this would fit here. What cannot be planned does not.
    fn fits(&self, step: &Step, layout: Layout) -> bool {
        layout.planned(step, self.task, self.data.samples()).is_ok_and(|report| report.total() <= self.room())
    }

    /// Samples at a time so that a batch is taken in as few parts as memory allows, all but the last of one size; `None`
    /// where not even one fits.
    fn smaller_part(&self) -> Option<usize> {
        let fits = |part| self.fits(self.step, Layout { part, ..self.place.layout });
        let part = largest_that_fits(self.place.layout.part.saturating_sub(1), fits)?;
        let batch_size = self.batch_size();
        Some(batch_size.div_ceil(batch_size.div_ceil(part)))
    }

    fn event(&self, rung: Rung, next: &Place) -> Result<Event> {
        let (bytes_before, bytes_after) = (self.bytes(self.place.layout)?, self.bytes(next.layout)?);
        let (device, room) = (self.place.backend.device(), self.room());
        let needed = grouped_bytes(bytes_before);
        let reason = if bytes_before > room {
            format!("{device} has {} for the run, which needs {needed}", counted(room as usize, "byte"))
        } else {
            format!("the system refuses the {needed} bytes that the run needs on {device}")
        };
        Ok(Event::Oom { rung, reason, bytes_before, bytes_after })
    }

    /// What to say where there is no way to go on: with the largest batch for which there is enough.
    fn error(self, resources: &Resources) -> Error {
        let (free, remedy, planned) = (self.room(), self.remedy(resources), self.bytes(self.place.layout));
        let total = self.place.backend.memory().budget.unwrap_or(free);
        let what = format!("training on batches of {}", self.batch_size());
        match self.refused {
            TensorError::OutOfMemory { device, requested, report, .. } => {
                let requested = planned.unwrap_or(requested); // all of it, not the one reservation that was refused
                Error::OutOfMemory { device, what, requested, free, total, remedy, report }
            }
            other => other.into(),
        }
    }

    fn remedy(&self, resources: &Resources) -> String {
        let batch_size = self.batch_size();
        let fits = |batch_size: usize| {
            let layout = Layout { part: batch_size.div_ceil(resources.accumulate), ..self.place.layout };
            self.fits(&Step { batch_size, ..*self.step }, layout)
        };
        let largest = largest_that_fits(batch_size, fits);
        let is_ladder = resources.on_oom == OnOom::Ladder;
        let is_resident = self.place.layout.placement == Placement::Resident;
        let raise = "or raise --memory-budget";
        if fits(batch_size) {
            YET_REFUSED.to_owned()
        } else if let Some(largest) = largest {
            let parts = if is_ladder { "" } else { " --on-oom ladder to take batches in parts," };
            format!("take --batch-size {largest}, the largest that fits,{parts} {raise}")
        } else if is_resident && !is_ladder {
            format!("take --on-oom ladder, which keeps the dataset on the host, {raise}")
        } else if self.step.eval_batch_size.is_some_and(|n| n > 1) {
            format!("no batch fits; take a smaller --eval-batch-size or network, {raise}")
        } else {
            format!("not even a batch of 1 fits; take a smaller network, {raise}")
        }
    }
}
