//! A run's position in its epochs: which samples come next, and how many were taken.

use plangrad_data::Permutation;

use super::engine::{Engine, Stretch};
use super::source::Data;
use crate::error::Result;

/// A position in the epochs of a run. The order of an epoch's samples is a function of seed and epoch, or that of the files.
pub(crate) struct EpochWalk {
    order: Vec<u32>,
    /// The seed of the permutations; none if the samples are not shuffled.
    seed: Option<u64>,
    /// The epoch whose permutation `order` is.
    shuffled: Option<u64>,
    /// Epochs completed.
    pub(crate) epoch: u64,
    /// Samples of the current epoch taken.
    pub(crate) position: usize,
    /// Steps taken.
    pub(crate) steps: u64,
}

impl EpochWalk {
    /// Before the first step.
    pub(crate) fn new(samples: usize, seed: Option<u64>) -> EpochWalk {
        let order = (0..samples as u32).collect();
        EpochWalk { order, seed, shuffled: None, epoch: 0, position: 0, steps: 0 }
    }

    /// Samples of an epoch.
    pub(crate) fn samples(&self) -> usize {
        self.order.len()
    }

    /// Whether all samples of the epoch were taken.
    pub(crate) fn is_at_end(&self) -> bool {
        self.position >= self.order.len()
    }

    /// Completes the epoch.
    pub(crate) fn next_epoch(&mut self) {
        (self.epoch, self.position) = (self.epoch + 1, 0);
    }

    /// Takes a [stretch](Engine::stretch) of the samples that are left in the epoch.
    ///
    /// # Errors
    /// If the device fails.
    pub(crate) fn stretch(
        &mut self,
        engine: &mut Engine,
        data: &Data,
        most: u64,
        seconds: f64,
    ) -> Result<Stretch> {
        self.shuffle();
        let stretch = engine.stretch(data, &self.order[self.position..], most, seconds)?;
        self.position += stretch.samples;
        self.steps += stretch.steps;
        Ok(stretch)
    }

    /// Brings the samples into the order of the epoch.
    fn shuffle(&mut self) {
        if let Some(seed) = self.seed.filter(|_| self.shuffled != Some(self.epoch)) {
            Permutation::fill(&mut self.order, seed, self.epoch);
            self.shuffled = Some(self.epoch);
        }
    }
}
