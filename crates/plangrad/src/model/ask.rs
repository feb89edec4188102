//! Evaluation on many samples, and prediction for one.

use std::ops::Range;

use plangrad_nn::checkpoint;
use plangrad_nn::{Loss, PredictionPlan, Task};
use plangrad_tensor::Backend;
use plangrad_tensor::{
    Error as TensorError, Inputs, MemoryReport, Plan, Samples, Session, Source, State, Targets, TensorId,
};

use super::classification::{ClassCounts, Classification};
use super::confusion::Confusion;
use super::trained::Model;
use crate::error::{Error, Result};
use crate::numbers::counted;
use crate::train::plans::{self, EvaluationSizes};
use crate::train::{Stop, YET_REFUSED, class_targets};

/// A model's prediction for one sample.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Prediction {
    /// The most probable class, and the probability of each.
    Class {
        /// Its label.
        class: usize,
        /// Probabilities in label order.
        probabilities: Vec<f32>,
    },
    /// A number, in units of the file that the model learnt from.
    Value(f64),
}

/// The result of an evaluation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// Mean loss; of a regression in squared units of the file.
    pub loss: f64,
    /// Samples evaluated.
    pub samples: usize,
    /// For classes: how many were predicted as their label. A sample with a score that is not a number is not.
    pub correct: Option<u64>,
    /// For classes: how often a label was predicted as a class.
    pub confusion: Option<Confusion>,
    /// For classes: the figures of each.
    pub classification: Option<Classification>,
    /// For a regression: the predictions, in units of the file.
    pub answers: Option<Vec<f64>>,
    /// Bytes planned.
    pub planned_bytes: u64,
    /// Bytes taken, according to the device's ledger.
    pub measured_bytes: u64,
}

impl Evaluation {
    /// Share of correct predictions; `None` for a regression.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        self.correct.map(|correct| correct as f64 / self.samples as f64)
    }
}

impl Model {
    /// Evaluates the model on `source`, made by [`Model::source`], in batches of `batch_size` samples; if absent, as many of at most 1000 as fit.
    ///
    /// # Errors
    /// If memory runs out, or `source` is for another model; [`Error::Stopped`] if asked to stop.
    pub fn evaluate(
        &self,
        source: &Source,
        batch_size: Option<usize>,
        backend: &Backend,
        stop: &Stop,
    ) -> Result<Evaluation> {
        let (mut asking, batch_size) = self.asking(source.len(), batch_size, backend)?;
        let outputs = self.outputs();
        let scale = self.target_scale();
        let (mut confusion, mut counts) = (Confusion::new(outputs), ClassCounts::new(outputs));
        let mut answers = Vec::new();
        let order: Vec<u32> = (0..source.len() as u32).collect();
        for rows in order.chunks(batch_size) {
            let plan = usize::from(rows.len() != batch_size);
            stop.check()?;
            let scores = asking.run(plan, source, rows)?;
            if self.task.loss() != Loss::CrossEntropy {
                answers.extend(scores.into_iter().map(|score| scale.restore(score)));
                continue;
            }
            for (scores, &row) in scores.chunks_exact(outputs).zip(rows) {
                let Some(label) = source.label(row) else { continue };
                let answer = largest(scores);
                confusion.add(label, answer);
                counts.add(label, answer, scores);
            }
        }
        let metrics = asking.session.metrics()?;
        let has_classes = self.task.loss() == Loss::CrossEntropy;
        let correct = has_classes.then_some(metrics.correct);
        let classification = has_classes.then(|| counts.quality());
        let confusion = has_classes.then_some(confusion);
        let answers = (!has_classes).then_some(answers);
        let planned_bytes = asking.session.planned().total();
        let measured_bytes = backend.memory().reserved;
        let (loss, samples) = (scale.restore_squared(metrics.mean_loss()), source.len());
        Ok(Evaluation {
            loss,
            samples,
            correct,
            confusion,
            classification,
            answers,
            planned_bytes,
            measured_bytes,
        })
    }

    /// A session for so many samples, in batches of `batch_size`; if absent, as many of at most 1000 as fit.
    fn asking(
        &self,
        samples: usize,
        batch_size: Option<usize>,
        backend: &Backend,
    ) -> Result<(Asking, usize)> {
        let room = backend.memory().free().unwrap_or(u64::MAX);
        let task = leanest(&self.task, backend);
        let state = task.inference_state()?;
        let fits = |n| Ok(asking_bytes(&task, &state, n, backend)? <= room);
        let sizes = EvaluationSizes::of(samples, batch_size, plans::LARGEST, fits)?;
        let asking = Asking::new(self, [sizes.whole].into_iter().chain(sizes.rest), backend)?;
        Ok((asking, sizes.whole))
    }

    /// Predicts one sample, not normalised if it is an image, standardised if it is a row.
    ///
    /// # Errors
    /// If memory runs out, or the sample is for another model.
    pub fn predict(&self, sample: Samples, backend: &Backend) -> Result<Prediction> {
        let all = self.predict_all(&self.unlabelled(sample, 1)?, backend)?;
        Ok(all.into_iter().next().unwrap_or(Prediction::Value(f64::NAN)))
    }

    /// Predicts every sample of `source`, in its order. Its targets say nothing.
    ///
    /// # Errors
    /// If memory runs out, or the samples are for another model.
    pub fn predict_all(&self, source: &Source, backend: &Backend) -> Result<Vec<Prediction>> {
        let (mut asking, batch_size) = self.asking(source.len(), None, backend)?;
        let order: Vec<u32> = (0..source.len() as u32).collect();
        let mut predictions = Vec::with_capacity(source.len());
        for rows in order.chunks(batch_size) {
            let plan = usize::from(rows.len() != batch_size);
            predictions.extend(self.predictions(&mut asking, plan, source, rows)?);
        }
        Ok(predictions)
    }

    /// Predicts so many samples, of which `samples` copies some when they are needed: a batch at a time.
    ///
    /// # Errors
    /// If memory runs out, or the samples are for another model; [`Error::Stopped`] if asked to stop.
    pub fn predict_in_batches(
        &self,
        count: usize,
        samples: &mut dyn FnMut(Range<usize>) -> Samples,
        backend: &Backend,
        stop: &Stop,
    ) -> Result<Vec<Prediction>> {
        let (mut asking, batch_size) = self.asking(count, None, backend)?;
        let mut predictions = Vec::with_capacity(count);
        for first in (0..count).step_by(batch_size) {
            stop.check()?;
            let range = first..count.min(first + batch_size);
            let (plan, rows) = (usize::from(range.len() != batch_size), range.len() as u32);
            let source = self.unlabelled(samples(range), rows as usize)?;
            let order: Vec<u32> = (0..rows).collect();
            predictions.extend(self.predictions(&mut asking, plan, &source, &order)?);
        }
        Ok(predictions)
    }

    /// Runs a plan on one batch and returns the prediction for each of its rows.
    fn predictions(
        &self,
        asking: &mut Asking,
        plan: usize,
        source: &Source,
        rows: &[u32],
    ) -> Result<Vec<Prediction>> {
        let scores = asking.run(plan, source, rows)?;
        let Some(node) = asking.plans[plan].probabilities else {
            let scale = self.target_scale();
            return Ok(scores.into_iter().map(|score| Prediction::Value(scale.restore(score))).collect());
        };
        let outputs = self.outputs();
        let probabilities: Vec<f32> = asking.session.read(plan, node)?.into_iter().collect();
        let of_rows = scores.chunks_exact(outputs).zip(probabilities.chunks_exact(outputs));
        let prediction = |(scores, probabilities): (&[f32], &[f32])| Prediction::Class {
            class: largest(scores),
            probabilities: probabilities.to_vec(),
        };
        Ok(of_rows.map(prediction).collect())
    }

    /// A session that predicts again and again, in batches of at most `batch_size` samples.
    ///
    /// # Errors
    /// If memory runs out.
    pub(crate) fn predictor(&self, batch_size: usize, backend: &Backend) -> Result<Predictor<'_>> {
        let sizes = [1].into_iter().chain((batch_size > 1).then_some(batch_size));
        let asking = Asking::new(self, sizes, backend)?;
        Ok(Predictor { model: self, asking, batch_size: batch_size.max(1) })
    }

    /// Samples whose targets are not known.
    ///
    /// # Errors
    /// If the samples are not whole ones.
    pub(crate) fn unlabelled(&self, samples: Samples, rows: usize) -> Result<Source> {
        let targets = match self.task.loss() {
            Loss::CrossEntropy => class_targets(vec![0; rows], self.outputs()),
            _ => Targets::Values { values: vec![0.0; rows], width: 1 },
        };
        Ok(Source::new(samples, targets, self.sample_shape().iter().product())?)
    }
}

/// A model in a device's memory that predicts again and again; nothing more is reserved for it.
pub(crate) struct Predictor<'a> {
    model: &'a Model,
    asking: Asking,
    batch_size: usize,
}

impl Predictor<'_> {
    /// What the session takes, as planned.
    pub(crate) fn planned(&self) -> MemoryReport {
        self.asking.session.planned()
    }

    /// Predicts every sample of `source`, in its order. A batch that is not full is filled up with its last sample.
    ///
    /// # Errors
    /// If the samples are for another model, or the device fails.
    pub(crate) fn predict(&mut self, source: &Source) -> Result<Vec<Prediction>> {
        let order: Vec<u32> = (0..source.len() as u32).collect();
        let mut predictions = Vec::with_capacity(source.len());
        for rows in order.chunks(self.batch_size) {
            let plan = usize::from(rows.len() > 1);
            let mut batch = rows.to_vec();
            if let (true, Some(&last)) = (plan > 0, rows.last()) {
                batch.resize(self.batch_size, last);
            }
            let found = self.model.predictions(&mut self.asking, plan, source, &batch)?;
            predictions.extend(found.into_iter().take(rows.len()));
        }
        Ok(predictions)
    }
}

/// A session with a model's weights, and prediction plans for some batch sizes.
struct Asking {
    session: Session,
    plans: Vec<Nodes>,
}

/// The outputs of a plan.
struct Nodes {
    scores: TensorId,
    probabilities: Option<TensorId>,
}

impl Asking {
    fn new(model: &Model, sizes: impl IntoIterator<Item = usize>, backend: &Backend) -> Result<Self> {
        let task = &leanest(&model.task, backend);
        let state = task.inference_state()?;
        let plans = sizes.into_iter().map(|size| task.prediction_plan(&state, size));
        let plans = plans.collect::<std::result::Result<Vec<_>, _>>()?;
        let nodes = |plan: &PredictionPlan| Nodes { scores: plan.scores, probabilities: plan.probabilities };
        let nodes = plans.iter().map(nodes).collect();
        let plans: Vec<Plan> = plans.into_iter().map(|plan| plan.plan).collect();
        let batch_size = plans.iter().map(Plan::batch_size).max().unwrap_or(1);
        let mut session = Session::streaming(backend, plans)
            .map_err(|refused| out_of_memory(refused, task, &state, batch_size, backend))?;
        checkpoint::load_weights(&model.weights, model.task.model(), &mut session)?;
        Ok(Self { session, plans: nodes })
    }

    /// Runs a plan on one batch and returns its scores, row by row.
    fn run(&mut self, plan: usize, source: &Source, rows: &[u32]) -> Result<Vec<f32>> {
        self.session.run(plan, &source.batches(rows)?)?;
        Ok(self.session.read(plan, self.plans[plan].scores)?.into_iter().collect())
    }
}

/// The error if memory for batches of `batch_size` samples was refused.
fn out_of_memory(
    refused: TensorError,
    task: &Task,
    state: &State,
    batch_size: usize,
    backend: &Backend,
) -> Error {
    let TensorError::OutOfMemory { device, requested, free, total, report } = refused else {
        return refused.into();
    };
    let fits = |n| asking_bytes(task, state, n, backend).is_ok_and(|bytes| bytes <= free);
    let remedy = match plans::largest_that_fits(batch_size, fits) {
        Some(largest) if largest == batch_size => YET_REFUSED.to_owned(),
        Some(largest) => {
            format!("take --batch-size {largest}, the largest that fits, or raise --memory-budget")
        }
        None => "not even one sample at a time fits; raise --memory-budget".to_owned(),
    };
    let what = format!("evaluating batches of {}", counted(batch_size, "sample"));
    Error::OutOfMemory { device, what, requested, free, total, remedy, report }
}

/// The task in the least memory that the device can do with.
fn leanest(task: &Task, backend: &Backend) -> Task {
    task.clone().with_inputs(Inputs::leanest(backend.device()))
}

/// Bytes of a session for batches of `batch_size` samples.
fn asking_bytes(task: &Task, state: &State, batch_size: usize, backend: &Backend) -> Result<u64> {
    let plan = task.prediction_plan(state, batch_size)?.plan;
    let is_streamed = backend.has_own_memory();
    Ok(if is_streamed { Session::streaming_report(&[plan]).total() } else { plan.bytes() as u64 })
}

/// The class that a row of scores stands for, as the kernel `argmax` has it: the first of the largest, or the first that is
/// not a number.
fn largest(scores: &[f32]) -> usize {
    let better = |x: f32, best: f32| x > best || x.is_nan() && !best.is_nan();
    (0..scores.len()).fold(0, |best, i| if better(scores[i], scores[best]) { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_value_is_found_and_the_first_of_equals() {
        assert_eq!([largest(&[1.0, 3.0, 2.0]), largest(&[2.0, 2.0]), largest(&[1.0, f32::NAN])], [1, 0, 1]);
    }
}
