//! What a network is trained for, and the plans of one step and of one evaluation batch.

use std::fmt;
use std::str::FromStr;

use plangrad_tensor::{
    Graph, Optimizer, Plan, SampleFormat, Schedule, State, TargetFormat, Tensor, TensorId,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Mlp, Mode, SplitStep};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// For classes.
    CrossEntropy,
    /// For values.
    Mse,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Loss::CrossEntropy => "cross-entropy",
            Loss::Mse => "mse",
        })
    }
}

impl FromStr for Loss {
    type Err = Error;

    fn from_str(name: &str) -> Result<Loss, Error> {
        match name {
            "cross-entropy" => Ok(Loss::CrossEntropy),
            "mse" => Ok(Loss::Mse),
            _ => Err(Error::Name { what: "loss", found: name.into(), choices: "cross-entropy, mse" }),
        }
    }
}

/// A model, the data it reads and the loss it is judged by.
#[derive(Clone, Debug)]
pub struct Task {
    /// The network.
    pub model: Mlp,
    /// How samples are stored and normalised.
    pub samples: SampleFormat,
    /// The loss.
    pub loss: Loss,
}

/// A plan that answers for a batch, and what can be read of it afterwards.
#[derive(Clone, Debug)]
pub struct PredictionPlan {
    /// The plan.
    pub plan: Plan,
    /// Scores `[batch, outputs]`: logits, or predicted values.
    pub scores: TensorId,
    /// Class probabilities `[batch, outputs]`, for a classification.
    pub probabilities: Option<TensorId>,
}

impl Task {
    /// What the targets of the dataset must be.
    pub fn targets(&self) -> TargetFormat {
        match self.loss {
            Loss::CrossEntropy => TargetFormat::Class,
            Loss::Mse => TargetFormat::Values(self.model.config().outputs),
        }
    }

    /// What a training session keeps.
    ///
    /// # Errors
    /// Never for a model that [`Mlp::new`] made.
    pub fn training_state(&self, optimizer: Optimizer) -> Result<State, Error> {
        Ok(State::training(self.model.parameter_list(), optimizer)?)
    }

    /// One step on a batch: advance, forward, loss, metrics, backward, update.
    ///
    /// # Errors
    /// If the sizes overflow.
    pub fn training_plan(
        &self,
        optimizer: Optimizer,
        schedule: Schedule,
        batch_size: usize,
    ) -> Result<Plan, Error> {
        let graph = Graph::new();
        graph.advance(optimizer, schedule)?;
        let losses = self.training_losses(&graph, batch_size)?;
        losses.accumulate_metrics(None)?;
        let loss = losses.mean()?;
        for (parameter, gradient) in self.model.parameters().iter().zip(self.gradients(&graph, loss)?) {
            graph.update(optimizer, parameter, gradient)?;
        }
        Ok(Plan::new(&graph, &self.training_state(optimizer)?, &[])?)
    }

    /// A step on a batch of `rows` in parts of at most `part` rows, with the gradient summed over the parts before one
    /// update. The loss of each sample weighs 1 / `rows` whatever part it is in, so the step is that of the whole batch.
    ///
    /// # Errors
    /// If the sizes overflow.
    pub fn split_step(
        &self,
        optimizer: Optimizer,
        schedule: Schedule,
        rows: usize,
        part: usize,
    ) -> Result<SplitStep, Error> {
        let part = part.clamp(1, rows.max(1));
        let plan = |size, first| self.part_plan(optimizer, schedule, rows, size, first);
        let whole_parts = (rows / part).max(1);
        let left_over = if rows > part { rows % part } else { 0 };
        Ok(SplitStep {
            first: plan(part.min(rows), true)?,
            next: (whole_parts > 1).then(|| plan(part, false)).transpose()?,
            next_count: whole_parts - 1,
            last: (left_over > 0).then(|| plan(left_over, false)).transpose()?,
            update: self.update_plan(optimizer)?,
        })
    }

    /// Gradients of `size` rows of a batch of `rows`, in place of those kept (the first part) or added to them.
    fn part_plan(
        &self,
        optimizer: Optimizer,
        schedule: Schedule,
        rows: usize,
        size: usize,
        first: bool,
    ) -> Result<Plan, Error> {
        let graph = Graph::new();
        if first {
            graph.advance(optimizer, schedule)?;
        }
        let losses = self.training_losses(&graph, size)?;
        if first { losses.accumulate_metrics(None) } else { losses.continue_metrics(None) }?;
        let share = losses.sum()?.affine((1.0 / rows as f64) as f32, 0.0)?;
        for (parameter, gradient) in self.model.parameters().iter().zip(self.gradients(&graph, share)?) {
            graph.store_gradient(parameter, gradient, !first)?;
        }
        graph.proceed(size)?;
        Ok(Plan::new(&graph, &self.training_state(optimizer)?, &[])?)
    }

    /// Moves all parameters along the gradients kept for them.
    fn update_plan(&self, optimizer: Optimizer) -> Result<Plan, Error> {
        let graph = Graph::new();
        self.model.parameters().iter().try_for_each(|parameter| graph.update_kept(optimizer, parameter))?;
        Ok(Plan::new(&graph, &self.training_state(optimizer)?, &[])?)
    }

    /// One batch judged: its losses and (for classes) right answers go into the metrics.
    ///
    /// # Errors
    /// If the sizes overflow.
    pub fn evaluation_plan(&self, state: &State, batch_size: usize) -> Result<Plan, Error> {
        let graph = Graph::new();
        self.evaluate(&graph, batch_size)?;
        Ok(Plan::new(&graph, state, &[])?)
    }

    /// One batch judged as by [`Task::evaluation_plan`], with scores and probabilities to read.
    ///
    /// # Errors
    /// If the sizes overflow.
    pub fn prediction_plan(&self, state: &State, batch_size: usize) -> Result<PredictionPlan, Error> {
        let graph = Graph::new();
        let scores = self.evaluate(&graph, batch_size)?;
        let probabilities = match self.loss {
            Loss::CrossEntropy => Some(scores.softmax()?),
            Loss::Mse => None,
        };
        let outputs: Vec<Tensor<'_>> = [Some(scores), probabilities].into_iter().flatten().collect();
        let plan = Plan::new(&graph, state, &outputs)?;
        Ok(PredictionPlan { plan, scores: scores.id(), probabilities: probabilities.map(|p| p.id()) })
    }

    /// Records forward pass and metrics of a batch; returns the scores.
    fn evaluate<'g>(&self, graph: &'g Graph, batch_size: usize) -> Result<Tensor<'g>, Error> {
        let x = graph.samples(&self.samples, batch_size)?;
        let targets = graph.targets(self.targets(), batch_size)?;
        let scores = self.model.forward(graph, x, Mode::Evaluate)?;
        let correct = match self.loss {
            Loss::CrossEntropy => Some(scores.correct(targets)?),
            Loss::Mse => None,
        };
        self.losses(scores, targets)?.accumulate_metrics(correct)?;
        Ok(scores)
    }

    /// Records forward pass and losses of a batch to be learnt from; returns one loss per sample.
    fn training_losses<'g>(&self, graph: &'g Graph, batch_size: usize) -> Result<Tensor<'g>, Error> {
        let x = graph.samples(&self.samples, batch_size)?;
        let targets = graph.targets(self.targets(), batch_size)?;
        self.losses(self.model.forward(graph, x, Mode::Train)?, targets)
    }

    /// The gradient of `loss` by each parameter, in their order.
    fn gradients<'g>(&self, graph: &'g Graph, loss: Tensor<'g>) -> Result<Vec<Tensor<'g>>, Error> {
        let parameters = self.model.parameters();
        let variables = parameters.iter().map(|p| graph.parameter(p)).collect::<Result<Vec<_>, _>>()?;
        Ok(graph.gradients(loss, &variables)?)
    }

    /// One loss per sample.
    fn losses<'g>(&self, scores: Tensor<'g>, targets: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        Ok(match self.loss {
            Loss::CrossEntropy => scores.cross_entropy_losses(targets)?,
            Loss::Mse => scores.mse_losses(targets)?,
        })
    }
}
