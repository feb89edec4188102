//! The training loop: whole batches in long runs without a pause, then what is left, then the test.

use std::sync::Arc;
use std::time::Instant;

use plangrad_data::{Dataset, Permutation};
use plangrad_nn::checkpoint::{self, Description, Progress};
use plangrad_nn::{Loss, Task};
use plangrad_tensor::backend::Backend;
use plangrad_tensor::{Metrics, Plan, Session, Source};

use super::evaluate::{EvaluationPlans, evaluate};
use super::event::{Event, Observer, Position, Stop};
use super::{RunFolder, Settings, source, task};
use crate::process;
use crate::{Error, Result};

/// Longest stretch of steps between two looks at the clock and at [`Stop`].
const STRETCH_SECONDS: f64 = 0.2;

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All steps were taken.
    Complete,
    /// It was asked to stop, and saved where it stands.
    Interrupted,
}

/// A run in memory: data, plans and session.
pub struct Trainer {
    settings: Settings,
    task: Task,
    description: Description,
    train: Source,
    test: Source,
    test_order: Vec<u32>,
    session: Session,
    plans: PlanNumbers,
    progress: Progress,
    startup_seconds: Option<f64>,
    steps_per_second: f64,
}

/// Where the session's plans stand.
#[derive(Clone, Copy, Debug)]
struct PlanNumbers {
    whole: usize,
    rest: Option<usize>,
    test: Option<(usize, Option<usize>)>,
}

/// How often to log and to save.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// Steps between two step events.
    pub log: u64,
    /// Steps between two checkpoints within an epoch.
    pub checkpoint: Option<u64>,
}

impl Trainer {
    /// Plans and reserves everything. Weights are those the seed gives.
    ///
    /// # Errors
    /// If the dataset is empty, the network impossible, or memory runs out.
    pub fn new(settings: Settings, dataset: Dataset, backend: &Arc<dyn Backend>) -> Result<Trainer> {
        let outputs = if dataset.classes.is_empty() { 1 } else { dataset.classes.len() };
        let model = settings.model(&dataset.sample_shape, outputs);
        let task = task(&dataset, settings.normalize()?, &model, settings.loss)?;
        let description = describe(&settings, &dataset, &task)?;
        if dataset.train.is_empty() {
            let (dataset, remedy) =
                (settings.dataset.clone(), "a run needs at least one sample to learn from");
            return Err(Error::EmptySplit { dataset, split: "train", remedy });
        }
        let (train, test) = (source(dataset.train)?, source(dataset.test)?);
        let (plans, numbers) = plan(&settings, &task, train.len(), test.len())?;
        let mut session = Session::new(backend, plans)?;
        task.model.initialise(&mut session, settings.seed)?;
        session.set_step(0, settings.seed);
        let progress = Progress {
            step: 0,
            epoch: 0,
            position: 0,
            seed: settings.seed,
            loss_sum_bits: 0,
            last_loss_bits: 0,
        };
        Ok(Trainer {
            test_order: (0..test.len() as u32).collect(),
            settings,
            task,
            description,
            train,
            test,
            session,
            plans: numbers,
            progress,
            startup_seconds: None,
            steps_per_second: 1000.0,
        })
    }

    /// Takes weights from any safetensors file whose shapes match in order; returns (parameter, tensor) names.
    ///
    /// # Errors
    /// If they do not match.
    pub fn start_from(&mut self, loaded: &checkpoint::Loaded) -> Result<Vec<(String, String)>> {
        let pairs = checkpoint::match_in_order(loaded, &self.task.model)?;
        for (parameter, (_, tensor)) in self.task.model.parameters().iter().zip(&pairs) {
            self.session.set_parameter(parameter.id, loaded.values(tensor, &parameter.file_shape())?)?;
        }
        Ok(pairs)
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    /// If it is of another model.
    pub fn resume(&mut self, loaded: &checkpoint::Loaded) -> Result<Progress> {
        self.progress = checkpoint::restore(loaded, &self.task.model, &mut self.session)?;
        Ok(self.progress)
    }

    /// The task.
    #[must_use]
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The event that begins the run.
    #[must_use]
    pub fn start_event(&self) -> Event {
        Event::Start {
            dataset: self.description.dataset.clone(),
            train_samples: self.train.len(),
            test_samples: self.test.len(),
            device: self.session.backend().device().to_string(),
            parameters: self.task.model.parameter_count(),
            batch_size: self.settings.batch_size,
            seed: self.settings.seed,
            planned_bytes: self.session.planned().total(),
        }
    }

    /// Writes the checkpoint of this moment.
    ///
    /// # Errors
    /// If it cannot be written; the earlier one is whole then.
    pub fn save_checkpoint(&self, folder: &RunFolder) -> Result<()> {
        let (path, model) = (folder.checkpoint(), &self.task.model);
        Ok(checkpoint::write_checkpoint(&path, model, &self.session, &self.description, self.progress)?)
    }

    /// Trains to the end, or until asked to stop. Saves a checkpoint after each epoch and the model at the end.
    ///
    /// # Errors
    /// If the loss is no longer a number, or a file cannot be written.
    pub fn run(
        &mut self,
        folder: &mut RunFolder,
        observer: &mut dyn Observer,
        intervals: Intervals,
        stop: &Stop,
    ) -> Result<Outcome> {
        let mut order: Vec<u32> = (0..self.train.len() as u32).collect();
        let mut accuracy = None;
        while !self.finished() {
            let started = Instant::now();
            if self.settings.shuffle {
                Permutation::fill(&mut order, self.progress.seed, self.progress.epoch);
            }
            let first = self.progress.position;
            let complete = self.train_epoch(&order, folder, observer, intervals, stop)?;
            let seconds = started.elapsed().as_secs_f64();
            if !complete {
                self.save_checkpoint(folder)?;
                self.tell_end(folder, observer, accuracy, false)?;
                return Ok(Outcome::Interrupted);
            }
            let trained = self.progress.position - first;
            accuracy = self.finish_epoch(folder, observer, seconds, trained)?;
            self.save_checkpoint(folder)?;
        }
        checkpoint::write_model(&folder.model(), &self.task.model, &self.session, &self.description)?;
        let accuracy = accuracy.or(self.test()?.and_then(|test| self.accuracy(test)));
        self.tell_end(folder, observer, accuracy, true)?;
        Ok(Outcome::Complete)
    }

    /// Whether all epochs, or all steps allowed, are done.
    fn finished(&self) -> bool {
        self.progress.epoch >= self.settings.epochs || self.steps_left() == Some(0)
    }

    fn steps_left(&self) -> Option<u64> {
        self.settings.max_steps.map(|most| most.saturating_sub(self.progress.step))
    }

    /// Trains from the position in the epoch to its end, or as far as steps are allowed. False if asked to stop.
    fn train_epoch(
        &mut self,
        order: &[u32],
        folder: &mut RunFolder,
        observer: &mut dyn Observer,
        intervals: Intervals,
        stop: &Stop,
    ) -> Result<bool> {
        while (self.progress.position as usize) < order.len() && self.steps_left() != Some(0) {
            if stop.asked() {
                return Ok(false);
            }
            let batch = self.progress.position / self.settings.batch_size as u64;
            self.stretch(order, intervals)?;
            let loss = self.check_loss()?;
            observer.position(&Position {
                epoch: self.progress.epoch + 1,
                samples: self.progress.position,
                of: order.len() as u64,
                loss,
            });
            if batch.is_multiple_of(intervals.log) {
                let event = Event::Step { epoch: self.progress.epoch + 1, step: batch, loss };
                observer.event(&event)?;
                folder.log(&event)?;
            }
            let due = intervals.checkpoint.is_some_and(|every| self.progress.step.is_multiple_of(every));
            if due && (self.progress.position as usize) < order.len() {
                self.save_checkpoint(folder)?;
            }
        }
        Ok(true)
    }

    /// Takes steps without a pause: one if it is to be logged, else up to the next that is, the next checkpoint, the
    /// last step allowed, the last whole batch or a fifth of a second, whichever comes first.
    fn stretch(&mut self, order: &[u32], intervals: Intervals) -> Result<()> {
        let size = self.settings.batch_size;
        let position = self.progress.position as usize;
        let (batch, whole) = (position / size, (order.len() - position) / size);
        let (plan, steps, rows) = if whole == 0 {
            (self.plans.rest.unwrap_or(self.plans.whole), 1, order.len() - position)
        } else {
            let to_log = match batch as u64 % intervals.log {
                0 => 1,
                past => intervals.log - past,
            };
            let to_checkpoint =
                intervals.checkpoint.map_or(u64::MAX, |every| every - self.progress.step % every);
            let in_time = (self.steps_per_second * STRETCH_SECONDS) as u64;
            let allowed = self.steps_left().unwrap_or(u64::MAX);
            let steps =
                [to_log, to_checkpoint, in_time, allowed, whole as u64].into_iter().fold(u64::MAX, u64::min);
            let steps = steps.max(1) as usize;
            (self.plans.whole, steps, steps * size)
        };
        let started = Instant::now();
        self.session.run(plan, &self.train.batches(&order[position..position + rows])?)?;
        self.startup_seconds.get_or_insert_with(|| process::seconds_since_start());
        self.steps_per_second = steps as f64 / started.elapsed().as_secs_f64().max(1e-9);
        self.progress.step += steps as u64;
        self.progress.position += rows as u64;
        Ok(())
    }

    /// Takes the sums over, or says that they are no numbers.
    fn check_loss(&mut self) -> Result<f64> {
        let Metrics { loss_sum, last_loss, .. } = self.session.metrics();
        if !loss_sum.is_finite() {
            let (epoch, step) = (self.progress.epoch + 1, self.progress.step);
            return Err(Error::Diverged { epoch, step, loss: loss_sum });
        }
        self.progress.loss_sum_bits = loss_sum.to_bits();
        self.progress.last_loss_bits = last_loss.to_bits();
        Ok(last_loss)
    }

    /// Judges the model, tells the epoch and begins the next. Returns the accuracy.
    fn finish_epoch(
        &mut self,
        folder: &mut RunFolder,
        observer: &mut dyn Observer,
        train_seconds: f64,
        trained: u64,
    ) -> Result<Option<f64>> {
        let train_loss = self.session.metrics().mean_loss();
        let started = Instant::now();
        let test = self.test()?;
        let accuracy = test.and_then(|test| self.accuracy(test));
        let event = Event::Epoch {
            epoch: self.progress.epoch + 1,
            train_loss,
            test_loss: test.map(|test| test.mean_loss()),
            test_accuracy: accuracy,
            train_seconds,
            eval_seconds: started.elapsed().as_secs_f64(),
            samples_per_second: trained as f64 / train_seconds,
            planned_bytes: self.session.planned().total(),
            measured_bytes: self.session.backend().memory().reserved,
            peak_resident_bytes: process::peak_resident_bytes(),
        };
        observer.event(&event)?;
        folder.log(&event)?;
        let partial = (self.progress.position as usize) < self.train.len();
        if !partial {
            self.progress = Progress {
                epoch: self.progress.epoch + 1,
                position: 0,
                loss_sum_bits: 0,
                last_loss_bits: 0,
                ..self.progress
            };
            self.session.set_metrics(Metrics::default());
        }
        Ok(accuracy)
    }

    /// Judges the model; `None` without test samples.
    fn test(&mut self) -> Result<Option<Metrics>> {
        let Some((whole, rest)) = self.plans.test else { return Ok(None) };
        evaluate(&mut self.session, whole, rest, &self.test, &self.test_order).map(Some)
    }

    /// The accuracy, which a regression has not.
    fn accuracy(&self, test: Metrics) -> Option<f64> {
        (self.settings.loss == Loss::CrossEntropy).then(|| test.accuracy())
    }

    fn tell_end(
        &self,
        folder: &mut RunFolder,
        observer: &mut dyn Observer,
        test_accuracy: Option<f64>,
        complete: bool,
    ) -> Result<()> {
        let event = Event::End {
            total_seconds: process::seconds_since_start(),
            startup_seconds: self.startup_seconds,
            test_accuracy,
            model: complete.then(|| folder.model()),
            run: folder.path().into(),
        };
        folder.log(&event)?;
        observer.event(&event)
    }
}

/// The plans of a run: training and evaluation, each for whole batches and for what is left over.
fn plan(settings: &Settings, task: &Task, train: usize, test: usize) -> Result<(Vec<Plan>, PlanNumbers)> {
    let (optimizer, schedule) = (settings.optimizer.into(), settings.schedule.into());
    let training = |batch_size| task.training_plan(optimizer, schedule, batch_size);
    let size = settings.batch_size;
    let mut plans = vec![training(size.min(train))?];
    let rest = (train > size && train % size != 0).then(|| training(train % size)).transpose()?;
    let rest = rest.map(|plan| push(&mut plans, plan));
    let state = task.training_state(optimizer)?;
    let arena = Plan::bytes_together(&plans);
    let test = EvaluationPlans::new(task, &state, test, settings.eval_batch_size, arena)?.map(|evaluation| {
        let whole = push(&mut plans, evaluation.whole);
        (whole, evaluation.rest.map(|plan| push(&mut plans, plan)))
    });
    Ok((plans, PlanNumbers { whole: 0, rest, test }))
}

fn push(plans: &mut Vec<Plan>, plan: Plan) -> usize {
    plans.push(plan);
    plans.len() - 1
}

/// What the model's file says about it.
fn describe(settings: &Settings, dataset: &Dataset, task: &Task) -> Result<Description> {
    let table = dataset.table.as_ref().map(serde_json::to_value).transpose();
    Ok(Description {
        format: Description::FORMAT,
        model: task.model.config().clone(),
        loss: settings.loss,
        // A table's path says nothing about the model and would make its bytes depend on a folder's name.
        dataset: if dataset.table.is_some() { "csv".into() } else { dataset.name.to_string() },
        classes: dataset.classes.clone(),
        normalize: settings.normalize.clone(),
        scale: task.samples.scale.to_vec(),
        shift: task.samples.shift.to_vec(),
        table: table.map_err(|error| Error::Output(error.into()))?,
        progress: None,
    })
}
