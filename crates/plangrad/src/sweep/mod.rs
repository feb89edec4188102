//! The effect of the batch size on time, memory and learning: the same training with each size, measured.
//!
//! Every size starts from the same weights, sees the same samples in the same order and takes steps of the same learning
//! rate. It is trained twice: for equal epochs, which is what `train` does, and for equal time, which is what a user has.
//! Sizes that do not fit are reported; nothing is done to make them fit, or times would not compare.
//!
//! Absent on purpose: a learning rate that grows with the batch. That is another subject, and would hide this one.

mod curves;
mod plots;
mod row;
mod timed;

use plangrad_nn::Loss;
use plangrad_tensor::Backend;
use plangrad_tensor::{Device, Error as TensorError, MemoryReport, Metrics, Schedule};

pub use curves::{Times, curves_svg};
pub(crate) use plots::{draw, seconds};
pub use row::{Row, Shortage};
pub use timed::Recipe;

use crate::clock;
use crate::error::{Error, Result};
use crate::train::plans::as_small_as_needed;
use crate::train::{Engine, MemoryLayout, Offers, Recomputing, Refused, StepConfig, Stop, Subject};
use timed::TimedRun;

/// The most steps whose losses are compared to see how much they vary.
const MOST_STEPS_COMPARED: usize = 256;

/// A comparison of batch sizes.
pub struct Sweep {
    /// What all sizes share.
    pub recipe: Recipe,
    /// Samples per step, in the order of the rows.
    pub batch_sizes: Vec<usize>,
    subject: Subject,
}

/// The progress of a sweep.
#[derive(Clone, Copy, Debug)]
pub struct SweepProgress {
    /// The device.
    pub device: Device,
    /// The size.
    pub batch_size: usize,
    /// Runs that are done, of two per row.
    pub runs_done: usize,
    /// The number of runs.
    pub runs: usize,
    /// Share of the current run that is done.
    pub share: f64,
    /// Which of the two runs of a size it is.
    pub race: Race,
}

/// What is equal for all batch sizes in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Race {
    /// The number of epochs.
    EqualEpochs,
    /// The time.
    EqualTime,
}

/// Receives the progress and the rows of a sweep.
pub trait Watcher {
    /// Called after every few steps.
    fn progress(&mut self, progress: &SweepProgress);

    /// The run for equal epochs is done: what it measured is in the row.
    fn measured(&mut self, _row: &Row) {}

    /// A row is complete, or as complete as it will be if the sweep is stopped.
    ///
    /// # Errors
    /// If the row cannot be written.
    fn row(&mut self, row: &Row) -> Result<()>;
}

impl Sweep {
    /// A sweep over these sizes.
    #[must_use]
    pub fn new(recipe: Recipe, batch_sizes: Vec<usize>, subject: Subject) -> Sweep {
        Sweep { recipe, batch_sizes, subject }
    }

    /// The task and its data.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Measures every size on every device: first all of them for equal epochs, then for equal time.
    ///
    /// # Errors
    /// [`Error::Stopped`] if asked to stop; if sizes overflow, a device fails, or `watcher` does. The rows so far are reported
    /// and returned in any case. Too little memory is not an error but a [`Shortage`] in the row.
    pub fn run(
        &mut self,
        devices: &[Backend],
        watcher: &mut dyn Watcher,
        stop: &Stop,
    ) -> (Vec<Row>, Result<()>) {
        let sizes = self.batch_sizes.clone();
        let all = devices.iter().flat_map(|device| sizes.iter().map(move |&size| (device, size)));
        let all: Vec<_> = all.collect();
        let mut rows = Vec::with_capacity(all.len());
        let mut report = ProgressReport {
            watcher,
            stop,
            runs: 2 * all.len(),
            runs_done: 0,
            rows_reported: 0,
            race: Race::EqualEpochs,
        };
        let ended = clock::check().and_then(|()| self.measure(&all, &mut rows, &mut report));
        let unreported = rows[report.rows_reported..].iter().try_for_each(|row| report.watcher.row(row));
        (rows, ended.and(unreported))
    }

    /// Refuses rows of which none was measured because no size fits on any device: with what the smallest one needs.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn check_measured(&self, devices: &[Backend], rows: &[Row]) -> Result<()> {
        if rows.iter().any(|row| row.measured_bytes.is_some()) {
            return Ok(());
        }
        let of_devices = devices.iter().zip(rows.chunks(self.batch_sizes.len().max(1)));
        let all = of_devices.flat_map(|(device, rows)| rows.iter().map(move |row| (device, row)));
        let short = all.filter_map(|(device, row)| Some((device, row.batch_size, row.out_of_memory?)));
        match short.min_by_key(|(.., shortage)| shortage.needed_bytes) {
            Some((device, size, shortage)) => Err(self.out_of_memory(size, device, shortage)),
            None => Ok(()),
        }
    }

    fn out_of_memory(&self, batch_size: usize, backend: &Backend, shortage: Shortage) -> Error {
        let (step, layout) = (self.step(batch_size), self.layout(backend, batch_size));
        let Subject { task, data, .. } = &self.subject;
        let (samples, free) = (data.samples(), shortage.free_bytes);
        Refused { step: &step, task, samples, backend, layout, accumulate: 1, free }
            .error(Offers { batch_size: Some("--batch-sizes up to"), ladder: false })
    }

    fn measure(
        &mut self,
        all: &[(&Backend, usize)],
        rows: &mut Vec<Row>,
        report: &mut ProgressReport<'_>,
    ) -> Result<()> {
        for &(device, batch_size) in all {
            let row = self.for_equal_epochs(device, batch_size, report)?;
            report.watcher.measured(&row);
            rows.push(row);
            report.runs_done += 1;
        }
        let fastest = rows.iter().filter_map(Row::seconds).min_by(f64::total_cmp);
        report.race = Race::EqualTime;
        for (&(device, _), row) in all.iter().zip(rows) {
            if let Some(seconds) = self.recipe.seconds.or(fastest) {
                self.for_equal_time(device, row, seconds, report)?;
            }
            report.watcher.row(row)?;
            report.rows_reported += 1;
            report.runs_done += 1;
        }
        Ok(())
    }

    /// The first run of a size, and how much its losses vary thereafter.
    fn for_equal_epochs(
        &mut self,
        device: &Backend,
        batch_size: usize,
        report: &mut ProgressReport<'_>,
    ) -> Result<Row> {
        let (epochs, loss) = (self.recipe.epochs, self.subject.task.loss());
        let mut row =
            Row::empty(device.device(), batch_size, epochs, self.planned(device, batch_size)?.total());
        let mut run = match self.begin(device, batch_size)? {
            Ok(run) => run,
            Err(shortage) => return Ok(Row { out_of_memory: Some(shortage), ..row }),
        };
        let all = (epochs * run.samples_of_an_epoch()) as f64;
        while run.epoch() < epochs {
            run.stretch(timed::STRETCH_SECONDS)?;
            report.progress(&row, run.samples() as f64 / all)?;
        }
        row.measured_bytes = Some(run.measured_bytes());
        row.seconds_per_epoch = Some(run.seconds() / epochs as f64);
        row.samples_per_second = Some(run.samples() as f64 / run.seconds());
        row.milliseconds_per_step = Some(1000.0 * run.seconds() / run.steps() as f64);
        (row.loss_after_epochs, row.accuracy_after_epochs) = learnt(loss, run.evaluate()?);
        row.step_loss_deviation = deviation(&run.losses(MOST_STEPS_COMPARED)?);
        Ok(row)
    }

    /// The second run of a size.
    fn for_equal_time(
        &mut self,
        device: &Backend,
        row: &mut Row,
        seconds: f64,
        report: &mut ProgressReport<'_>,
    ) -> Result<()> {
        if row.out_of_memory.is_some() {
            return Ok(());
        }
        let loss = self.subject.task.loss();
        let mut run = match self.begin(device, row.batch_size)? {
            Ok(run) => run,
            Err(shortage) => {
                row.out_of_memory = Some(shortage); // the machine has less memory than before
                return Ok(());
            }
        };
        while run.seconds() < seconds {
            // By halves, as a step may take longer than those before it did.
            run.stretch(timed::STRETCH_SECONDS.min((seconds - run.seconds()) / 2.0))?;
            report.progress(row, run.seconds() / seconds)?;
        }
        row.equal_seconds = Some(seconds);
        row.seconds_in_equal_time = Some(run.seconds());
        row.samples_in_equal_time = Some(run.samples());
        row.steps_in_equal_time = Some(run.steps());
        (row.loss_after_equal_time, row.accuracy_after_equal_time) = learnt(loss, run.evaluate()?);
        Ok(())
    }

    /// A run before its first step, or the memory it lacks.
    fn begin(
        &mut self,
        device: &Backend,
        batch_size: usize,
    ) -> Result<std::result::Result<TimedRun<'_>, Shortage>> {
        let (step, layout) = (self.step(batch_size), self.layout(device, batch_size));
        let engine = match Engine::reserve(&step, &self.subject.task, &mut self.subject.data, device, layout)
        {
            Err(Error::Tensor(TensorError::OutOfMemory { free, .. })) => {
                let free_bytes = device.memory().free().unwrap_or(free); // nothing of the run is reserved any more
                let needed_bytes = self.planned(device, batch_size)?.total();
                return Ok(Err(Shortage { needed_bytes, free_bytes }));
            }
            other => other?,
        };
        TimedRun::begin(engine, &self.subject, &self.recipe).map(Ok)
    }

    fn planned(&self, device: &Backend, batch_size: usize) -> Result<MemoryReport> {
        let layout = self.layout(device, batch_size);
        layout.planned(&self.step(batch_size), &self.subject.task, self.subject.data.samples())
    }

    fn layout(&self, device: &Backend, batch_size: usize) -> MemoryLayout {
        let first = MemoryLayout::new(device.device(), batch_size.min(self.subject.data.train.len()));
        let (step, samples) = (self.step(batch_size), self.subject.data.samples());
        if self.recipe.memory.recompute != Recomputing::Auto {
            return first;
        }
        let room = device.memory().free().unwrap_or(u64::MAX);
        // What cannot be planned is refused where it is reserved.
        as_small_as_needed(&step, &self.subject.task, samples, first, room).unwrap_or(first)
    }

    fn step(&self, batch_size: usize) -> StepConfig {
        let Recipe { optimizer, learning_rate, eval_batch_size, memory, .. } = self.recipe;
        let learning_rate = Schedule::Constant { learning_rate }.into();
        let repeats = false;
        StepConfig { optimizer, learning_rate, batch_size, eval_batch_size, repeats, memory }
    }
}

/// Loss and accuracy, if there are samples to evaluate on. If training has diverged, the loss is not finite and the accuracy
/// means nothing.
fn learnt(loss: Loss, evaluated: Option<Metrics>) -> (Option<f64>, Option<f64>) {
    let accuracy =
        evaluated.filter(|evaluated| loss == Loss::CrossEntropy && evaluated.mean_loss().is_finite());
    (evaluated.map(|evaluated| evaluated.mean_loss()), accuracy.map(|evaluated| evaluated.accuracy()))
}

/// Reports progress, and checks whether to stop.
struct ProgressReport<'a> {
    watcher: &'a mut dyn Watcher,
    stop: &'a Stop,
    runs: usize,
    runs_done: usize,
    rows_reported: usize,
    race: Race,
}

impl ProgressReport<'_> {
    fn progress(&mut self, row: &Row, share: f64) -> Result<()> {
        let ProgressReport { runs, runs_done, race, .. } = *self;
        let (device, batch_size, share) = (row.device, row.batch_size, share.min(1.0));
        self.watcher.progress(&SweepProgress { device, batch_size, runs_done, runs, share, race });
        self.stop.check()
    }
}

/// The standard deviation around a slow trend, from the differences of neighbours (von Neumann, "Distribution of the ratio
/// of the mean square successive difference to the variance", 1941); `None` without neighbours, or if a loss is not finite.
fn deviation(losses: &[f64]) -> Option<f64> {
    let squares: Vec<f64> = losses.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).collect();
    let deviation = (squares.iter().sum::<f64>() / (2 * squares.len()) as f64).sqrt();
    Some(deviation).filter(|deviation| deviation.is_finite())
}

#[cfg(test)]
mod tests {
    use plangrad_data::{DatasetName, LoadOptions, Normalize, load};
    use std::sync::Arc;

    use plangrad_nn::{Mlp, MlpConfig};
    use plangrad_tensor::Optimizer;
    use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};

    use super::*;
    use crate::train::StepMemory;

    /// Asks to stop as soon as a run of this kind and size has begun, and keeps the rows it receives.
    struct Impatient {
        at: (usize, Race),
        stop: Stop,
        rows: Vec<Row>,
    }

    impl Watcher for Impatient {
        fn progress(&mut self, progress: &SweepProgress) {
            if (progress.batch_size, progress.race) == self.at {
                self.stop.ask();
            }
        }

        fn row(&mut self, row: &Row) -> Result<()> {
            self.rows.push(row.clone());
            Ok(())
        }
    }

    #[test]
    fn a_sweep_that_is_stopped_reports_what_it_has_measured() {
        let dataset = load(&DatasetName::Digits, &LoadOptions::default()).unwrap();
        let network = Arc::new(Mlp::new(&MlpConfig::new(&dataset.sample_shape, 10)).unwrap());
        let subject = Subject::new(dataset, Normalize::None, network, Loss::CrossEntropy).unwrap();
        let recipe = Recipe {
            optimizer: Optimizer::adam(),
            learning_rate: 0.001,
            epochs: 1,
            seconds: Some(0.01),
            seed: 1,
            shuffle: true,
            eval_batch_size: None,
            memory: StepMemory::default(),
        };
        let mut sweep = Sweep::new(recipe, vec![2000, 1000, 500], subject);
        let device: Backend = Cpu::open(CpuOptions::default()).unwrap();
        for (at, whole, in_part) in [
            ((2000, Race::EqualEpochs), 0, 0),
            ((500, Race::EqualEpochs), 0, 2),
            ((1000, Race::EqualTime), 1, 2),
        ] {
            let stop = Stop::default();
            let mut watcher = Impatient { at, stop: stop.clone(), rows: Vec::new() };
            let ended = sweep.run(std::slice::from_ref(&device), &mut watcher, &stop);
            assert!(matches!(ended.1, Err(Error::Stopped)), "{ended:?}");
            let rows = &watcher.rows;
            assert!(rows.iter().all(|row| row.seconds_per_epoch.is_some()));
            assert_eq!(
                (rows.len(), rows.iter().filter(|row| row.equal_seconds.is_some()).count()),
                (whole + in_part, whole)
            );
        }
    }

    #[test]
    fn a_deviation_is_that_of_the_variation_and_not_of_the_trend() {
        let swinging: Vec<f64> = (0..1000).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!((deviation(&swinging).unwrap() - 2f64.sqrt()).abs() < 1e-12);
        let falling: Vec<f64> = (0..1000).map(|i| 5.0 - 0.001 * f64::from(i)).collect();
        assert!(deviation(&falling).unwrap() < 0.001);
        // Uniform numbers between 0 and 1 deviate by √(1/12), on whatever slope.
        let uniform = (0..10_000u64)
            .map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1u64 << 53) as f64);
        let shuffled: Vec<f64> =
            uniform.enumerate().map(|(i, u)| (u * 7919.0).fract() - 1e-4 * i as f64).collect();
        assert!((deviation(&shuffled).unwrap() - (1.0f64 / 12.0).sqrt()).abs() < 0.02);
        assert_eq!([&[1.0][..], &[], &[1.0, f64::NAN]].map(deviation), [None; 3]);
    }
}
