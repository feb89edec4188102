//! Options for the subject of a command: data, a network, and its task.

use clap::Args;
use plangrad_data::{DatasetName, TargetKind};
use plangrad_nn::Loss;

use super::data::DataArgs;
use super::model::ModelArgs;
use super::values;
use crate::error::{Error, Result};
use crate::train::target_kind;

/// A network and its data.
#[derive(Args, Clone, Debug)]
pub struct SubjectArgs {
    /// The data.
    #[command(flatten)]
    pub data: DataArgs,
    /// The network.
    #[command(flatten)]
    pub model: ModelArgs,
    /// The task.
    #[command(flatten)]
    pub task: TaskArgs,
}

/// The task of a network.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Model")]
pub struct TaskArgs {
    /// Loss to minimise: cross-entropy for classes, mse for the numbers of a table's label column
    #[arg(long, default_value_t = Loss::CrossEntropy, value_name = "NAME",
        value_parser = values::one_of(Loss::ALL))]
    pub loss: Loss,
}

impl TaskArgs {
    /// How labels of `dataset` are to be read.
    ///
    /// # Errors
    /// [`Error::Option`] for a regression on images, which have classes only.
    pub fn task(self, dataset: &DatasetName) -> Result<TargetKind> {
        let kind = target_kind(self.loss);
        if kind == TargetKind::Regression && !matches!(dataset, DatasetName::Csv(_)) {
            let problem = format!(
                "mse is for the numbers of a table (--dataset csv:FILE), not for the classes of {dataset}"
            );
            return Err(Error::option("--loss", problem));
        }
        Ok(kind)
    }
}

impl SubjectArgs {
    /// The dataset named, else MNIST, and how its labels are to be read: for commands that describe a network without reading
    /// the data.
    ///
    /// # Errors
    /// [`Error::Option`] for options that do not go with the dataset.
    pub fn foreseen(&self) -> Result<(DatasetName, TargetKind)> {
        let chosen = self.data.choose()?.name;
        let name = if self.data.dataset.is_some() { chosen } else { DatasetName::Mnist };
        let labels = self.task.task(&name)?;
        self.data.check_task(labels)?;
        Ok((name, labels))
    }
}
