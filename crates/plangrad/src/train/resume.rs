//! Resuming from a checkpoint, if it belongs to this run.

use std::fmt::Display;

use plangrad_nn::checkpoint::{self, Description, Progress};
use plangrad_tensor::Metrics;
use serde_json::Value;

use super::basis::{
    Basis, SettingChange, asked_changes, has_changed_batch_size, has_changed_data, has_data, keep_notes,
    note_changed_data, note_changes, other_data, other_inputs, other_settings,
};
use super::settings::{BATCH_SIZE, Settings};
use super::trainer::Trainer;
use crate::error::{Error, Result};

impl Trainer {
    /// Continues from a checkpoint.
    ///
    /// # Errors
    /// [`Error::ModelMismatch`] if it is of another network or of other data; if its tensors are wrong.
    pub fn resume(&mut self, loaded: &checkpoint::Loaded) -> Result<Progress> {
        let expected = loaded.require_description()?;
        if has_data(&expected.basis) {
            self.learn_data();
        }
        keep_notes(&mut self.description.basis, &expected.basis);
        if let Some(progress) = &expected.progress {
            self.check_same(expected, progress)?;
            self.changes = self.asked(&expected.basis, progress);
            note_changes(&mut self.description.basis, &self.changes);
        }
        let has_other_data =
            has_data(&expected.basis) && other_data(&expected.basis, &self.description.basis);
        let progress = checkpoint::restore(loaded, self.task.model(), &mut self.engine.session)?;
        (self.walk.epoch, self.walk.position) = (progress.epoch, progress.position as usize);
        (self.walk.steps, self.metrics) = (progress.step, progress.metrics());
        if let Some(selection) = &mut self.selection {
            selection.best = progress.best;
        }
        if has_other_data {
            self.begin_epoch_anew()?;
        }
        Ok(progress)
    }

    /// Continues with other data: the epoch begins again with them, since no position in it means anything any more.
    fn begin_epoch_anew(&mut self) -> Result<()> {
        note_changed_data(&mut self.description.basis, self.walk.steps);
        (self.walk.position, self.metrics) = (0, Metrics::default());
        Ok(self.engine.session.set_metrics(self.metrics)?)
    }

    /// Lets [`Trainer::resume`] continue with data that have changed since the run learnt from them: from the start of its epoch
    /// on, with their own statistics. The model is then one that no uninterrupted run leads to.
    pub fn accept_changed_data(&mut self) {
        self.accepts_changed_data = true;
    }

    /// Lets [`Trainer::resume`] continue with other values of these settings: `batch_size`, `schedule.learning_rate`. The run records
    /// from which step on they hold; its model is then one that no uninterrupted run leads to.
    pub fn accept_changed_settings(&mut self, keys: &[&'static str]) {
        self.asked_settings = keys.to_vec();
    }

    /// What [`Trainer::resume`] found to be other settings than before, which were asked for.
    pub(crate) fn setting_changes(&self) -> &[SettingChange] {
        &self.changes
    }

    /// The settings that were asked for and differ; a checkpoint of an earlier version knows its batch size alone.
    fn asked(&self, was: &Basis, progress: &Progress) -> Vec<SettingChange> {
        let mut known = was.clone();
        known.entry(BATCH_SIZE.to_owned()).or_insert_with(|| progress.batch_size.into());
        asked_changes(&known, &self.description.basis, progress.step)
    }

    /// Refuses a checkpoint made with other settings or data.
    fn check_same(&self, expected: &Description, progress: &Progress) -> Result<()> {
        let (was, is) = (&expected.basis, &self.description.basis);
        let settings = if was.is_empty() { None } else { other_settings(was, is, &self.asked_settings) };
        let found = settings
            .or_else(|| self.other_samples(progress))
            .or_else(|| self.other_config(expected, progress))
            .or_else(|| self.other_network(expected))
            .or_else(|| self.other_position(was, progress))
            .or_else(|| self.other_order(was))
            .or_else(|| other_inputs(was, is));
        match found {
            None => Ok(()),
            Some(found) => {
                let (model, expected) = ("the run".to_owned(), expected.dataset.clone());
                Err(Error::ModelMismatch { model, expected, found })
            }
        }
    }

    fn other_samples(&self, progress: &Progress) -> Option<String> {
        let (samples, was) = (self.data.train.len() as u64, progress.samples);
        (samples != was && !self.accepts_changed_data).then(|| {
            format!(
                "there are {samples} samples to learn from now, where there were {was}; --accept-changed-data resumes with them"
            )
        })
    }

    /// A checkpoint of an earlier version does not say which settings led to it; what is known of them is compared.
    fn other_config(&self, expected: &Description, progress: &Progress) -> Option<String> {
        let Settings { batch_size, seed, .. } = self.settings;
        let loss = self.description.loss;
        if progress.batch_size != batch_size as u64 && !self.asked_settings.contains(&BATCH_SIZE) {
            Some(now_says(format!("batch_size = {batch_size}"), progress.batch_size))
        } else if progress.seed != seed {
            Some(now_says(format!("seed = {seed}"), progress.seed))
        } else if expected.loss != loss {
            Some(now_says(format!("loss = \"{loss}\""), format!("\"{}\"", expected.loss)))
        } else {
            None
        }
    }

    fn other_network(&self, expected: &Description) -> Option<String> {
        let current = &self.description.clone().without_progress();
        let mut same_network = expected.clone().without_progress();
        (same_network.architecture, same_network.model) =
            (current.architecture.clone(), current.model.clone());
        if self.accepts_changed_data && same_columns(expected, current) {
            (same_network.table, same_network.scale, same_network.shift) =
                (current.table.clone(), current.scale.clone(), current.shift.clone());
        }
        if same_network != *current {
            let changed = "its columns, classes or statistics have changed; --accept-changed-data accepts other statistics";
            Some(changed.to_owned())
        } else if expected.architecture() != current.architecture() {
            Some(format!(
                "its config.toml now describes the network {}, which was {}; set that back",
                current.model, expected.model
            ))
        } else {
            None
        }
    }

    /// A position that no run with these settings reaches.
    fn other_position(&self, was: &Basis, progress: &Progress) -> Option<String> {
        let Progress { epoch, position, step, .. } = *progress;
        let has_other_batches = self.asked_settings.contains(&BATCH_SIZE) || has_changed_batch_size(was);
        let may_differ = self.accepts_changed_data || has_changed_data(was) || has_other_batches;
        (!may_differ && self.steps_until(epoch, position) != Some(step)).then(|| {
            format!(
                "{step} steps do not lead to sample {position} after {epoch} epochs with its batch size now"
            )
        })
    }

    fn other_order(&self, was: &Basis) -> Option<String> {
        let differs = other_data(was, &self.description.basis) && !self.accepts_changed_data;
        differs.then(|| {
            "its samples or labels, or their order, have changed since; --accept-changed-data resumes with them"
                .to_owned()
        })
    }

    /// Number of steps taken at this position; `None` for a position that no run reaches.
    fn steps_until(&self, epoch: u64, position: u64) -> Option<u64> {
        let (samples, size) = (self.data.train.len() as u64, self.settings.batch_size as u64);
        let is_between_steps = position == samples || position < samples && position.is_multiple_of(size);
        let steps = epoch.checked_mul(samples.div_ceil(size))?.checked_add(position.div_ceil(size))?;
        is_between_steps.then_some(steps).filter(|_| epoch < u64::MAX)
    }
}

fn now_says(setting: String, was: impl Display) -> String {
    format!("its config.toml now says {setting}, which was {was}; set that back")
}

/// Whether two descriptions of tables differ in no more than statistics.
fn same_columns(a: &Description, b: &Description) -> bool {
    let without_statistics = |description: &Description| {
        let mut table = description.table.clone();
        if let Some(Value::Object(entries)) = &mut table {
            for name in ["mean", "std", "fill"] {
                entries.remove(name);
            }
        }
        table
    };
    without_statistics(a) == without_statistics(b)
}
