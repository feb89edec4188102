//! The training loop: epochs of steps, each followed by its test, with events and checkpoints on the way.

use std::path::PathBuf;
use std::time::Instant;

use plangrad_data::{Dataset, Normalize, Split, TableRows, TableSchema, TargetStatistics};
use plangrad_nn::Task;
use plangrad_nn::checkpoint::{self, Description};
use plangrad_tensor::{Backend, Metrics, Session, Source};

use super::basis::{SettingChange, basis};
use super::best::Selection;
use super::divergence::DivergenceRemedy;
use super::engine::Engine;
use super::epochs::EpochWalk;
use super::event::{BestModel, Event, Observer, Position};
use super::fingerprint::Fingerprint;
use super::folder::{MODEL, RunFolder};
use super::ladder::Resources;
use super::session::RunSession;
use super::settings::Settings;
use super::source::Data;
use super::step_numbers::StepNumbers;
use super::stop::Stop;
use super::subject::Subject;
use super::wrong_setting::WrongSetting;
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
    /// It has come to the end of an epoch, where it was to [pause](Trainer::pause_after_epoch), and has saved its state.
    Paused,
}

/// A run in memory: data, plans and session.
pub struct Trainer {
    pub(super) settings: Settings,
    pub(super) task: Task,
    pub(super) description: Description,
    pub(super) data: Data,
    table: Option<TableSchema>,
    pub(super) rows: Option<TableRows>,
    /// Of the data, once it was needed.
    pub(super) fingerprint: Option<Fingerprint>,
    /// Whether the folder has it.
    pub(super) fingerprint_is_saved: bool,
    pub(super) accepts_changed_data: bool,
    /// Keys of settings that may be others than the checkpoint's.
    pub(super) asked_settings: Vec<&'static str>,
    /// Those that are.
    pub(super) changes: Vec<SettingChange>,
    /// Whether it pauses at the end of the epoch.
    pub(super) pauses: bool,
    pub(super) engine: Engine,
    rungs: Vec<Event>,
    resident_bytes: Option<u64>,
    pub(super) walk: EpochWalk,
    /// Of the epoch so far.
    pub(super) metrics: Metrics,
    /// Compares epochs, if they are to be compared.
    pub(super) selection: Option<Selection>,
    startup_seconds: Option<f64>,
    /// The last test.
    tested: Option<Metrics>,
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
        let Subject { task, mut data, mut description, table, rows, .. } = subject;
        let selection = selection(&settings, &data)?;
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
            rows,
            fingerprint: None,
            fingerprint_is_saved: false,
            accepts_changed_data: false,
            asked_settings: Vec::new(),
            changes: Vec::new(),
            pauses: false,
            engine,
            rungs,
            resident_bytes,
            walk,
            metrics: Metrics::default(),
            selection,
            startup_seconds: None,
            tested: None,
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

    /// The number of samples to learn from.
    #[must_use]
    pub fn train_samples(&self) -> usize {
        self.data.train.len()
    }

    /// The number of test samples.
    #[must_use]
    pub fn test_samples(&self) -> usize {
        self.data.test.len()
    }

    /// The samples by which epochs are compared, and which part they are.
    pub(crate) fn evaluation_samples(&self) -> (&Source, Split) {
        let split = self.data.evaluation_part();
        (self.data.of(split), split)
    }

    /// For a table: its columns.
    #[must_use]
    pub fn table(&self) -> Option<&TableSchema> {
        self.table.as_ref()
    }

    /// For a table: what is known about its rows.
    #[must_use]
    pub(crate) fn rows(&self) -> Option<&TableRows> {
        self.rows.as_ref()
    }

    /// What is left of a run to evaluate its model by; its memory is free again. `None` without test samples.
    pub(crate) fn into_test(mut self) -> Option<Tested> {
        self.data.evict();
        let metrics = self.tested?;
        Some(Tested { source: self.data.test, backend: self.engine.session.backend().clone(), metrics })
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.engine.session
    }

    /// This process, for the list of those that have worked on the run.
    pub(crate) fn session_record(&self) -> RunSession {
        RunSession {
            changes: self.changes.clone(),
            ..RunSession::now(self.engine.session.backend(), self.walk.steps)
        }
    }

    /// Which steps the batches are from the epoch on in which the run stands.
    pub(crate) fn step_numbers(&self) -> StepNumbers {
        let EpochWalk { epoch, steps, .. } = self.walk;
        let (before, batch_size) = (steps - self.batch(), self.settings.batch_size);
        StepNumbers::from_here(epoch, before, self.walk.samples().div_ceil(batch_size) as u64)
    }

    /// The event that begins the run.
    #[must_use]
    pub fn start_event(&self) -> Event {
        Event::Start {
            dataset: self.description.dataset.clone(),
            train_samples: self.data.train.len(),
            validation_samples: self.data.validation.len(),
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
        let mut last = None;
        while !self.is_finished() {
            let started = Instant::now();
            let first = self.walk.position;
            let complete = self.train_epoch(listeners, stop)?;
            let seconds = started.elapsed().as_secs_f64();
            if !complete {
                self.save(listeners.folder)?;
                let tested = last.flatten().filter(|_| self.data.evaluation_part() == Split::Test);
                self.report_end(listeners, tested, None, None)?;
                return Ok(Outcome::Interrupted);
            }
            let trained = self.walk.position - first;
            last = Some(self.finish_epoch(listeners, seconds, trained)?);
            self.save(listeners.folder)?;
            if self.pauses && !self.is_finished() {
                return Ok(Outcome::Paused);
            }
        }
        self.save_model(listeners.folder, MODEL)?;
        let tested = match last {
            Some(metrics) if self.data.evaluation_part() == Split::Test => metrics,
            _ => self.engine.evaluate(&self.data, Split::Test)?, // for the first time, or resumed with nothing left to do
        };
        self.tested = tested;
        let best = self.test_best(listeners.folder)?;
        self.report_end(listeners, tested, Some(listeners.folder.model()), best)?;
        Ok(Outcome::Complete)
    }

    /// Has [`Trainer::run`] return at the end of the epoch, unless the run is complete with it.
    pub fn pause_after_epoch(&mut self) {
        self.pauses = true;
    }

    /// Whole epochs taken.
    pub(crate) fn epochs_done(&self) -> u64 {
        self.walk.epoch
    }

    /// Whether all epochs, or all steps allowed, are done, or no better epoch is waited for.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.walk.epoch >= self.settings.epochs || self.steps_left() == Some(0) || self.has_stopped_early()
    }

    /// Whether the run has ended since no epoch was better for as long as it was to wait.
    #[must_use]
    pub fn has_stopped_early(&self) -> bool {
        let is_between_epochs = self.walk.position == 0;
        is_between_epochs
            && self.selection.is_some_and(|selection| selection.is_out_of_patience(self.walk.epoch))
    }

    /// Whether the run is somewhere between the first and the last step of an epoch.
    pub(crate) fn is_within_an_epoch(&self) -> bool {
        self.walk.position > 0
    }

    /// The best epoch so far, counted from 1, of those taken whole; `None` without one, or where epochs are not compared.
    #[must_use]
    pub fn best_epoch(&self) -> Option<u64> {
        Some(self.selection?.best?.epoch)
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
            self.save_fingerprint(listeners.folder)?;
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
            self.learn_data();
        }
        Ok(self.engine.session.metrics()?)
    }

    /// Takes the sums over, unless they are not finite.
    fn check_loss(&mut self, metrics: Metrics) -> Result<f64> {
        if !metrics.loss_sum.is_finite() {
            return Err(self.diverged(format!("the loss is {}", metrics.loss_sum)));
        }
        self.metrics = metrics;
        Ok(self.data.in_units_of_the_file(metrics).last_loss)
    }

    pub(super) fn diverged(&self, sign: String) -> Error {
        let EpochWalk { epoch, position, steps, .. } = self.walk;
        let epoch = (epoch + u64::from(position > 0)).max(1);
        Error::Diverged { sign, epoch, step: steps, remedy: self.divergence_remedy() }
    }

    /// What would keep the loss finite, the likeliest first.
    fn divergence_remedy(&self) -> DivergenceRemedy {
        let target = self.table.as_ref().and_then(|table| table.target);
        match target.filter(|target| !target.standardized) {
            _ if self.settings.normalize == Normalize::None.to_string() => DivergenceRemedy::Normalize,
            Some(TargetStatistics { mean, std, .. }) => DivergenceRemedy::ScaleTarget { mean, std },
            None => DivergenceRemedy::SmallerSteps { is_clipped: self.settings.clip_norm.is_some() },
        }
    }

    fn report_end(
        &self,
        listeners: &mut Listeners<'_>,
        test: Option<Metrics>,
        model: Option<PathBuf>,
        best: Option<BestModel>,
    ) -> Result<()> {
        listeners.report(&Event::End {
            total_seconds: process::seconds_since_start(),
            startup_seconds: self.startup_seconds,
            test_loss: test.map(|test| test.mean_loss()),
            test_accuracy: test.and_then(|test| self.accuracy(test)),
            stopped_early: model.is_some() && self.has_stopped_early(),
            model,
            best,
            run: listeners.folder.path().into(),
        })
    }
}

/// What compares the epochs of a run with these settings, if they are to be compared.
fn selection(settings: &Settings, data: &Data) -> Result<Option<Selection>> {
    if !settings.compares_epochs() {
        return Ok(None);
    }
    let split = data.evaluation_part();
    if data.of(split).is_empty() {
        return Err(WrongSetting::NothingToCompareBy.into());
    }
    let (criterion, patience) = (settings.criterion(), settings.patience);
    Ok(Some(Selection { criterion, split, patience, best: None }))
}

/// The test samples of a run, the device it was computed on, and its last test.
pub(crate) struct Tested {
    pub(crate) source: Source,
    pub(crate) backend: Backend,
    pub(crate) metrics: Metrics,
}

/// The folder of a run, and the observer of its events.
pub(super) struct Listeners<'a> {
    pub(super) folder: &'a mut RunFolder,
    pub(super) observer: &'a mut dyn Observer,
}

impl Listeners<'_> {
    /// Reports an event, first to the run's log: an observer that fails must not leave a gap there.
    pub(super) fn report(&mut self, event: &Event) -> Result<()> {
        self.folder.log(event)?;
        self.observer.event(event)
    }
}
