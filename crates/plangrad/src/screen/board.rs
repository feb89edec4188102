//! What the screen shows of a run, as plain data.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::pace::Pace;
use crate::history::{Epoch, History};
use crate::picture::Picture;
use crate::train::Settings;

/// What is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board {
    /// `digits, 784-128-10, Adam 0.001, batch size 64`
    pub(crate) title: String,
    /// Epochs that the run will have, and samples of each.
    pub(crate) epochs: u64,
    pub(crate) samples_per_epoch: u64,
    /// The most samples that the run will take.
    pub(crate) samples: u64,
    pub(crate) history: History,
    /// The epoch it is in, counted from 1, samples of it done, and the loss of the last batch.
    pub(crate) position: Option<(u64, u64, f64)>,
    /// Bytes that are planned, by category.
    pub(crate) memory: Vec<(&'static str, u64)>,
    /// What the model was shown last, and what it got wrong, or why it was shown nothing.
    pub(crate) shown: String,
    pub(crate) mistakes: Vec<Mistake>,
    pub(crate) phase: Phase,
    /// Whether another process trains, which is not asked to stop.
    pub(crate) is_watched: bool,
    pace: Pace,
}

/// A sample that the model got wrong.
#[derive(Clone, Debug)]
pub(crate) struct Mistake {
    /// `sample 7: 9, predicted 4`
    pub(crate) title: String,
    pub(crate) picture: Option<Picture>,
}

/// What the run is about to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// To go on.
    #[default]
    Going,
    /// To stop, if the user confirms it.
    Asking,
    /// Nothing: it is complete, or was interrupted.
    Ended,
}

impl Board {
    /// Of the run with this title; everything else is to be filled in.
    pub(crate) fn titled(title: String) -> Board {
        Board { title, ..Board::default() }
    }

    /// The run has these settings and so many samples to learn from.
    pub(crate) fn lasts(&mut self, settings: &Settings, samples: u64) {
        let (_, steps) = settings.steps(samples);
        (self.epochs, self.samples_per_epoch) = (settings.epochs, samples);
        let all = settings.epochs.saturating_mul(samples);
        self.samples = all.min(steps.saturating_mul(settings.batch_size as u64));
    }

    /// Something has happened.
    pub(crate) fn add(&mut self, event: &impl Serialize) {
        // As the log of the run has it.
        let line = serde_json::to_value(event).and_then(serde_json::from_value);
        line.into_iter().for_each(|line| self.history.add(line));
    }

    /// The run has come so far in an epoch.
    pub(crate) fn reach(&mut self, epoch: u64, samples: u64, loss: f64) {
        self.position = Some((epoch, samples, loss));
        self.pace.see(Instant::now(), self.done());
    }

    /// Takes over what the logs of the run say, and with it the position, as whoever watches must.
    pub(crate) fn follow(&mut self, history: &History) {
        self.history.clone_from(history);
        if let Some(step) = &history.last_step {
            let per_epoch = history.numbers.per_epoch(step.epoch);
            let share = step.step.saturating_add(1) as f64 / per_epoch as f64;
            let samples = (share.min(1.0) * self.samples_per_epoch as f64) as u64;
            self.reach(step.epoch, samples, step.loss);
        }
    }

    /// Somebody wants to leave: asks whether to stop the run. Returns whether there is nothing to ask.
    pub(super) fn ask(&mut self) -> bool {
        if !self.is_watched {
            self.phase = Phase::Asking;
        }
        self.is_watched
    }

    /// Samples done.
    pub(super) fn done(&self) -> u64 {
        let before = |epoch: u64| (epoch.saturating_sub(1)).saturating_mul(self.samples_per_epoch);
        let there = self.position.map_or(0, |(epoch, samples, _)| before(epoch).saturating_add(samples));
        let told = self.history.epochs.last().map_or(0, |last| before(last.epoch.saturating_add(1)));
        there.max(told).min(self.samples)
    }

    /// The share of the run that is done.
    pub(super) fn share(&self) -> f64 {
        if self.samples == 0 { 0.0 } else { self.done() as f64 / self.samples as f64 }
    }

    pub(super) fn samples_per_second(&self) -> Option<f64> {
        let told = self.history.epochs.last().and_then(|epoch| epoch.samples_per_second);
        self.pace.samples_per_second().or(told)
    }

    pub(super) fn time_left(&self) -> Option<Duration> {
        if self.phase == Phase::Ended {
            return None;
        }
        let left = self.samples - self.done();
        let by_epoch = || Duration::try_from_secs_f64(left as f64 / self.samples_per_second()?).ok();
        self.pace.time_for(left).or_else(by_epoch)
    }

    pub(super) fn last_epoch(&self) -> Option<&Epoch> {
        self.history.epochs.last()
    }
}
