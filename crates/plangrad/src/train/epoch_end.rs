//! The end of an epoch: its evaluation, and how it compares with the epochs before.

use std::time::Instant;

use plangrad_data::Split;
use plangrad_nn::Loss;
use plangrad_nn::checkpoint;
use plangrad_tensor::Metrics;

use super::best::KeptModel;
use super::event::{BestModel, Event, Verdict};
use super::folder::{BEST, MODEL, RunFolder};
use super::trainer::{Listeners, Trainer};
use crate::error::Result;
use crate::process;

impl Trainer {
    /// Evaluates the model, keeps it if it is the best, reports the epoch and begins the next. Returns the evaluation.
    pub(super) fn finish_epoch(
        &mut self,
        listeners: &mut Listeners<'_>,
        train_seconds: f64,
        trained: usize,
    ) -> Result<Option<Metrics>> {
        let train_loss = self.data.in_units_of_the_file(self.engine.session.metrics()?).mean_loss();
        let started = Instant::now();
        let split = self.data.evaluation_part();
        let metrics = self.engine.evaluate(&self.data, split)?;
        let loss = metrics.map(|metrics| metrics.mean_loss());
        if let Some(loss) = loss.filter(|loss| !loss.is_finite()) {
            return Err(self.diverged(format!("the {split} loss is {loss}")));
        }
        let accuracy = metrics.and_then(|metrics| self.accuracy(metrics));
        let eval_seconds = started.elapsed().as_secs_f64();
        let is_best = self.compare(listeners.folder, metrics.as_ref())?;
        let on = |part| split == part;
        let epoch = self.walk.epoch + 1;
        let event = Event::Epoch {
            epoch,
            train_loss,
            validation_loss: loss.filter(|_| on(Split::Validation)),
            validation_accuracy: accuracy.filter(|_| on(Split::Validation)),
            test_loss: loss.filter(|_| on(Split::Test)),
            test_accuracy: accuracy.filter(|_| on(Split::Test)),
            is_best,
            train_seconds,
            eval_seconds,
            samples_per_second: trained as f64 / train_seconds,
            planned_bytes: self.engine.planned().total(),
            measured_bytes: self.engine.measured_bytes(),
            peak_resident_bytes: process::peak_resident_bytes(),
        };
        if self.walk.is_at_end() {
            self.walk.next_epoch();
            self.metrics = Metrics::default();
            self.engine.session.set_metrics(self.metrics)?;
        }
        // Last, so that an observer that fails leaves a state that can be saved.
        listeners.report(&event)?;
        listeners.observer.weights(epoch, self.task.model(), &self.engine.session)?;
        Ok(metrics)
    }

    /// Whether this epoch is the best so far, if epochs are compared; its model is kept then, before a checkpoint says so. A
    /// part of an epoch is not compared: a run that is continued would not have stopped there.
    fn compare(&mut self, folder: &RunFolder, metrics: Option<&Metrics>) -> Result<Option<bool>> {
        let epoch = self.walk.epoch + 1;
        let is_whole = self.walk.is_at_end();
        let (Some(selection), Some(metrics)) = (self.selection.as_mut().filter(|_| is_whole), metrics) else {
            return Ok(None);
        };
        let is_best = selection.record(epoch, metrics);
        if is_best && self.settings.keep == KeptModel::Best {
            self.save_model(folder, BEST)?;
        }
        Ok(Some(is_best))
    }

    /// Tests the model of the best epoch, if the run keeps it and has one. The session has the last weights again then.
    pub(super) fn test_best(&mut self, folder: &RunFolder) -> Result<Option<BestModel>> {
        let is_kept = self.settings.keep == KeptModel::Best;
        let Some((selection, best)) =
            self.selection.filter(|_| is_kept).and_then(|selection| Some((selection, selection.best?)))
        else {
            return Ok(None);
        };
        checkpoint::load_weights(&folder.read_model(BEST)?, self.task.model(), &mut self.engine.session)?;
        let test = self.engine.evaluate(&self.data, Split::Test);
        checkpoint::load_weights(&folder.read_model(MODEL)?, self.task.model(), &mut self.engine.session)?;
        let test = test?;
        Ok(Some(BestModel {
            epoch: best.epoch,
            verdict: Verdict { criterion: selection.criterion, part: selection.split, value: best.value() },
            test_loss: test.map(|test| test.mean_loss()),
            test_accuracy: test.and_then(|test| self.accuracy(test)),
            model: folder.best(),
        }))
    }

    /// The accuracy, which a regression does not have.
    pub(super) fn accuracy(&self, test: Metrics) -> Option<f64> {
        (self.settings.loss == Loss::CrossEntropy).then(|| test.accuracy())
    }
}
