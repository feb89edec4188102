//! Resuming from a checkpoint, if it belongs to this run.

use plangrad_nn::checkpoint::{self, Description, Progress};

use super::basis::difference;
use super::trainer::Trainer;
use crate::error::{Error, Result};

impl Trainer {
    /// Continues from a checkpoint.
    ///
    /// # Errors
    /// [`Error::ModelMismatch`] if it is of another network or of other data; if its tensors are wrong.
    pub fn resume(&mut self, loaded: &checkpoint::Loaded) -> Result<Progress> {
        let expected = loaded.require_description()?;
        if let Some(progress) = &expected.progress {
            self.check_same(expected, progress)?;
        }
        let progress = checkpoint::restore(loaded, self.task.model(), &mut self.engine.session)?;
        (self.walk.epoch, self.walk.position) = (progress.epoch, progress.position as usize);
        (self.walk.steps, self.metrics) = (progress.step, progress.metrics());
        Ok(progress)
    }

    /// Refuses a checkpoint that these settings and data cannot lead to.
    fn check_same(&self, expected: &Description, progress: &Progress) -> Result<()> {
        let samples = self.data.train.len() as u64;
        let current = &self.description.clone().without_progress();
        let mut same_network = expected.clone().without_progress();
        (same_network.architecture, same_network.model) =
            (current.architecture.clone(), current.model.clone());
        let other_settings = "its config.toml now says another seed, network or loss";
        let found = if progress.samples != samples {
            format!("there are {samples} samples to learn from now, where there were {}", progress.samples)
        } else if progress.batch_size != self.settings.batch_size as u64 {
            let (was, is) = (progress.batch_size, self.settings.batch_size);
            format!(
                "its config.toml now says batch_size = {is}, and it was trained on batches of {was}; set that back"
            )
        } else if progress.seed != self.settings.seed || expected.loss != current.loss {
            other_settings.to_owned()
        } else if same_network != *current {
            "its columns, classes or statistics are others now".to_owned()
        } else if expected.architecture() != current.architecture() {
            other_settings.to_owned()
        } else if self.steps_until(progress.epoch, progress.position) != Some(progress.step) {
            let Progress { epoch, position, step, .. } = progress;
            format!(
                "{step} steps do not lead to sample {position} after {epoch} epochs with its batch size now"
            )
        } else if let Some(other) = self.other_basis(expected) {
            other
        } else {
            return Ok(());
        };
        Err(Error::ModelMismatch { model: "the run".to_owned(), expected: expected.dataset.clone(), found })
    }

    /// What the bits follow from and is other now, if the checkpoint says what it was.
    fn other_basis(&self, expected: &Description) -> Option<String> {
        if expected.basis.is_empty() { None } else { difference(&expected.basis, &self.description.basis) }
    }

    /// Steps that lead to this position after so many epochs; `None` for a position that no run reaches.
    fn steps_until(&self, epoch: u64, position: u64) -> Option<u64> {
        let (samples, size) = (self.data.train.len() as u64, self.settings.batch_size as u64);
        let is_between_steps = position == samples || position < samples && position.is_multiple_of(size);
        let steps = epoch.checked_mul(samples.div_ceil(size))?.checked_add(position.div_ceil(size))?;
        is_between_steps.then_some(steps).filter(|_| epoch < u64::MAX)
    }
}
