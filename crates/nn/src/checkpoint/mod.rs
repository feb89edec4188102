//! Models and checkpoints as [safetensors](https://github.com/huggingface/safetensors) files.
//!
//! Weights have PyTorch's names and layout, so `model.load_state_dict(load_file(path))` works, and the other way round.
//! What plangrad needs besides is in one metadata entry, `plangrad`, as JSON with sorted keys: the bytes of a file
//! depend on nothing but the training. A checkpoint is the same file with the optimizer's moments and the position in
//! the run. Every file has a checksum over all its bytes. Files replace earlier ones whole ([`Staged`]), and are read tensor by
//! tensor into the session, so a file costs no memory.

mod checksum;
mod description;
mod loaded;
mod reader;
mod stored;

use plangrad_tensor::Session;

pub use self::description::{BestEpoch, Description, Progress};
pub use self::loaded::{Loaded, NamedTensor, read, read_file};
use self::stored::{Stored, average_name, moment_name, stage};
pub use crate::folder::Folder;
pub use crate::staged::{Staged, replace};
use crate::{Error, Module};

/// Moments that a session keeps for each trained parameter.
fn moments(session: &Session) -> usize {
    session.plans().first().map_or(0, |plan| plan.state().moments())
}

/// Whether a session keeps a running average of each trained parameter.
fn keeps_averages(session: &Session) -> bool {
    session.plans().first().is_some_and(|plan| plan.state().keeps_averages())
}

/// Stages a model as the file `name`: weights, or their running averages where the session keeps them, and description.
///
/// # Errors
/// [`Error::NotFinite`] if training has diverged; [`Error::Io`] if the file cannot be written.
pub fn stage_model(
    folder: &Folder,
    name: &str,
    model: &dyn Module,
    session: &Session,
    description: &Description,
) -> Result<Staged, Error> {
    let weights = match keeps_averages(session) {
        true => Stored::averaged_weights(model, session),
        false => Stored::weights(model, session),
    };
    stage(folder, name, weights, &description.clone().without_progress())
}

/// Stages a checkpoint as the file `name`: weights, moments, running averages, description and progress.
///
/// # Errors
/// [`Error::NotFinite`] if training has diverged; [`Error::Io`] if the file cannot be written.
pub fn stage_checkpoint(
    folder: &Folder,
    name: &str,
    model: &dyn Module,
    session: &Session,
    description: &Description,
    progress: Progress,
) -> Result<Staged, Error> {
    let mut tensors = Stored::weights(model, session);
    for i in 0..moments(session) {
        tensors.extend(model.weights().trained_parameters().map(|p| Stored::moment(session, p, i)));
    }
    if keeps_averages(session) {
        tensors.extend(model.weights().trained_parameters().map(|p| Stored::average(session, p)));
    }
    stage(folder, name, tensors, &description.clone().with_progress(progress))
}

/// Sets a session's weights, moments, running averages, step and metrics to a checkpoint's.
///
/// # Errors
/// [`Error::NoTrainingState`] for a model file; otherwise if tensors are missing or do not fit.
pub fn restore(loaded: &Loaded, model: &dyn Module, session: &mut Session) -> Result<Progress, Error> {
    let progress = loaded.progress()?;
    load_weights(loaded, model, session)?;
    for i in 0..moments(session) {
        for p in model.weights().trained_parameters() {
            let name = moment_name(i, p.name());
            loaded.fill(&name, &p.file_shape(), |value| session.fill_moment(i, p.id(), value))?;
        }
    }
    if keeps_averages(session) {
        for p in model.weights().trained_parameters() {
            let name = average_name(p.name());
            loaded.fill(&name, &p.file_shape(), |value| session.fill_average(p.id(), value))?;
        }
    }
    session.set_step(progress.step, progress.seed)?;
    session.set_metrics(progress.metrics())?;
    Ok(progress)
}

/// Sets a session's weights to a model file's.
///
/// # Errors
/// If tensors are missing or do not fit.
pub fn load_weights(loaded: &Loaded, model: &dyn Module, session: &mut Session) -> Result<(), Error> {
    for p in model.weights().parameters() {
        loaded.fill(p.name(), &p.file_shape(), |value| session.fill_parameter(p.id(), value))?;
    }
    Ok(())
}
