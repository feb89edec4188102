//! A run that keeps nothing: steps in the order in which `train` takes them, with a clock that counts them alone.

use std::time::Instant;

use plangrad_data::Permutation;
use plangrad_tensor::{Metrics, Optimizer};

use crate::error::Result;
use crate::train::{Data, Engine, Subject};

/// Longest stretch of steps without a look at the clock.
pub(super) const STRETCH_SECONDS: f64 = 0.1;

/// What all sizes have in common.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// How parameters follow their gradients.
    pub optimizer: Optimizer,
    /// The learning rate of every step.
    pub learning_rate: f64,
    /// Passes over the training part.
    pub epochs: u64,
    /// The equal time, in seconds; what the fastest size took for its epochs if absent.
    pub seconds: Option<f64>,
    /// Seed of weights, permutations and dropout.
    pub seed: u64,
    /// Whether samples are taken in random order.
    pub shuffle: bool,
    /// Samples judged at a time; as many as fit into the training arena if absent.
    pub eval_batch_size: Option<usize>,
}

/// Where a run stands.
pub(super) struct Walk<'a> {
    engine: Engine,
    data: &'a Data,
    recipe: &'a Recipe,
    /// Samples of a whole batch, of which there are as many.
    batch_size: usize,
    order: Vec<u32>,
    epoch: u64,
    position: usize,
    steps: u64,
    seconds: f64,
    steps_per_second: f64,
}

impl<'a> Walk<'a> {
    /// With the weights that the seed gives.
    pub(super) fn begin(
        mut engine: Engine,
        subject: &'a Subject,
        recipe: &'a Recipe,
        batch_size: usize,
    ) -> Result<Walk<'a>> {
        let data = &subject.data;
        subject.task.model.initialise(&mut engine.session, recipe.seed)?;
        engine.session.set_step(0, recipe.seed)?;
        let order: Vec<u32> = (0..data.train.len() as u32).collect();
        let batch_size = batch_size.min(order.len());
        let (epoch, position, steps) = (0, 0, 0);
        let (seconds, steps_per_second) = (0.0, 0.0);
        Ok(Walk {
            engine,
            data,
            recipe,
            batch_size,
            order,
            epoch,
            position,
            steps,
            seconds,
            steps_per_second,
        })
    }

    /// Takes whole batches for about `seconds` and at most to the last of the epoch, at least one; or the smaller one that
    /// ends it.
    pub(super) fn stretch(&mut self, seconds: f64) -> Result<()> {
        let most = (self.steps_per_second * seconds) as usize; // none before the first tells how fast they are
        self.advance(most.max(1)).map(|_| ())
    }

    /// Takes up to so many steps of one size in one epoch; returns how many samples each took.
    fn advance(&mut self, most: usize) -> Result<usize> {
        let started = Instant::now();
        if self.position == 0 {
            self.begin_epoch()?;
        }
        let left = self.order.len() - self.position;
        let (steps, size) = match left / self.batch_size {
            0 => (1, left),
            whole => (most.min(whole), self.batch_size),
        };
        let end = self.position + steps * size;
        self.engine.steps(self.data, &self.order[self.position..end])?;
        self.engine.session.wait()?;
        let seconds = started.elapsed().as_secs_f64();
        self.steps_per_second = steps as f64 / seconds.max(1e-9);
        self.seconds += seconds;
        self.steps += steps as u64;
        self.position = end;
        if end == self.order.len() {
            (self.epoch, self.position) = (self.epoch + 1, 0);
        }
        Ok(size)
    }

    fn begin_epoch(&mut self) -> Result<()> {
        if self.recipe.shuffle {
            Permutation::fill(&mut self.order, self.recipe.seed, self.epoch);
        }
        Ok(self.engine.session.set_metrics(Metrics::default())?)
    }

    /// Goes on step by step, and returns the losses of the whole batches of about an epoch, at most so many. The clock goes on
    /// too: ask it before.
    pub(super) fn losses(&mut self, most: usize) -> Result<Vec<f64>> {
        let wanted = (self.order.len() / self.batch_size).clamp(2, most);
        let mut losses = Vec::with_capacity(wanted);
        while losses.len() < wanted {
            if self.advance(1)? == self.batch_size {
                losses.push(self.engine.session.metrics()?.last_loss);
            }
        }
        Ok(losses)
    }

    /// Judges the model.
    pub(super) fn test(&mut self) -> Result<Option<Metrics>> {
        self.engine.test(self.data)
    }

    /// Epochs completed.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Samples trained on.
    pub(super) fn samples(&self) -> u64 {
        self.epoch * self.samples_of_an_epoch() + self.position as u64
    }

    pub(super) fn samples_of_an_epoch(&self) -> u64 {
        self.order.len() as u64
    }

    /// Steps taken.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// Seconds they took, with the shuffling of their samples.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Every byte taken, as the device's ledger has it.
    pub(super) fn measured_bytes(&self) -> u64 {
        self.engine.measured_bytes()
    }
}
