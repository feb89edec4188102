//! The course of a search: trial after trial, rung after rung, as far as folders and time say.

use std::path::{Path, PathBuf};

use plangrad_tensor::backend::cpu::InstructionSet;

use super::plan::{PlannedTrial, SearchPlan, trial_folder};
use super::score::{Score, better_first};
use crate::error::{Error, Result};
use crate::history::History;
use crate::loading::load;
use crate::train::{
    Event, Existing, Observer, Outcome, Resources, RunFolder, Settings, Stop, Trainer, known_instruction_set,
};

/// A search that goes on.
pub(crate) struct Course<'a> {
    pub(crate) plan: &'a SearchPlan,
    pub(crate) folder: &'a Path,
    /// What a trial may compute with, on this instruction set if it has one already.
    pub(crate) resources: &'a dyn Fn(Option<InstructionSet>) -> Result<Resources>,
    pub(crate) stop: &'a Stop,
}

/// What a trial has come to.
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    pub(crate) number: usize,
    /// `None` if it diverged, or was not begun.
    pub(crate) score: Option<Score>,
    /// Seconds of training and evaluation.
    pub(crate) seconds: f64,
    /// Whether it was trained to its end.
    pub(crate) is_complete: bool,
}

/// Is told how a search goes on.
pub(crate) trait Progress {
    /// A trial has come as far as its rung says.
    ///
    /// # Errors
    /// If that cannot be told.
    fn reached(&mut self, trial: &PlannedTrial, reached: &Reached) -> Result<()>;
}

/// Whether a search may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Going,
    OutOfTime,
}

impl Course<'_> {
    /// Trains what is left to be trained. Returns the trials, the best first.
    ///
    /// # Errors
    /// [`Error::Stopped`] if asked to stop, once everything is saved; whatever ends a run, but that it diverges.
    pub(crate) fn run(&self, progress: &mut dyn Progress) -> Result<Vec<Reached>> {
        let mut going: Vec<&PlannedTrial> = self.plan.trials.iter().collect();
        let rungs = self.plan.rungs();
        for (place, &epochs) in rungs.iter().enumerate() {
            let mut reached = Vec::new();
            for trial in &going {
                let pace = self.train(trial, epochs)?;
                let found = self.reached(trial, epochs)?;
                progress.reached(trial, &found)?;
                reached.push((found, *trial));
                if pace == Pace::OutOfTime {
                    return self.ranking();
                }
            }
            if place + 1 < rungs.len() {
                reached.sort_by(|(one, _), (other, _)| better_first(&one.score, &other.score));
                going = reached
                    .into_iter()
                    .map(|(_, trial)| trial)
                    .take(self.plan.going_on(going.len()))
                    .collect();
            }
        }
        self.ranking()
    }

    /// All trials: those that came further first, and of these the better.
    fn ranking(&self) -> Result<Vec<Reached>> {
        let all = self.plan.trials.iter().map(|trial| self.reached(trial, u64::MAX));
        let mut all = all.collect::<Result<Vec<_>>>()?;
        let epochs = |one: &Reached| one.score.map_or(0, |score| score.epoch);
        all.sort_by(|a, b| {
            b.is_complete
                .cmp(&a.is_complete)
                .then(epochs(b).cmp(&epochs(a)))
                .then(better_first(&a.score, &b.score))
        });
        Ok(all)
    }

    fn reached(&self, trial: &PlannedTrial, epochs: u64) -> Result<Reached> {
        let history = History::read(&self.place(trial))?;
        Ok(Reached {
            number: trial.number,
            score: Score::at(&history, epochs),
            seconds: seconds(&history),
            is_complete: history.end.is_some_and(|end| end.model.is_some()),
        })
    }

    fn place(&self, trial: &PlannedTrial) -> PathBuf {
        trial_folder(self.folder, trial.number)
    }

    /// Seconds that all trials have taken.
    fn spent(&self) -> Result<f64> {
        let histories = self.plan.trials.iter().map(|trial| History::read(&self.place(trial)));
        histories.map(|history| history.map(|history| seconds(&history))).sum()
    }

    fn pace(&self) -> Result<Pace> {
        let Some(budget) = self.plan.time_budget else { return Ok(Pace::Going) };
        Ok(if self.spent()? < budget { Pace::Going } else { Pace::OutOfTime })
    }

    /// Trains a trial until it has so many epochs, or the time is over.
    fn train(&self, trial: &PlannedTrial, epochs: u64) -> Result<Pace> {
        self.stop.check()?;
        let pace = self.pace()?;
        let place = self.place(trial);
        if pace == Pace::OutOfTime || self.is_there(trial, epochs)? {
            return Ok(pace);
        }
        let (mut trainer, mut folder) = match RunFolder::open(&place) {
            Ok((folder, settings)) => self.resume(folder, settings)?,
            Err(Error::NoRun { .. }) => self.begin(trial, &place)?,
            Err(error) => return Err(error),
        };
        folder.begin_session(&trainer.session_record())?;
        while trainer.epochs_done() < epochs || epochs >= self.plan.epochs {
            trainer.pause_after_epoch();
            match trainer.run(&mut folder, &mut Silent, self.stop) {
                Ok(Outcome::Paused) => {}
                Ok(Outcome::Complete) | Err(Error::Diverged { .. }) => break,
                Ok(Outcome::Interrupted) => return Err(Error::Stopped),
                Err(error) => return Err(error),
            }
            if self.pace()? == Pace::OutOfTime {
                return Ok(Pace::OutOfTime);
            }
        }
        Ok(Pace::Going)
    }

    /// Whether a trial has come so far: its log says so before its checkpoint does, which then takes the epoch again.
    fn is_there(&self, trial: &PlannedTrial, epochs: u64) -> Result<bool> {
        let history = History::read(&self.place(trial))?;
        let is_complete = history.end.is_some_and(|end| end.model.is_some());
        let has_epochs = history.epochs.last().is_some_and(|last| last.epoch >= epochs);
        Ok(is_complete || epochs < self.plan.epochs && has_epochs)
    }

    fn begin(&self, trial: &PlannedTrial, place: &Path) -> Result<(Trainer, RunFolder)> {
        let trainer = self.trainer(trial.settings.clone(), None)?;
        let stage = |folder: &plangrad_nn::checkpoint::Folder| trainer.stage_checkpoint(folder);
        let folder =
            RunFolder::create(Some(place), Existing::Keep, &trial.settings, &trainer.start_event(), stage)?;
        Ok((trainer, folder))
    }

    fn resume(&self, mut folder: RunFolder, settings: Settings) -> Result<(Trainer, RunFolder)> {
        let checkpoint = folder.read_checkpoint()?;
        let batch_size = settings.batch_size;
        let mut trainer = self.trainer(settings, known_instruction_set(&checkpoint)?)?;
        let progress = trainer.resume(&checkpoint)?;
        folder.cut_back(&progress, batch_size, trainer.is_finished())?;
        Ok((trainer, folder))
    }

    fn trainer(&self, settings: Settings, set: Option<InstructionSet>) -> Result<Trainer> {
        let dataset = load(&settings.dataset_name()?, &settings.options()?, None)?;
        let subject = settings.subject(dataset)?;
        Trainer::of(settings, subject, &(self.resources)(set)?)
    }
}

fn seconds(history: &History) -> f64 {
    let of = |value: Option<f64>| value.filter(|seconds| seconds.is_finite()).unwrap_or(0.0);
    history.epochs.iter().map(|epoch| of(epoch.train_seconds) + of(epoch.eval_seconds)).sum()
}

/// Says nothing: the log has it.
struct Silent;

impl Observer for Silent {
    fn event(&mut self, _: &Event) -> Result<()> {
        Ok(())
    }
}
