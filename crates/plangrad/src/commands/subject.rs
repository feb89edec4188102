//! What a command works on: from the options that all such commands have to data in memory and a network.

use plangrad_data::{Dataset, DatasetName, Options, Task};

use crate::cli::{ChosenDataset, DataArgs, SubjectArgs, TaskArgs};
use crate::error::Result;
use crate::output::Console;
use crate::train::Subject;

/// Seed that deals a table's rows where nothing depends on which row goes where.
pub(super) const ANY_SEED: u64 = 42;

/// Chooses, loads and prepares what the options describe, and tells what there is to tell about it.
///
/// # Errors
/// If options do not go together; whatever is wrong with the files; if the network is impossible.
pub(super) fn load(arguments: &SubjectArgs, seed: u64) -> Result<(DatasetName, Subject)> {
    let SubjectArgs { data, task, .. } = arguments;
    let (name, labels) = choose(data, *task)?;
    let dataset = dataset(&name, &data.options(labels, seed))?;
    let network = arguments.network(&dataset);
    Ok((name, Subject::new(dataset, data.normalize, &network, task.loss)?))
}

/// Chooses a dataset and how its labels are to be read, and tells which one it is where nobody named it.
///
/// # Errors
/// [`Error::Option`](crate::error::Error::Option) for options that do not go together.
pub(super) fn choose(data: &DataArgs, task: TaskArgs) -> Result<(DatasetName, Task)> {
    let ChosenDataset { name, note } = data.choose()?;
    data.check_folder()?;
    let labels = task.task(&name)?;
    note.iter().for_each(|note| Console::remark(note));
    Ok((name, labels))
}

/// Loads a dataset, and warns of what is odd about it.
///
/// # Errors
/// Whatever is wrong with its files.
pub(super) fn dataset(name: &DatasetName, options: &Options) -> Result<Dataset> {
    let dataset = plangrad_data::load(name, options)?;
    dataset.notes.iter().for_each(|note| Console::warning(note));
    Ok(dataset)
}
