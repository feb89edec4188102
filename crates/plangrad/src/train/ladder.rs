//! What a run does if memory runs out: it goes down a ladder, rung by rung, until a real reservation succeeds.
//!
//! Everything is reserved before the first step, so a refusal finds nothing begun. Each rung leads to the same steps: data
//! on the host are the same data, the gradients of a batch's parts add up to that of the batch, and the CPU is a device
//! like any other. Batches of a network with statistics of the batch are not split, as that would be another step.

use clap::ValueEnum;
use plangrad_nn::Task;
use plangrad_tensor::Backend;
use plangrad_tensor::Error as TensorError;

use super::engine::Engine;
use super::event::{Event, Rung};
use super::layout::{Activations, MemoryLayout, Placement, Recomputing, StepConfig};
use super::plans::{largest_that_fits, plan, with_recomputing};
use super::remedy::{Offers, Refused};
use super::source::Data;
use crate::device::open_cpu;
use crate::error::{Error, Result};
use crate::numbers::{counted, grouped_bytes};

/// What to do if memory runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum OnOom {
    /// Keep the dataset on the host, then compute activations again or split batches into parts, then move to the CPU.
    #[value(help = None)]
    Ladder,
    /// End with an error that says what would fit.
    #[value(help = None)]
    Error,
    /// Move to the CPU at once.
    #[value(help = None)]
    Cpu,
}

/// What a run may compute with.
#[derive(Clone)]
#[non_exhaustive]
pub struct Resources {
    /// The device, with its budget.
    pub backend: Backend,
    /// What to do if its memory runs out.
    pub on_oom: OnOom,
    /// Parts in which a batch is processed to begin with; 1 for the whole.
    pub accumulate: usize,
    /// Threads of the CPU, should the run move there; its budget is then what the machine has free.
    pub threads: Option<usize>,
}

impl Resources {
    /// This device alone: whole batches, and an error if they do not fit.
    #[must_use]
    pub fn of(backend: &Backend) -> Resources {
        Resources { backend: backend.clone(), on_oom: OnOom::Error, accumulate: 1, threads: None }
    }

    /// The same with this answer to a lack of memory.
    #[must_use]
    pub fn on_oom(self, on_oom: OnOom) -> Resources {
        Resources { on_oom, ..self }
    }

    /// The same with batches processed in so many parts.
    #[must_use]
    pub fn accumulate(self, parts: usize) -> Resources {
        Resources { accumulate: parts, ..self }
    }

    /// Reserves everything a run needs, on the first rung that succeeds. Returns the rungs taken.
    pub(crate) fn reserve(
        &self,
        step: &StepConfig,
        task: &Task,
        data: &mut Data,
    ) -> Result<(Engine, Vec<Event>)> {
        let mut place = self.first(step, data);
        let mut events = Vec::new();
        loop {
            let free = match Engine::reserve(step, task, data, &place.backend, place.layout) {
                Err(Error::Tensor(TensorError::OutOfMemory { free, .. })) => free,
                other => return Ok((other?, events)),
            };
            let Attempt { backend, layout } = &place;
            let (samples, accumulate) = (data.samples(), self.parts());
            let refused = Refused { step, task, samples, backend, layout: *layout, accumulate, free };
            let Some((rung, next)) = self.next(&refused, data)? else {
                let ladder = self.on_oom != OnOom::Ladder;
                return Err(refused.error(Offers { batch_size: Some("--batch-size"), ladder }));
            };
            note(&mut events, event(&refused, rung, next.layout)?);
            place = next;
        }
    }

    /// Parts of a batch to begin with.
    fn parts(&self) -> usize {
        self.accumulate.max(1)
    }

    /// The layout of a run on this device if memory is plenty.
    fn first(&self, step: &StepConfig, data: &Data) -> Attempt {
        let part = step.whole(data.train.len()).div_ceil(self.parts());
        Attempt { backend: self.backend.clone(), layout: MemoryLayout::new(self.backend.device(), part) }
    }

    /// The next rung; `None` if there is none.
    fn next(&self, refused: &Refused<'_>, data: &Data) -> Result<Option<(Rung, Attempt)>> {
        let (backend, layout) = (refused.backend, refused.layout);
        let here = |layout| Attempt { backend: backend.clone(), layout };
        if self.on_oom == OnOom::Ladder {
            let streamed = MemoryLayout { placement: Placement::Streamed, ..layout };
            if layout.placement == Placement::Resident && refused.bytes(streamed)? < refused.bytes(layout)? {
                return Ok(Some((Rung::DatasetOnHost, here(streamed))));
            }
        }
        if let Some((rung, layout)) = self.smaller(refused)? {
            return Ok(Some((rung, here(layout))));
        }
        if self.on_oom == OnOom::Error || !backend.has_own_memory() {
            return Ok(None);
        }
        let cpu = Resources { backend: open_cpu(self.threads, None)?, ..self.clone() };
        Ok(Some((Rung::Cpu, cpu.first(refused.step, data))))
    }
}

impl Resources {
    /// A smaller step, in the way that costs less arithmetic: with activations that are computed again, or in parts.
    fn smaller(&self, refused: &Refused<'_>) -> Result<Option<(Rung, MemoryLayout)>> {
        let climbs = self.on_oom == OnOom::Ladder;
        // Parts of a batch would have statistics that differ from those of the whole.
        let splits = climbs && !refused.task.model().weights().has_statistics();
        let recomputes = climbs || refused.step.memory.recompute == Recomputing::Auto;
        let in_parts = |layout| splits.then(|| smaller_part(refused, layout)).flatten();
        let parts = in_parts(refused.layout).map(|layout| (Rung::MicroBatches, layout));
        let again = if recomputes { refused.with_recomputing()? } else { None };
        let again = again.map(|layout| (Rung::Recomputation, layout));
        if let (Some(parts), Some(again)) = (parts, again) {
            let costs_less = refused.operations(again.1)? < refused.operations(parts.1)?;
            return Ok(Some(if costs_less { again } else { parts }));
        }
        // In smaller parts, too, once as little as possible is kept.
        let least = MemoryLayout { activations: Activations::Least, ..refused.layout };
        let both = (recomputes && least != refused.layout).then(|| in_parts(least)).flatten();
        Ok(parts.or(again).or(both.map(|_| (Rung::Recomputation, least))))
    }
}

impl Refused<'_> {
    /// The same with as little computed again as it takes to fit, and less memory than was refused.
    fn with_recomputing(&self) -> Result<Option<MemoryLayout>> {
        let Refused { step, task, samples, layout, .. } = *self;
        let room = self.room().min(self.bytes(layout)?.saturating_sub(1));
        with_recomputing(step, task, samples, layout, room)
    }

    /// Arithmetic of a step with a layout.
    fn operations(&self, layout: MemoryLayout) -> Result<u64> {
        let (plans, numbers) = plan(self.step, self.task, self.samples, layout)?;
        Ok(numbers.whole.operations(&plans))
    }
}

/// Adds an event, or lengthens the last one if it is the same rung again: with still more parts.
fn note(events: &mut Vec<Event>, event: Event) {
    if let (Some(Event::Oom { rung: last, bytes_after: reached, .. }), Event::Oom { rung, bytes_after, .. }) =
        (events.last_mut(), &event)
        && *last == *rung
    {
        *reached = *bytes_after;
        return;
    }
    events.push(event);
}

/// A device, and the layout of a run on it.
struct Attempt {
    backend: Backend,
    layout: MemoryLayout,
}

/// The layout with a batch split into as few parts as memory allows, all but the last of one size; `None` if not even one
/// sample fits.
fn smaller_part(refused: &Refused<'_>, layout: MemoryLayout) -> Option<MemoryLayout> {
    let fits = |part| refused.fits(refused.step, MemoryLayout { part, ..layout });
    let part = largest_that_fits(layout.part.saturating_sub(1), fits)?;
    let batch_size = refused.batch_size();
    Some(MemoryLayout { part: batch_size.div_ceil(batch_size.div_ceil(part)), ..layout })
}

fn event(refused: &Refused<'_>, rung: Rung, next: MemoryLayout) -> Result<Event> {
    let (bytes_before, bytes_after) = (refused.bytes(refused.layout)?, refused.bytes(next)?);
    let (device, room, needed) = (refused.backend.device(), refused.room(), grouped_bytes(bytes_before));
    let reason = if bytes_before > room {
        format!("{device} has {} for the run, which needs {needed}", counted(room as usize, "byte"))
    } else {
        format!("the system refuses the {needed} bytes that the run needs on {device}")
    };
    Ok(Event::Oom { rung, reason, bytes_before, bytes_after })
}
