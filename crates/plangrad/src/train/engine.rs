//! A task, its data and its memory: takes steps and tests, and knows nothing about epochs, files or progress.

use std::ops::Range;
use std::time::Instant;

use plangrad_data::Split;
use plangrad_nn::Task;
use plangrad_tensor::Backend;
use plangrad_tensor::{MemoryReport, Metrics, Session, Source};

use super::layout::{MemoryLayout, Placement, StepConfig};
use super::plans::{Evaluating, PlanNumbers, Training, plan};
use super::source::Data;
use crate::clock;
use crate::error::Result;

/// Lower bound of a measured time, so that speeds are finite; below the resolution of any clock.
const LEAST_SECONDS: f64 = 1e-9;

/// Plans in memory, ready to run.
pub(crate) struct Engine {
    pub(crate) session: Session,
    plans: PlanNumbers,
    planned: MemoryReport,
    batch_size: usize,
    part: usize,
    /// The samples of the validation part and of the test part, in their own order.
    in_order: Vec<u32>,
    /// In the last stretch; none before the first.
    steps_per_second: Option<f64>,
}

/// Steps taken without a look at the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) steps: u64,
    pub(crate) samples: usize,
    /// The time they took; above 0.
    pub(crate) seconds: f64,
}

impl Stretch {
    /// Refuses to measure by a clock that did not move in this time.
    ///
    /// # Errors
    /// If it stands still.
    pub(crate) fn check_clock(&self) -> Result<()> {
        if self.seconds > LEAST_SECONDS { Ok(()) } else { clock::check() }
    }
}

impl Engine {
    /// Reserves everything the steps and tests of a run need. Parameters are zero until they are [set](Engine::start).
    ///
    /// # Errors
    /// If sizes overflow, or memory runs out; nothing is reserved then.
    pub(crate) fn reserve(
        step: &StepConfig,
        task: &Task,
        data: &mut Data,
        backend: &Backend,
        layout: MemoryLayout,
    ) -> Result<Engine> {
        data.evict();
        let (all, plans) = plan(step, task, data.samples(), layout)?;
        let planned = layout.report(&all, task, data.samples());
        let in_order = (0..data.validation.len().max(data.test.len()) as u32).collect();
        let batch_size = step.whole(data.train.len());
        let session = match layout.placement {
            Placement::InPlace => Session::new(backend, all),
            Placement::Streamed => Session::streaming(backend, all),
            Placement::Resident => {
                let Data { train, validation, test, .. } = data;
                let uploaded = train.upload_for(backend, batch_size);
                let has_validation = !validation.is_empty();
                let uploaded =
                    uploaded.and_then(|()| if has_validation { validation.upload(backend) } else { Ok(()) });
                uploaded.and_then(|()| test.upload(backend)).and_then(|()| Session::new(backend, all))
            }
        };
        if session.is_err() {
            data.evict();
        }
        Ok(Engine {
            session: session?,
            plans,
            planned,
            batch_size,
            part: layout.part,
            in_order,
            steps_per_second: None,
        })
    }

    /// Every byte planned: session, and dataset where it is resident.
    pub(crate) fn planned(&self) -> MemoryReport {
        self.planned
    }

    /// Samples of a full batch.
    pub(crate) fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Every byte taken, according to the device's ledger.
    pub(crate) fn measured_bytes(&self) -> u64 {
        self.session.backend().memory().reserved
    }

    /// Samples per part, if batches are split into parts.
    pub(crate) fn micro_batch_size(&self) -> Option<usize> {
        Some(self.part).filter(|&part| part < self.batch_size)
    }

    /// Sets the weights and the step block to those that a run with this seed begins with.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn start(&mut self, task: &Task, seed: u64) -> Result<()> {
        task.initialise(&mut self.session, seed)?;
        Ok(self.session.set_step(0, seed)?)
    }

    /// Takes steps from the start of `rows` until the next look at the clock, and waits for the device: whole batches for
    /// about `seconds`, at least one and at most `most`; or the smaller batch that ends an epoch. The first stretch is a
    /// single step, which tells how long one takes.
    ///
    /// # Errors
    /// If the rows do not exist; if the device fails.
    pub(crate) fn stretch(&mut self, data: &Data, rows: &[u32], most: u64, seconds: f64) -> Result<Stretch> {
        let in_time = self.steps_per_second.map_or(1, |speed| (speed * seconds) as u64);
        let (steps, samples) = match (rows.len() / self.batch_size) as u64 {
            0 => (1, rows.len()),
            whole => {
                let steps = in_time.min(most).min(whole).max(1);
                (steps, steps as usize * self.batch_size)
            }
        };
        let started = Instant::now();
        self.steps(data, &rows[..samples])?;
        self.session.wait()?;
        let seconds = started.elapsed().as_secs_f64().max(LEAST_SECONDS);
        self.steps_per_second = Some(steps as f64 / seconds);
        Ok(Stretch { steps, samples, seconds })
    }

    /// Takes steps on `rows`: whole batches, or the smaller one that ends an epoch.
    fn steps(&mut self, data: &Data, rows: &[u32]) -> Result<()> {
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

    /// Evaluates one whole batch of test samples without effect on the metrics. Returns its size; `None` without samples.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn test_one_batch(&mut self, data: &Data) -> Result<Option<usize>> {
        let Some(Evaluating { whole, .. }) = self.plans.test else { return Ok(None) };
        let batch_size = self.session.plans()[whole].batch_size();
        self.evaluate_ranges(&data.test, [(whole, 0..batch_size)])?;
        Ok(Some(batch_size))
    }

    /// Evaluates the model on all samples of the validation or the test part in their own order, with losses in
    /// units of the file; `None` without any. Leaves the session's metrics as they were.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn evaluate(&mut self, data: &Data, split: Split) -> Result<Option<Metrics>> {
        let Some(Evaluating { whole, rest }) = self.plans.evaluating(split) else { return Ok(None) };
        let (source, batch_size) = (data.of(split), self.session.plans()[whole].batch_size().max(1));
        let in_whole_batches = source.len() / batch_size * batch_size;
        let rest = rest.map(|rest| (rest, in_whole_batches..source.len()));
        let metrics = self.evaluate_ranges(source, [(whole, 0..in_whole_batches)].into_iter().chain(rest))?;
        Ok(Some(data.in_units_of_the_file(metrics)))
    }

    /// Evaluates ranges of samples, each by its plan. Leaves the session's metrics as they were.
    fn evaluate_ranges(
        &mut self,
        source: &Source,
        ranges: impl IntoIterator<Item = (usize, Range<usize>)>,
    ) -> Result<Metrics> {
        let before = self.session.metrics()?;
        self.session.set_metrics(Metrics::default())?;
        let evaluated = ranges.into_iter().try_for_each(|(plan, range)| -> Result<()> {
            Ok(self.session.run(plan, &source.batches(&self.in_order[range])?)?)
        });
        let metrics = evaluated.and_then(|()| Ok(self.session.metrics()?));
        self.session.set_metrics(before)?;
        metrics
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plangrad_data::TargetScale;
    use plangrad_nn::{Activation, Loss, Mlp, MlpConfig};
    use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
    use plangrad_tensor::{
        Category, DType, Optimizer, Recompute, SampleFormat, Samples as Values, Schedule, Shape, Targets,
    };
    use proptest::prelude::*;

    use super::super::layout::{Activations, Recomputing, StepMemory};
    use super::*;
    use crate::device::Precision;

    const INPUTS: usize = 24;

    fn task(hidden: Vec<usize>, activation: Activation, dropout: f32, loss: Loss) -> Task {
        let outputs = if loss == Loss::Mse { 1 } else { 5 };
        let config =
            MlpConfig::new(&[INPUTS], outputs).hidden(&hidden).activation(activation).dropout(dropout);
        let shape = Shape::new(&[INPUTS]).unwrap();
        let samples = SampleFormat::new(shape, DType::U8).normalized([0.01], [-0.5]);
        Task::new(Arc::new(Mlp::new(&config).unwrap()), samples, loss).unwrap()
    }

    fn source(len: usize, loss: Loss) -> Source {
        let targets = match loss {
            Loss::CrossEntropy => Targets::Classes((0..len).map(|i| (i % 5) as u8).collect()),
            _ => Targets::Values { values: (0..len).map(|i| i as f32 / 9.0).collect(), width: 1 },
        };
        let pixels = (0..len * INPUTS).map(|i| (i * i % 251) as u8).collect();
        Source::new(Values::U8(pixels), targets, INPUTS).unwrap()
    }

    fn optimizers() -> impl Strategy<Value = Optimizer> {
        let sgd = |momentum| Optimizer::Sgd { momentum, weight_decay: 0.0 };
        prop::sample::select(vec![sgd(0.0), sgd(0.9), Optimizer::adam(), Optimizer::adamw()])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// Layer list, batch and tail, optimizer, activation, dropout, loss, parts, evaluation and place of the data.
        #[test]
        fn what_is_planned_is_what_the_ledger_holds_before_and_after_training(
            hidden in prop::collection::vec(1usize..90, 0..4),
            (activation, dropout) in (prop::sample::select(Activation::ALL.to_vec()), prop::sample::select(vec![0.0, 0.3])),
            loss in prop::sample::select(vec![Loss::CrossEntropy, Loss::Mse]),
            optimizer in optimizers(),
            (train, validation, test) in (1usize..60, 0usize..20, 0usize..40),
            (batch_size, part) in (1usize..70, 1usize..70),
            eval_batch_size in prop::option::of(1usize..50),
            placement in prop::sample::select(vec![Placement::InPlace, Placement::Resident, Placement::Streamed]),
        ) {
            let task = task(hidden, activation, dropout, loss);
            let learning_rate = Schedule::Constant { learning_rate: 0.01 }.into();
            let (repeats, recompute) = (false, [Recomputing::None, Recomputing::All][batch_size % 5 / 4]);
            let precision = [Precision::F32, Precision::Bf16][batch_size % 7 / 5];
            let memory = StepMemory { keep_gradients: batch_size % 2 == 0, keep_inputs: batch_size % 3 == 0, recompute, precision };
            let step = StepConfig { optimizer, learning_rate, batch_size, eval_batch_size, repeats, memory };
            let [of_train, of_validation, of_test] = [train, validation, test].map(|len| source(len, loss));
            let target_scale = TargetScale::IDENTITY;
            let mut data = Data { train: of_train, validation: of_validation, test: of_test, target_scale };
            let activations = Activations::Chosen(Recompute::Elementwise);
            let layout = MemoryLayout { placement, part, consumes_gradients: true, reads_in_place: true, activations };
            let planned = layout.planned(&step, &task, data.samples()).unwrap();
            prop_assert_eq!(planned.get(Category::Parameters), 4 * task.model().weights().trained_elements() as u64);
            prop_assert_eq!(planned.get(Category::Dataset) > 0, placement == Placement::Resident);

            let open = |budget| {
                let accelerator = placement != Placement::InPlace;
                Cpu::open(CpuOptions::default().threads(1).budget(budget).accelerator(accelerator))
            };
            let short = open(planned.total() - 1).unwrap();
            prop_assert!(Engine::reserve(&step, &task, &mut data, &short, layout).is_err());
            prop_assert_eq!(short.memory().reserved, 0);

            let backend = open(planned.total()).unwrap();
            let mut engine = Engine::reserve(&step, &task, &mut data, &backend, layout).unwrap();
            prop_assert_eq!((engine.planned(), engine.measured_bytes()), (planned, planned.total()));
            let rows: Vec<u32> = (0..train as u32).collect();
            for rows in rows.chunks(batch_size) {
                engine.steps(&data, rows).unwrap();
            }
            for (split, samples) in [(Split::Validation, validation), (Split::Test, test)] {
                let evaluated = engine.evaluate(&data, split).unwrap();
                prop_assert_eq!(evaluated.map_or(0, |metrics| metrics.samples), samples as u64);
            }
            prop_assert_eq!(engine.session.metrics().unwrap().samples, train as u64);
            prop_assert_eq!((engine.measured_bytes(), backend.memory().peak), (planned.total(), planned.total()));
            drop((engine, data));
            prop_assert_eq!(backend.memory().reserved, 0);
        }
    }
}
