//! A network with its data format and loss, and the plans of one step and of one evaluation batch.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use plangrad_tensor::{
    Graph, Keep, NumberTypes, Optimizer, Parameter, Plan, SampleFormat, Schedule, Session, State,
    TargetFormat, Tensor, TensorId,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Mode, Module, SplitStep};

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Loss {
    /// For classes.
    CrossEntropy,
    /// For values.
    Mse,
}

impl Loss {
    /// All of them, in the order of help texts.
    pub const ALL: [Loss; 2] = [Loss::CrossEntropy, Loss::Mse];
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
        let known = || Loss::ALL.map(|loss| loss.to_string()).to_vec();
        let unknown = || Error::UnknownLoss { found: name.into(), known: known() };
        Loss::ALL.into_iter().find(|loss| loss.to_string() == name).ok_or_else(unknown)
    }
}

/// A network, the format of the samples it reads, and the loss it minimises.
#[derive(Clone, Debug)]
pub struct Task {
    model: Arc<dyn Module>,
    samples: SampleFormat,
    loss: Loss,
    number_types: NumberTypes,
}

/// A plan that predicts a batch, with the outputs that can be read after it has run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PredictionPlan {
    /// The plan.
    pub plan: Plan,
    /// Scores `[batch, outputs]`: logits, or predicted values.
    pub scores: TensorId,
    /// Class probabilities `[batch, outputs]`, for a classification.
    pub probabilities: Option<TensorId>,
}

impl Task {
    /// Minimises `loss` of `model` on samples of this format.
    ///
    /// # Errors
    /// [`Error::SampleShape`] if the network reads samples of another shape.
    pub fn new(model: Arc<dyn Module>, samples: SampleFormat, loss: Loss) -> Result<Task, Error> {
        let (expected, found) = (model.sample_shape(), samples.shape.dims());
        if expected != found {
            return Err(Error::SampleShape { expected: expected.to_vec(), found: found.to_vec() });
        }
        Ok(Task { model, samples, loss, number_types: NumberTypes::default() })
    }

    /// The same with numbers kept in other types than f32: what its plans take is then known to the byte, whether or not
    /// there is a device yet that runs them.
    ///
    /// ```
    /// use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
    /// use plangrad_tensor::{Category, DType, NumberTypes, Optimizer, SampleFormat, Schedule, Shape};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let model = Mlp::new(&MlpConfig::new(&[784], 10).hidden(&[128]))?;
    /// let samples = SampleFormat::new(Shape::new(&[784])?, DType::U8);
    /// let task = Task::new(std::sync::Arc::new(model), samples, Loss::CrossEntropy)?;
    /// let schedule = Schedule::Constant { learning_rate: 0.001 };
    /// let batch = |task: &Task| -> Result<u64, plangrad_nn::Error> {
    ///     Ok(task.training_plan(Optimizer::adam(), schedule, 64)?.report().get(Category::Batch))
    /// };
    /// let labels = 64;
    /// assert_eq!(batch(&task)?, 64 * 784 * 4 + labels);
    /// let task = task.with_number_types(NumberTypes::default().storage(DType::Bf16));
    /// assert_eq!(batch(&task)?, 64 * 784 * 2 + labels);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_number_types(self, number_types: NumberTypes) -> Task {
        Task { number_types, ..self }
    }

    /// The network.
    #[must_use]
    pub fn model(&self) -> &dyn Module {
        &*self.model
    }

    /// How samples are stored and normalised.
    #[must_use]
    pub fn samples(&self) -> &SampleFormat {
        &self.samples
    }

    /// The loss.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// The format of the dataset's targets.
    #[must_use]
    pub fn targets(&self) -> TargetFormat {
        match self.loss {
            Loss::CrossEntropy => TargetFormat::Class,
            Loss::Mse => TargetFormat::Values(self.model.outputs()),
        }
    }

    /// Sets the weights in a session to their first values, a function of `seed` alone.
    ///
    /// # Errors
    /// If the session holds another network; [`plangrad_tensor::Error::Device`] if the device has failed.
    pub fn initialise(&self, session: &mut Session, seed: u64) -> Result<(), Error> {
        self.model.weights().initialise(session, seed)
    }

    /// The persistent memory of a training session: weights, gradients and moments.
    ///
    /// # Errors
    /// If the sizes overflow.
    pub fn training_state(&self, optimizer: Optimizer) -> Result<State, Error> {
        Ok(State::training(self.model.weights().list(), optimizer)?.with_number_types(self.number_types)?)
    }

    /// The persistent memory of a session that only evaluates or predicts: weights.
    ///
    /// # Errors
    /// If the sizes overflow.
    pub fn inference_state(&self) -> Result<State, Error> {
        Ok(State::inference(self.model.weights().list())?.with_number_types(self.number_types)?)
    }

    /// One step on a batch: advance, forward, loss, metrics, backward, update.
    ///
    /// # Errors
    /// What the network's [`Module::record`] reports; [`Error::Scores`] if it does not return scores; if the sizes overflow.
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
        for (parameter, gradient) in self.trained().zip(self.gradients(&graph, loss)?) {
            graph.update(optimizer, parameter, gradient)?;
        }
        Ok(Plan::new(&graph, &self.training_state(optimizer)?, &[])?)
    }

    /// A step on a batch of `rows` in parts of at most `part` rows, with the gradient summed over the parts before one
    /// update. The loss of each sample weighs 1 / `rows` whatever part it is in, so the step is that of the whole batch.
    ///
    /// A network with statistics of the batch takes a different step: each part has statistics of its own, and assigns
    /// running ones once (see [`Module`]).
    ///
    /// # Errors
    /// As [`Task::training_plan`].
    pub fn split_step(
        &self,
        optimizer: Optimizer,
        schedule: Schedule,
        rows: usize,
        part: usize,
    ) -> Result<SplitStep, Error> {
        let part = part.clamp(1, rows.max(1));
        let plan = |size, keep| self.part_plan(optimizer, schedule, rows, size, keep);
        let whole_parts = (rows / part).max(1);
        let left_over = if rows > part { rows % part } else { 0 };
        Ok(SplitStep {
            first: plan(part.min(rows), Keep::Replace)?,
            next: (whole_parts > 1).then(|| plan(part, Keep::Add)).transpose()?,
            next_count: whole_parts - 1,
            last: (left_over > 0).then(|| plan(left_over, Keep::Add)).transpose()?,
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
        keep: Keep,
    ) -> Result<Plan, Error> {
        let graph = Graph::new();
        if keep == Keep::Replace {
            graph.advance(optimizer, schedule)?;
        }
        let losses = self.training_losses(&graph, size)?;
        match keep {
            Keep::Replace => losses.accumulate_metrics(None)?,
            Keep::Add => losses.continue_metrics(None)?,
        }
        let share = losses.sum()?.affine((1.0 / rows as f64) as f32, 0.0)?;
        for (parameter, gradient) in self.trained().zip(self.gradients(&graph, share)?) {
            graph.store_gradient(parameter, gradient, keep)?;
        }
        graph.proceed(size)?;
        Ok(Plan::new(&graph, &self.training_state(optimizer)?, &[])?)
    }

    /// Moves all parameters along the gradients kept for them.
    fn update_plan(&self, optimizer: Optimizer) -> Result<Plan, Error> {
        let graph = Graph::new();
        self.trained().try_for_each(|parameter| graph.update_kept(optimizer, parameter))?;
        Ok(Plan::new(&graph, &self.training_state(optimizer)?, &[])?)
    }

    /// Evaluates one batch: its losses and (for classes) correct predictions are added to the metrics.
    ///
    /// # Errors
    /// As [`Task::training_plan`].
    pub fn evaluation_plan(&self, state: &State, batch_size: usize) -> Result<Plan, Error> {
        let graph = Graph::new();
        self.evaluate(&graph, batch_size)?;
        Ok(Plan::new(&graph, state, &[])?)
    }

    /// Evaluates one batch like [`Task::evaluation_plan`], with scores and probabilities to read.
    ///
    /// # Errors
    /// As [`Task::training_plan`].
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
        let scores = self.scores(graph, x, Mode::Evaluate)?;
        let correct = match self.loss {
            Loss::CrossEntropy => Some(scores.correct(targets)?),
            Loss::Mse => None,
        };
        self.losses(scores, targets)?.accumulate_metrics(correct)?;
        Ok(scores)
    }

    /// Records forward pass and losses of a training batch; returns one loss per sample.
    fn training_losses<'g>(&self, graph: &'g Graph, batch_size: usize) -> Result<Tensor<'g>, Error> {
        let x = graph.samples(&self.samples, batch_size)?;
        let targets = graph.targets(self.targets(), batch_size)?;
        self.losses(self.scores(graph, x, Mode::Train)?, targets)
    }

    /// Records the network, whose scores must be one row per sample.
    fn scores<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        let expected = [x.dims()[0], self.model.outputs()];
        let scores = self.model.record(graph, x, mode)?;
        if scores.dims() != expected {
            return Err(Error::Scores { expected, found: scores.dims().to_vec() });
        }
        Ok(scores)
    }

    /// The parameters that the optimizer trains.
    fn trained(&self) -> impl Iterator<Item = &Parameter> {
        self.model.weights().trained_parameters()
    }

    /// The gradient of `loss` with respect to each trained parameter, in their order.
    fn gradients<'g>(&self, graph: &'g Graph, loss: Tensor<'g>) -> Result<Vec<Tensor<'g>>, Error> {
        let variables = self.trained().map(|p| graph.parameter(p)).collect::<Result<Vec<_>, _>>()?;
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
