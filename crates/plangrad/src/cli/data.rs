//! Options for the data and their meaning.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use plangrad_data::{
    DatasetName, Fit, ImageOptions, LoadOptions, Normalize, TargetKind, TargetScaling, available,
};

use super::table::{TableArgs, TableFileArgs};
use super::values;
use crate::error::{Error, Result};

/// Data options.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// mnist, fashion-mnist, kmnist, qmnist, emnist-letters (-balanced, -digits, …), cifar10, cifar100, digits; or your own:
    /// csv:FILE (a table; - is standard input), folder:DIR (images), idx:DIR, npz:FILE [default: mnist if it is in the data
    /// folder, else the built-in digits]
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
    /// Tables, and folders of images without a test folder: share kept for testing, may be 0 [default: 0.2]
    #[arg(long, value_name = "SHARE", value_parser = values::share, allow_negative_numbers = true)]
    pub test_fraction: Option<f64>,
    /// Share of the training part that is kept to evaluate a network on while it learns; the test part is then used once, at the
    /// end. A hash of each sample decides, so equal samples are on the same side [default: 0]
    #[arg(long, value_name = "SHARE", value_parser = values::share, allow_negative_numbers = true)]
    pub validation_fraction: Option<f64>,
    /// cifar100: the hundred fine or the twenty coarse classes [default: fine]
    #[arg(long, value_enum, value_name = "WHICH")]
    pub labels: Option<Cifar100Labels>,
    /// Tables: how they are read.
    #[command(flatten)]
    pub table: TableArgs,
    /// Folders of images.
    #[command(flatten)]
    pub images: ImageArgs,
}

/// Which classes of CIFAR-100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Cifar100Labels {
    /// The hundred.
    #[value(help = None)]
    Fine,
    /// The twenty groups of them.
    #[value(help = None)]
    Coarse,
}

/// What images of a folder become.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Data")]
pub struct ImageArgs {
    /// folder: height and width to which images are brought [default: theirs, if all have the same]
    #[arg(long, value_name = "HxW", value_parser = values::image_size)]
    pub image_size: Option<[usize; 2]>,
    /// folder: 1 for grey, 3 for colours [default: 1 if all images are grey, else 3]
    #[arg(long, value_name = "N", value_parser = values::channels)]
    pub channels: Option<usize>,
    /// folder: how images of other proportions are brought to the size: black beside them, the overhang cut off, or
    /// stretched [default: pad]
    #[arg(long, value_name = "HOW", value_parser = values::one_of(Fit::ALL))]
    pub fit: Option<Fit>,
    /// folder: keep the decoded images in this file, and read them from there the next time
    #[arg(long, value_name = "FILE")]
    pub cache: Option<PathBuf>,
}

impl ImageArgs {
    fn options(&self) -> ImageOptions {
        ImageOptions {
            size: self.image_size,
            channels: self.channels,
            fit: self.fit.unwrap_or_default(),
            cache: self.cache.clone(),
        }
    }
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
        let is_coarse = self.labels == Some(Cifar100Labels::Coarse);
        let name = if is_coarse { DatasetName::Cifar100Coarse } else { name.clone() };
        Ok(ChosenDataset { name, note: None })
    }

    /// The data folder, if one was named.
    #[must_use]
    pub fn named_folder(&self) -> Option<&Path> {
        values::named(self.data_dir.as_ref())
    }

    /// The data folder: the one named, else `data`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.named_folder().unwrap_or(Path::new(LoadOptions::DATA_DIR))
    }

    /// Refuses a data folder that was named and does not exist, if its content decides on the dataset: a typo must not end
    /// in training on something else. The default folder need not exist.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check_folder(&self) -> Result<()> {
        let folder = self.folder();
        let is_default = folder == Path::new(LoadOptions::DATA_DIR);
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
        let mut table = self.table.options();
        if task == TargetKind::Classification {
            table.target_scale = TargetScaling::Absent;
        }
        LoadOptions {
            data_dir: self.folder().to_path_buf(),
            normalize: self.normalize,
            label: self.label.clone(),
            task,
            test_fraction: self.test_fraction.unwrap_or(by_default.test_fraction),
            validation_fraction: self.validation_fraction.unwrap_or(by_default.validation_fraction),
            seed,
            table,
            images: self.images.options(),
            ..by_default
        }
    }

    /// Refuses options that are for numbers where there are classes.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check_task(&self, task: TargetKind) -> Result<()> {
        if self.table.target_scale.is_some() && task == TargetKind::Classification {
            return Err(Error::option(
                "--target-scale",
                "is for numbers (--loss mse), and classes have no scale",
            ));
        }
        Ok(())
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
        let is_table = matches!(name, DatasetName::Csv(_));
        let is_folder = matches!(name, DatasetName::Folder(_));
        let is_cifar = matches!(name, DatasetName::Cifar100 | DatasetName::Cifar100Coarse);
        let tables = "tables (--dataset csv:FILE)";
        let folders = "folders of images (--dataset folder:DIR)";
        let both = "tables (--dataset csv:FILE) and folders of images (--dataset folder:DIR)";
        let of_table = self.table.first_given();
        let given = [
            ("--label", self.label.is_some(), is_table, tables),
            ("--test-fraction", self.test_fraction.is_some(), is_table || is_folder, both),
            (of_table.unwrap_or_default(), of_table.is_some(), is_table, tables),
            ("--labels", self.labels.is_some(), is_cifar, "--dataset cifar100"),
            ("--image-size", self.images.image_size.is_some(), is_folder, folders),
            ("--channels", self.images.channels.is_some(), is_folder, folders),
            ("--fit", self.images.fit.is_some(), is_folder, folders),
            ("--cache", self.images.cache.is_some(), is_folder, folders),
        ];
        match given.into_iter().find(|(_, given, fits, _)| *given && !fits) {
            None => Ok(()),
            Some((option, _, _, what)) => {
                Err(Error::option(option, format!("is for {what}, not for {name}")))
            }
        }
    }
}
