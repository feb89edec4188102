//! What a network is trained for, and the plans of one step and of one evaluation batch.

use std::fmt;
use std::str::FromStr;

use plangrad_tensor::{Graph, NodeId, Optimizer, Plan, SampleFormat, Schedule, State, TargetFormat, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Error, Mlp, Mode};

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

/// A plan that judges a batch, and what can be read of it afterwards.
#[derive(Clone, Debug)]
pub struct EvaluationPlan {
    /// The plan.
    pub plan: Plan,
    /// Scores `[batch, outputs]`: logits, or predicted values.
    pub scores: NodeId,
    /// Class probabilities `[batch, outputs]`, for a classification.
    pub probabilities: Option<NodeId>,
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
        Ok(State::training(self.model.parameters(), optimizer)?)
    }

    /// One step on a batch: advance, forward, loss, metrics, backward, update.
    ///
    /// # Errors
    /// If the sizes overflow.
    pub fn training_plan(&self, optimizer: Optimizer, schedule: Schedule, batch_size: usize) -> Result<Plan, Error> {
        let graph = Graph::new();
        graph.advance(optimizer, schedule)?;
        let x = graph.samples(&self.samples, batch_size)?;
        let targets = graph.targets(self.targets(), batch_size)?;
        let losses = self.losses(self.model.forward(&graph, x, Mode::Train)?, targets)?;
        losses.accumulate_metrics(None)?;
        let parameters = self.model.parameters();
        let variables = parameters.iter().map(|p| graph.parameter(p)).collect::<Result<Vec<_>, _>>()?;
        for (parameter, gradient) in parameters.iter().zip(graph.gradients(losses.mean()?, &variables)?) {
            graph.update(optimizer, parameter, gradient)?;
        }
        Ok(Plan::new(&graph, &self.training_state(optimizer)?, &[])?)
    }

    /// One batch judged: losses and (for classes) right answers into the metrics, scores and probabilities to read.
    ///
    /// # Errors
    /// If the sizes overflow.
    pub fn evaluation_plan(&self, state: &State, batch_size: usize) -> Result<EvaluationPlan, Error> {
        let graph = Graph::new();
        let x = graph.samples(&self.samples, batch_size)?;
        let targets = graph.targets(self.targets(), batch_size)?;
        let scores = self.model.forward(&graph, x, Mode::Evaluate)?;
        let losses = self.losses(scores, targets)?;
        let mut outputs = vec![scores];
        match self.loss {
            Loss::CrossEntropy => {
                losses.accumulate_metrics(Some(scores.correct(targets)?))?;
                outputs.push(scores.softmax()?);
            }
            Loss::Mse => losses.accumulate_metrics(None)?,
        }
        let plan = Plan::new(&graph, state, &outputs)?;
        Ok(EvaluationPlan { plan, scores: scores.id(), probabilities: outputs.get(1).map(Tensor::id) })
    }

    /// One loss per sample.
    fn losses<'g>(&self, scores: Tensor<'g>, targets: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        Ok(match self.loss {
            Loss::CrossEntropy => scores.cross_entropy_losses(targets)?,
            Loss::Mse => scores.mse_losses(targets)?,
        })
    }
}
