//! What a run saves on its way: checkpoints, models, and the fingerprint of its data.

use plangrad_nn::checkpoint::{self, Folder, Progress, Staged};

use super::basis::add_data;
use super::epochs::EpochWalk;
use super::fingerprint::Fingerprint;
use super::folder::{CHECKPOINT, RunFolder};
use super::trainer::Trainer;
use crate::error::{Error, Result};

impl Trainer {
    /// A checkpoint of the present state, to be placed in a folder.
    ///
    /// # Errors
    /// If it cannot be written, or a weight is not finite.
    pub fn stage_checkpoint(&self, folder: &Folder) -> Result<Staged> {
        let (model, session, description) = (self.task.model(), &self.engine.session, &self.description);
        let staged =
            checkpoint::stage_checkpoint(folder, CHECKPOINT, model, session, description, self.progress());
        staged.map_err(|error| self.astray(error))
    }

    fn progress(&self) -> Progress {
        let EpochWalk { steps, epoch, position, .. } = self.walk;
        let mut progress = Progress::default();
        (progress.step, progress.epoch, progress.position) = (steps, epoch, position as u64);
        (progress.seed, progress.batch_size) = (self.settings.seed, self.settings.batch_size as u64);
        progress.samples = self.walk.samples() as u64;
        progress.best = self.selection.and_then(|selection| selection.best);
        progress.with_sums_of(&self.metrics)
    }

    /// Saves the state of the run; the earlier checkpoint is intact until then.
    pub(super) fn save(&self, folder: &RunFolder) -> Result<()> {
        let saved = self.stage_checkpoint(folder.folder()).and_then(|checkpoint| {
            folder.sync()?; // a checkpoint must not reach the disk before the lines that lead up to it
            Ok(checkpoint.place()?)
        });
        folder.check_in_place()?; // which is why it may have failed
        saved
    }

    /// Saves the model as a file of the run.
    pub(super) fn save_model(&self, folder: &RunFolder, name: &str) -> Result<()> {
        let (model, session, description) = (self.task.model(), &self.engine.session, &self.description);
        let staged = checkpoint::stage_model(folder.folder(), name, model, session, description);
        let saved = staged.map_err(|error| self.astray(error)).and_then(|staged| Ok(staged.place()?));
        folder.check_in_place()?;
        saved
    }

    /// Takes the fingerprint of the data into the description. It costs as much as reading them, so a run does it after its
    /// first step.
    pub(super) fn learn_data(&mut self) {
        let print = self.fingerprint.get_or_insert_with(|| Fingerprint::of(&self.data, self.rows.as_ref()));
        add_data(&mut self.description.basis, print);
    }

    pub(super) fn save_fingerprint(&mut self, folder: &RunFolder) -> Result<()> {
        if let Some(print) = self.fingerprint.as_ref().filter(|_| !self.fingerprint_is_saved) {
            let saved = folder.save_fingerprint(print);
            folder.check_in_place()?;
            saved?;
            self.fingerprint_is_saved = true;
        }
        Ok(())
    }

    /// An error of writing, which may be that a weight is not finite.
    fn astray(&self, error: plangrad_nn::Error) -> Error {
        match error {
            plangrad_nn::Error::NotFinite { name, value, .. } => {
                self.diverged(format!("{name} holds {value}"))
            }
            other => other.into(),
        }
    }
}
