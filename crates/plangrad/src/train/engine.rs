//! A task, its data and the memory in which both are trained: takes steps and tests, and knows nothing of epochs, files
//! or progress.

use std::sync::Arc;

use plangrad_nn::Task;
use plangrad_tensor::backend::Backend;
use plangrad_tensor::{MemoryReport, Metrics, Plan, Session, Source};

use super::plans::{PlanNumbers, Samples, Step, Training, plan};
use crate::Result;

/// What is learnt from and what is tested on.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) train: Source,
    pub(crate) test: Source,
}

/// Where a device finds the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// In host memory, which it reads in place.
    InPlace,
    /// In its own memory, copied there once.
    Resident,
    /// In host memory, from where each batch is brought to it.
    Streamed,
}

/// How a run is laid out in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) placement: Placement,
    /// Samples of a batch taken at a time.
    pub(crate) part: usize,
}

/// Plans in memory, ready to run.
pub(crate) struct Engine {
    pub(crate) session: Session,
    plans: PlanNumbers,
    planned: MemoryReport,
    batch_size: usize,
    part: usize,
    test_order: Vec<u32>,
}

impl Data {
    /// How many samples there are.
    pub(crate) fn samples(&self) -> Samples {
        Samples { train: self.train.len(), test: self.test.len() }
    }

    fn both(&mut self) -> [&mut Source; 2] {
        [&mut self.train, &mut self.test]
    }
}

impl Layout {
    /// The best a device can do with batches taken `part` samples at a time: its data as near as can be.
    pub(crate) fn new(has_own_memory: bool, part: usize) -> Layout {
        Layout { placement: if has_own_memory { Placement::Resident } else { Placement::InPlace }, part }
    }

    /// Every byte a run takes that is laid out like this: session, and dataset where it is resident.
    pub(crate) fn planned(&self, step: &Step, task: &Task, samples: Samples) -> Result<MemoryReport> {
        Ok(self.report(&plan(step, task, samples, *self)?.0, task, samples))
    }

    /// The same for plans that are made already.
    pub(crate) fn report(&self, plans: &[Plan], task: &Task, samples: Samples) -> MemoryReport {
        let resident = |len| Source::resident_report_of(&task.samples, task.targets(), len);
        match self.placement {
            Placement::InPlace => Plan::report_together(plans),
            Placement::Streamed => Session::streaming_report(plans),
            Placement::Resident => {
                Plan::report_together(plans).plus(&resident(samples.train)).plus(&resident(samples.test))
            }
        }
    }
}

impl Engine {
    /// Reserves everything the steps and tests of a run need. Parameters are zero: set them next.
    ///
    /// # Errors
    /// If sizes overflow, or memory runs out; nothing is reserved then.
    pub(crate) fn reserve(
        step: &Step,
        task: &Task,
        data: &mut Data,
        backend: &Arc<dyn Backend>,
        layout: Layout,
    ) -> Result<Engine> {
        data.both().into_iter().for_each(Source::evict);
        let (all, plans) = plan(step, task, data.samples(), layout)?;
        let planned = layout.report(&all, task, data.samples());
        let session = match layout.placement {
            Placement::InPlace => Session::new(backend, all),
            Placement::Streamed => Session::streaming(backend, all),
            Placement::Resident => {
                let uploaded = data.both().into_iter().try_for_each(|source| source.upload(backend));
                uploaded.and_then(|()| Session::new(backend, all))
            }
        };
        if session.is_err() {
            data.both().into_iter().for_each(Source::evict);
        }
        let test_order = (0..data.test.len() as u32).collect();
        let batch_size = step.batch_size.min(data.train.len());
        Ok(Engine { session: session?, plans, planned, batch_size, part: layout.part, test_order })
    }

    /// Every byte planned: session, and dataset where it is resident.
    pub(crate) fn planned(&self) -> MemoryReport {
        self.planned
    }

    /// Every byte taken, as the device's ledger has it.
    pub(crate) fn measured_bytes(&self) -> u64 {
        self.session.backend().memory().reserved
    }

    /// Samples of a batch taken at a time, where not all are.
    pub(crate) fn micro_batch_size(&self) -> Option<usize> {
        Some(self.part).filter(|&part| part < self.batch_size)
    }

    /// Takes steps on `rows`: whole batches, or the smaller one that ends an epoch.
    ///
    /// # Errors
    /// If the rows are neither, or do not exist.
    pub(crate) fn steps(&mut self, data: &Data, rows: &[u32]) -> Result<()> {
        let whole = &self.plans.whole;
        let training =
            if rows.len() < self.batch_size { self.plans.rest.as_ref().unwrap_or(whole) } else { whole };
        match training {
            Training::Whole(plan) => self.session.run(*plan, &data.train.batches(rows)?)?,
            Training::Parts(parts) => {
                for rows in rows.chunks(parts.batch_size()) {
                    parts.step(&mut self.session, &data.train, rows)?;
                }
            }
        }
        Ok(())
    }

    /// Judges the model by all test samples in their own order; `None` without any. The session's metrics are as before
    /// afterwards.
    ///
    /// # Errors
    /// Never for data that [`Engine::reserve`] has seen.
    pub(crate) fn test(&mut self, data: &Data) -> Result<Option<Metrics>> {
        let Some((whole, rest)) = self.plans.test else { return Ok(None) };
        let before = self.session.metrics();
        self.session.set_metrics(Metrics::default());
        let batch_size = self.session.plans()[whole].batch_size().max(1);
        let whole_batches = self.test_order.len() / batch_size * batch_size;
        let (batches, left_over) = self.test_order.split_at(whole_batches);
        let runs = [(Some(whole), batches), (rest, left_over)];
        let judged = runs.into_iter().filter_map(|(plan, rows)| Some((plan?, rows))).try_for_each(
            |(plan, rows)| -> Result<()> { Ok(self.session.run(plan, &data.test.batches(rows)?)?) },
        );
        let metrics = self.session.metrics();
        self.session.set_metrics(before);
        judged.map(|()| Some(metrics))
    }
}
