//! The subject of a command: from its options to data in memory and a network.

use std::sync::Arc;

use plangrad_data::{Dataset, DatasetName, LoadOptions, TargetKind};
use plangrad_nn::{Mlp, Module};

use super::image_bar::ImageBar;
use crate::cli::{ChosenDataset, DataArgs, LeverArgs, ModelArgs, SubjectArgs, TaskArgs};
use crate::error::Result;
use crate::loading::load_observed;
use crate::network_file::NetworkFile;
use crate::output::Console;
use crate::train::{Subject, class_counts};

/// Chooses, loads and prepares the subject that the options describe, with remarks on standard error.
///
/// # Errors
/// If options do not go together, files are wrong, or the network is impossible.
pub(super) fn load(arguments: &SubjectArgs, levers: &LeverArgs, seed: u64) -> Result<(DatasetName, Subject)> {
    levers.check(arguments.task.loss)?;
    let SubjectArgs { data, task, .. } = arguments;
    let described = Described::of(&arguments.model)?;
    let (name, labels) = choose(data, *task)?;
    let dataset = dataset(&name, &data.options(labels, seed))?;
    let network = described.network(&dataset.sample_shape, dataset.outputs())?;
    let mut counts = Vec::new();
    let weights = levers.class_weights(|| {
        counts = class_counts(&dataset.train.targets, dataset.classes.len());
        counts.clone()
    })?;
    let subject = Subject::new(dataset, data.normalize, network, task.loss)?;
    let subject = subject.with_levers(weights.as_deref(), &counts, levers.levers())?;
    Ok((name, subject))
}

/// The network that options describe, while it is not known yet which samples it reads.
pub(super) struct Described<'a> {
    model: &'a ModelArgs,
    file: Option<NetworkFile>,
}

impl<'a> Described<'a> {
    /// Reads the network file, if one is named.
    ///
    /// # Errors
    /// If the file is wrong.
    pub(super) fn of(model: &'a ModelArgs) -> Result<Described<'a>> {
        Ok(Described { model, file: model.network.as_deref().map(NetworkFile::read).transpose()? })
    }

    /// The network for samples of this shape, with so many outputs.
    ///
    /// # Errors
    /// If it is impossible.
    pub(super) fn network(&self, sample_shape: &[usize], outputs: usize) -> Result<Arc<dyn Module>> {
        Ok(match &self.file {
            Some(file) => Arc::new(file.network(sample_shape, outputs)?),
            None => Arc::new(Mlp::new(&self.model.config(sample_shape, outputs))?),
        })
    }

    /// Whether it is from a file.
    pub(super) fn is_from_file(&self) -> bool {
        self.file.is_some()
    }
}

/// Chooses a dataset and how its labels are to be read, and says which one it is if none was named.
///
/// # Errors
/// [`Error::Option`](crate::error::Error::Option) for options that do not go together.
pub(super) fn choose(data: &DataArgs, task: TaskArgs) -> Result<(DatasetName, TargetKind)> {
    let ChosenDataset { name, note } = data.choose()?;
    data.check_folder()?;
    let labels = task.task(&name)?;
    data.check_task(labels)?;
    note.iter().for_each(|note| Console::remark(note));
    Ok((name, labels))
}

/// Loads a dataset, with warnings on standard error.
///
/// # Errors
/// If its files are wrong.
pub(super) fn dataset(name: &DatasetName, options: &LoadOptions) -> Result<Dataset> {
    let progress = ImageBar::new();
    let dataset = load_observed(name, options, None, &|reached| progress.show(reached));
    progress.finish();
    let dataset = dataset?;
    say_notes(&dataset);
    Ok(dataset)
}

/// Says on standard error what was noticed while a dataset was loaded.
pub(super) fn say_notes(dataset: &Dataset) {
    let remarks = dataset.table_rows.iter().flat_map(|rows| &rows.remarks);
    remarks.for_each(|remark| Console::remark(remark));
    dataset.notes.iter().for_each(|note| Console::warning(note));
}
