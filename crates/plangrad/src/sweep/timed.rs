//! A run that keeps nothing: steps in the same order as in `train`, with a clock that counts nothing else.

use std::time::Instant;

use plangrad_tensor::{Metrics, Optimizer};

use crate::error::Result;
use crate::train::{Data, Engine, EpochWalk, StepMemory, Stretch, Subject};

/// Longest stretch of steps without a look at the clock.
pub(super) const STRETCH_SECONDS: f64 = 0.1;

/// What all sizes share.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Recipe {
    /// How parameters follow their gradients.
    pub optimizer: Optimizer,
    /// The learning rate of every step.
    pub learning_rate: f64,
    /// Passes over the training part.
    pub epochs: u64,
    /// The equal time, in seconds; if absent, the time of the fastest size for its epochs.
    pub seconds: Option<f64>,
    /// Seed of weights, permutations and dropout.
    pub seed: u64,
    /// Whether samples are shuffled.
    pub shuffle: bool,
    /// Samples per evaluation batch; if absent, as many as fit into the training arena.
    pub eval_batch_size: Option<usize>,
    /// What a step does to take less memory.
    pub memory: StepMemory,
}

/// A run that keeps nothing, somewhere between its steps.
pub(super) struct TimedRun<'a> {
    engine: Engine,
    data: &'a Data,
    walk: EpochWalk,
    seconds: f64,
}

impl<'a> TimedRun<'a> {
    /// A run before its first step, with the weights that the seed gives.
    pub(super) fn begin(mut engine: Engine, subject: &'a Subject, recipe: &Recipe) -> Result<TimedRun<'a>> {
        engine.start(&subject.task, recipe.seed)?;
        let data = &subject.data;
        let walk = EpochWalk::new(data.train.len(), recipe.shuffle.then_some(recipe.seed));
        Ok(TimedRun { engine, data, walk, seconds: 0.0 })
    }

    /// Takes whole batches for about `seconds` and at most to the last of the epoch, at least one; or the smaller one that
    /// ends it.
    pub(super) fn stretch(&mut self, seconds: f64) -> Result<()> {
        self.advance(u64::MAX, seconds).map(drop)
    }

    fn advance(&mut self, most: u64, seconds: f64) -> Result<Stretch> {
        let started = Instant::now();
        if self.walk.position == 0 {
            self.engine.session.set_metrics(Metrics::default())?;
        }
        let stretch = self.walk.stretch(&mut self.engine, self.data, most, seconds)?;
        stretch.check_clock()?;
        if self.walk.is_at_end() {
            self.walk.next_epoch();
        }
        self.seconds += started.elapsed().as_secs_f64();
        Ok(stretch)
    }

    /// Continues step by step, and returns the losses of the whole batches of about an epoch, at most so many. The clock
    /// continues too: read it before.
    pub(super) fn losses(&mut self, most: usize) -> Result<Vec<f64>> {
        let batch_size = self.engine.batch_size();
        let wanted = (self.walk.samples() / batch_size).clamp(2, most);
        let mut losses = Vec::with_capacity(wanted);
        while losses.len() < wanted {
            if self.advance(1, 0.0)?.samples == batch_size {
                losses.push(self.data.in_units_of_the_file(self.engine.session.metrics()?).last_loss);
            }
        }
        Ok(losses)
    }

    /// Evaluates the model on the validation samples, or on the test samples where none were kept for validation.
    pub(super) fn evaluate(&mut self) -> Result<Option<Metrics>> {
        self.engine.evaluate(self.data, self.data.evaluation_part())
    }

    /// Epochs completed.
    pub(super) fn epoch(&self) -> u64 {
        self.walk.epoch
    }

    /// Samples trained on.
    pub(super) fn samples(&self) -> u64 {
        self.walk.epoch * self.samples_of_an_epoch() + self.walk.position as u64
    }

    pub(super) fn samples_of_an_epoch(&self) -> u64 {
        self.walk.samples() as u64
    }

    /// Steps taken.
    pub(super) fn steps(&self) -> u64 {
        self.walk.steps
    }

    /// Seconds they took, including the shuffling of their samples.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Every byte taken, according to the device's ledger.
    pub(super) fn measured_bytes(&self) -> u64 {
        self.engine.measured_bytes()
    }
}
