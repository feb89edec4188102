//! The training loop: epochs of steps, each followed by its test, with events and checkpoints on the way.

use std::path::PathBuf;
use std::time::Instant;

use plangrad_data::{Dataset, TableSchema};
use plangrad_nn::checkpoint::{self, Description, Folder, Progress, Staged};
use plangrad_nn::{Loss, Task};
use plangrad_tensor::{Metrics, Session};

use super::basis::{add_data, basis};
use super::engine::Engine;
use super::epochs::EpochWalk;
use super::event::{Event, Observer, Position};
use super::folder::{CHECKPOINT, MODEL, RunFolder};
use super::ladder::Resources;
use super::settings::Settings;
use super::source::Data;
use super::stop::Stop;
use super::subject::Subject;
use crate::device::GpuMemory;
use crate::error::{Error, Result};
use crate::process;

/// Longest stretch of steps between two looks at the clock and at [`Stop`].
const STRETCH_SECONDS: f64 = 0.2;

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// All steps were taken.
    Complete,
    /// It was asked to stop, and has saved its state.
    Interrupted,
}

/// A run in memory: data, plans and session.
pub struct Trainer {
    pub(super) settings: Settings,
    pub(super) task: Task,
    pub(super) description: Description,
    pub(super) data: Data,
    table: Option<TableSchema>,
    pub(super) engine: Engine,
    rungs: Vec<Event>,
    resident_bytes: Option<u64>,
    pub(super) walk: EpochWalk,
    /// Of the epoch so far.
    pub(super) metrics: Metrics,
    startup_seconds: Option<f64>,
}

impl Trainer {
    /// Plans and reserves everything. The weights are initialised from the seed.
    ///
    /// # Errors
    /// If the dataset is empty, the network impossible, or memory runs out.
    pub fn new(settings: Settings, dataset: Dataset, resources: &Resources) -> Result<Trainer> {
        let subject = settings.subject(dataset)?;
        Trainer::of(settings, subject, resources)
    }

    /// The same for a subject that is loaded already and matches the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that no run can have; if memory runs out.
    pub fn of(settings: Settings, subject: Subject, resources: &Resources) -> Result<Trainer> {
        settings.check()?;
        let Subject { task, mut data, mut description, table, .. } = subject;
        let walk = EpochWalk::new(data.train.len(), settings.shuffle.then_some(settings.seed));
        let resident_bytes = process::resident_bytes();
        let (mut engine, rungs) = resources.reserve(&settings.step(), &task, &mut data)?;
        engine.start(&task, settings.seed)?;
        description.basis = basis(&settings, &task, &engine)?;
        Ok(Trainer {
            settings,
            task,
            description,
            data,
            table,
            engine,
            rungs,
            resident_bytes,
            walk,
            metrics: Metrics::default(),
            startup_seconds: None,
        })
    }

    /// Takes weights from any safetensors file whose shapes match in order; returns (parameter, tensor) names.
    ///
    /// # Errors
    /// If they do not match.
    pub fn start_from(&mut self, loaded: &checkpoint::Loaded) -> Result<Vec<(String, String)>> {
        let pairs = loaded.match_in_order(self.task.model())?;
        for (parameter, (_, tensor)) in self.task.model().weights().parameters().iter().zip(&pairs) {
            let values = loaded.values(tensor, &parameter.file_shape())?;
            self.engine.session.set_parameter(parameter.id(), &values)?;
        }
        Ok(pairs)
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The task.
    #[must_use]
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The number of test samples.
    #[must_use]
    pub fn test_samples(&self) -> usize {
        self.data.test.len()
    }

    /// For a table: its columns.
    #[must_use]
    pub fn table(&self) -> Option<&TableSchema> {
        self.table.as_ref()
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.engine.session
    }

    /// The event that begins the run.
    #[must_use]
    pub fn start_event(&self) -> Event {
        Event::Start {
            dataset: self.description.dataset.clone(),
            train_samples: self.data.train.len(),
            test_samples: self.data.test.len(),
            device: self.engine.session.backend().device(),
            parameters: self.task.model().weights().trained_elements(),
            batch_size: self.settings.batch_size,
            micro_batch_size: self.engine.micro_batch_size(),
            seed: self.settings.seed,
            planned_bytes: self.engine.planned().total(),
            resident_bytes: self.resident_bytes,
            gpu_memory: GpuMemory::of(self.engine.session.backend()),
        }
    }

    /// A checkpoint of the present state, to be placed in a folder.
    ///
    /// # Errors
    /// If it cannot be written, or a weight is not finite.
    pub fn stage_checkpoint(&self, folder: &Folder) -> Result<Staged> {
        let (model, session, description) = (self.task.model(), &self.engine.session, &self.description);
        let staged =
            checkpoint::stage_checkpoint(folder, CHECKPOINT, model, session, description, self.progress());
        staged.map_err(|error| self.astray(error))
    }

    fn progress(&self) -> Progress {
        let EpochWalk { steps, epoch, position, .. } = self.walk;
        let mut progress = Progress::default();
        (progress.step, progress.epoch, progress.position) = (steps, epoch, position as u64);
        (progress.seed, progress.batch_size) = (self.settings.seed, self.settings.batch_size as u64);
        progress.samples = self.walk.samples() as u64;
        progress.with_sums_of(&self.metrics)
    }

    /// Saves the state of the run; the earlier checkpoint is intact until then.
    fn save(&self, folder: &RunFolder) -> Result<()> {
        let saved = self.stage_checkpoint(folder.folder()).and_then(|checkpoint| {
            folder.sync()?; // a checkpoint must not reach the disk before the lines that lead up to it
            Ok(checkpoint.place()?)
        });
        folder.check_in_place()?; // which is why it may have failed
        saved
    }

    /// Saves the model.
    fn save_model(&self, folder: &RunFolder) -> Result<()> {
        let (model, session, description) = (self.task.model(), &self.engine.session, &self.description);
        let staged = checkpoint::stage_model(folder.folder(), MODEL, model, session, description);
        let saved = staged.map_err(|error| self.astray(error)).and_then(|staged| Ok(staged.place()?));
        folder.check_in_place()?;
        saved
    }

    /// Trains to the end, or until asked to stop. Saves a checkpoint after each epoch and the model at the end.
    ///
    /// # Errors
    /// [`Error::Diverged`], the device fails, or a file cannot be written; the last checkpoint is intact then. If only the
    /// observer fails, the run is saved before its error is returned.
    pub fn run(
        &mut self,
        folder: &mut RunFolder,
        observer: &mut dyn Observer,
        stop: &Stop,
    ) -> Result<Outcome> {
        let outcome = self.run_to_the_end(&mut Listeners { folder, observer }, stop);
        if let Err(Error::Output(_)) = outcome {
            self.save(folder)?;
        }
        outcome
    }

    fn run_to_the_end(&mut self, listeners: &mut Listeners<'_>, stop: &Stop) -> Result<Outcome> {
        for rung in std::mem::take(&mut self.rungs) {
            listeners.report(&rung)?;
        }
        let mut last_test = None;
        while !self.is_finished() {
            let started = Instant::now();
            let first = self.walk.position;
            let complete = self.train_epoch(listeners, stop)?;
            let seconds = started.elapsed().as_secs_f64();
            if !complete {
                self.save(listeners.folder)?;
                self.report_end(listeners, last_test.flatten(), None)?;
                return Ok(Outcome::Interrupted);
            }
            let trained = self.walk.position - first;
            last_test = Some(self.finish_epoch(listeners, seconds, trained)?);
            self.save(listeners.folder)?;
        }
        self.save_model(listeners.folder)?;
        let accuracy = match last_test {
            Some(accuracy) => accuracy,
            None => self.engine.test(&self.data)?.and_then(|test| self.accuracy(test)), // resumed, with nothing left to do
        };
        self.report_end(listeners, accuracy, Some(listeners.folder.model()))?;
        Ok(Outcome::Complete)
    }

    /// Whether all epochs, or all steps allowed, are done.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.walk.epoch >= self.settings.epochs || self.steps_left() == Some(0)
    }

    fn steps_left(&self) -> Option<u64> {
        self.settings.max_steps.map(|most| most.saturating_sub(self.walk.steps))
    }

    /// Trains from the position in the epoch to its end, or as far as steps are allowed. False if asked to stop.
    fn train_epoch(&mut self, listeners: &mut Listeners<'_>, stop: &Stop) -> Result<bool> {
        while !self.is_epoch_over() {
            if stop.asked() {
                return Ok(false);
            }
            let batch = self.batch();
            let sums = self.stretch()?;
            let loss = self.check_loss(sums)?;
            let epoch = self.walk.epoch + 1;
            listeners.observer.position(&Position {
                epoch,
                samples: self.walk.position as u64,
                of: self.walk.samples() as u64,
                loss,
            });
            if batch.is_multiple_of(self.settings.log_every) {
                listeners.report(&Event::Step { epoch, step: batch, loss })?;
            }
            if self.is_checkpoint_due() {
                self.save(listeners.folder)?;
            }
        }
        Ok(true)
    }

    /// Whether to save within an epoch. Not at the end of the epoch or the run, where its test comes first.
    fn is_checkpoint_due(&self) -> bool {
        let due = self.settings.checkpoint_every.is_some_and(|every| self.walk.steps.is_multiple_of(every));
        due && !self.is_epoch_over()
    }

    /// Whether the end of the epoch is reached, or all steps allowed are taken.
    fn is_epoch_over(&self) -> bool {
        self.walk.is_at_end() || self.steps_left() == Some(0)
    }

    /// The next batch of the epoch, counted from 0.
    fn batch(&self) -> u64 {
        (self.walk.position / self.settings.batch_size) as u64
    }

    /// Takes steps up to the next look at the clock: one if it is to be logged, else up to the next that is, the next
    /// checkpoint or the last step allowed. Returns the sums after them.
    fn stretch(&mut self) -> Result<Metrics> {
        let Settings { log_every, checkpoint_every, .. } = self.settings;
        let to_log = match self.batch() % log_every {
            0 => 1,
            past => log_every - past,
        };
        let to_checkpoint = checkpoint_every.map_or(u64::MAX, |every| every - self.walk.steps % every);
        let most = to_log.min(to_checkpoint).min(self.steps_left().unwrap_or(u64::MAX));
        self.walk.stretch(&mut self.engine, &self.data, most, STRETCH_SECONDS)?;
        if self.startup_seconds.is_none() {
            self.startup_seconds = Some(process::seconds_since_start());
            add_data(&mut self.description.basis, &self.data);
        }
        Ok(self.engine.session.metrics()?)
    }

    /// Takes the sums over, unless they are not finite.
    fn check_loss(&mut self, metrics: Metrics) -> Result<f64> {
        if !metrics.loss_sum.is_finite() {
            return Err(self.diverged(format!("the loss is {}", metrics.loss_sum)));
        }
        self.metrics = metrics;
        Ok(metrics.last_loss)
    }

    fn diverged(&self, sign: String) -> Error {
        let EpochWalk { epoch, position, steps, .. } = self.walk;
        Error::Diverged { sign, epoch: (epoch + u64::from(position > 0)).max(1), step: steps }
    }

    /// An error of writing, which may be that a weight is not finite.
    fn astray(&self, error: plangrad_nn::Error) -> Error {
        match error {
            plangrad_nn::Error::NotFinite { name, value, .. } => {
                self.diverged(format!("{name} holds {value}"))
            }
            other => other.into(),
        }
    }

    /// Tests the model, reports the epoch and begins the next. Returns the accuracy.
    fn finish_epoch(
        &mut self,
        listeners: &mut Listeners<'_>,
        train_seconds: f64,
        trained: usize,
    ) -> Result<Option<f64>> {
        let train_loss = self.engine.session.metrics()?.mean_loss();
        let started = Instant::now();
        let test = self.engine.test(&self.data)?;
        let test_loss = test.map(|test| test.mean_loss());
        if let Some(loss) = test_loss.filter(|loss| !loss.is_finite()) {
            return Err(self.diverged(format!("the test loss is {loss}")));
        }
        let accuracy = test.and_then(|test| self.accuracy(test));
        let event = Event::Epoch {
            epoch: self.walk.epoch + 1,
            train_loss,
            test_loss,
            test_accuracy: accuracy,
            train_seconds,
            eval_seconds: started.elapsed().as_secs_f64(),
            samples_per_second: trained as f64 / train_seconds,
            planned_bytes: self.engine.planned().total(),
            measured_bytes: self.engine.measured_bytes(),
            peak_resident_bytes: process::peak_resident_bytes(),
        };
        if self.walk.is_at_end() {
            self.walk.next_epoch();
            self.metrics = Metrics::default();
            self.engine.session.set_metrics(self.metrics)?;
        }
        listeners.report(&event)?; // last, so that an observer that fails leaves a state that can be saved
        Ok(accuracy)
    }

    /// The accuracy, which a regression does not have.
    fn accuracy(&self, test: Metrics) -> Option<f64> {
        (self.settings.loss == Loss::CrossEntropy).then(|| test.accuracy())
    }

    fn report_end(
        &self,
        listeners: &mut Listeners<'_>,
        test_accuracy: Option<f64>,
        model: Option<PathBuf>,
    ) -> Result<()> {
        listeners.report(&Event::End {
            total_seconds: process::seconds_since_start(),
            startup_seconds: self.startup_seconds,
            test_accuracy,
            model,
            run: listeners.folder.path().into(),
        })
    }
}

/// The folder of a run, and the observer of its events.
struct Listeners<'a> {
    folder: &'a mut RunFolder,
    observer: &'a mut dyn Observer,
}

impl Listeners<'_> {
    /// Reports an event, first to the run's log: an observer that fails must not leave a gap there.
    fn report(&mut self, event: &Event) -> Result<()> {
        self.folder.log(event)?;
        self.observer.event(event)
    }
}
