//! Options for the data and their meaning.

use std::path::{Path, PathBuf};

use clap::Args;
use plangrad_data::{DatasetName, LoadOptions, Normalize, TargetKind, available};

use super::table::{TableArgs, TableFileArgs};
use super::values;
use crate::error::{Error, Result};

/// Data options.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// mnist, fashion-mnist, kmnist, cifar10, cifar100, digits or csv:FILE (a table; - is standard input) [default: mnist if it is in the data folder,
    /// else the built-in digits]
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<DatasetName>,
    /// Folder with the datasets [default: data]
    #[arg(long, env = "PLANGRAD_DATA", hide_env_values = true, value_name = "DIR", value_parser = values::folder())]
    pub data_dir: Option<PathBuf>,
    /// How values are normalised: by the dataset's mean and standard deviation, (x − 0.5) / 0.5, or not at all
    #[arg(long, default_value_t, value_name = "HOW", value_parser = values::one_of(Normalize::ALL))]
    pub normalize: Normalize,
    /// Tables: name of the label column [default: the last]
    #[arg(long, value_name = "COLUMN")]
    pub label: Option<String>,
    /// Tables: share of the rows kept for testing, may be 0 [default: 0.2]
    #[arg(long, value_name = "SHARE", value_parser = values::share, allow_negative_numbers = true)]
    pub test_fraction: Option<f64>,
    /// Tables: how they are read.
    #[command(flatten)]
    pub table: TableArgs,
}

/// Data options of commands for a trained model, whose file has the rest.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Data")]
pub struct TrainedDataArgs {
    /// Another dataset than the model was trained on
    #[arg(long, value_name = "NAME")]
    pub dataset: Option<DatasetName>,
    /// Folder with the datasets [default: that of the run, else data]
    #[arg(long, env = "PLANGRAD_DATA", hide_env_values = true, value_name = "DIR", value_parser = values::folder())]
    pub data_dir: Option<PathBuf>,
    /// How the table is written.
    #[command(flatten)]
    pub file: TableFileArgs,
}

impl TrainedDataArgs {
    /// The data folder, if one was named.
    #[must_use]
    pub fn named_folder(&self) -> Option<&Path> {
        values::named(self.data_dir.as_ref())
    }
}

/// A dataset, and why it was chosen if none was named.
#[derive(Clone, Debug, PartialEq)]
pub struct ChosenDataset {
    /// Its name.
    pub name: DatasetName,
    /// A sentence for the user, if none was named.
    pub note: Option<String>,
}

impl DataArgs {
    /// The dataset named; without one, MNIST if it is in the data folder, else `digits`.
    ///
    /// # Errors
    /// [`Error::Option`] for options of tables with another dataset.
    pub fn choose(&self) -> Result<ChosenDataset> {
        let Some(name) = &self.dataset else {
            self.check(&DatasetName::Mnist)?;
            return Ok(self.default_dataset());
        };
        self.check(name)?;
        Ok(ChosenDataset { name: name.clone(), note: None })
    }

    /// The data folder, if one was named.
    #[must_use]
    pub fn named_folder(&self) -> Option<&Path> {
        values::named(self.data_dir.as_ref())
    }

    /// The data folder: the one named, else `data`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.named_folder().unwrap_or(Path::new(values::DATA_FOLDER))
    }

    /// Refuses a data folder that was named and does not exist, if its content decides on the dataset: a typo must not end
    /// in training on something else. The default folder need not exist.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check_folder(&self) -> Result<()> {
        let folder = self.folder();
        let is_default = folder == Path::new(values::DATA_FOLDER);
        if self.dataset.is_some() || is_default || folder.is_dir() {
            return Ok(());
        }
        let problem = format!(
            "{} (given here or by PLANGRAD_DATA) is not a folder; name the one with the datasets, or say which with --dataset",
            folder.display()
        );
        Err(Error::option("--data-dir", problem))
    }

    /// How to load it. `seed` decides which part each row of a table belongs to.
    #[must_use]
    pub fn options(&self, task: TargetKind, seed: u64) -> LoadOptions {
        let by_default = LoadOptions::default();
        LoadOptions {
            data_dir: self.folder().to_path_buf(),
            normalize: self.normalize,
            label: self.label.clone(),
            task,
            test_fraction: self.test_fraction.unwrap_or(by_default.test_fraction),
            seed,
            table: self.table.options(),
            ..by_default
        }
    }

    fn default_dataset(&self) -> ChosenDataset {
        let folder = self.folder().display();
        let (name, note) = if available(&DatasetName::Mnist, self.folder()) {
            (DatasetName::Mnist, format!("no --dataset given: using mnist, which is in {folder}"))
        } else {
            let get = "`plangrad download mnist` gets it";
            (
                DatasetName::Digits,
                format!("no --dataset given and no mnist in {folder} ({get}): using the built-in digits"),
            )
        };
        ChosenDataset { name, note: Some(note) }
    }

    fn check(&self, name: &DatasetName) -> Result<()> {
        let given = [("--label", self.label.is_some()), ("--test-fraction", self.test_fraction.is_some())];
        let given = given.into_iter().find(|(_, given)| *given).map(|(option, _)| option);
        match given.or(self.table.first_given()).filter(|_| !matches!(name, DatasetName::Csv(_))) {
            None => Ok(()),
            Some(option) => {
                let problem = format!("is for tables (--dataset csv:FILE), not for {name}");
                Err(Error::option(option, problem))
            }
        }
    }
}
