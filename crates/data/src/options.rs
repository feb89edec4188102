//! How to load a dataset.

use std::path::PathBuf;

use crate::{ImageOptions, Normalize, TableOptions, TableSchema};

/// How to load a dataset. [`LoadOptions::default`] is what the command line does without options.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadOptions {
    /// The data folder; default `data`. A table is found by its own path.
    pub data_dir: PathBuf,
    /// Normalisation. Loading applies it to tables only; for images see [`Dataset::affine`](crate::Dataset::affine).
    pub normalize: Normalize,
    /// Tables: name of the label column; default: the last column.
    pub label: Option<String>,
    /// Tables: whether labels are classes or numbers.
    pub task: TargetKind,
    /// Tables, and folders of images without a test part: fraction of the samples that become the test part, at least 0 and
    /// below 1; default 0.2. With [`SplitRule::Hash`](crate::SplitRule::Hash), as with folders, it is met on average.
    pub test_fraction: f64,
    /// Share of the training part that becomes the validation part, at least 0 (the default) and below 1. It is met on average:
    /// a hash of each sample and the seed decides.
    pub validation_fraction: f64,
    /// Seed that determines which samples become the test part, where no file says, and the validation part; default 42.
    pub seed: u64,
    /// Bytes of memory that loading may take; `None`, the default, for no limit. What is known beforehand is compared with it
    /// before it is taken.
    pub memory: Option<u64>,
    /// Tables: the columns, classes and statistics of the model that will read the table, instead of the table's own.
    pub schema: Option<TableSchema>,
    /// Folders of images: what each image becomes.
    pub images: ImageOptions,
    /// Tables: how the file is read, and what becomes of its columns.
    pub table: TableOptions,
    /// Tables: whether every row must have a label.
    pub labels: LabelUse,
    /// Tables: whether [`RowFacts`](crate::RowFacts) keeps the texts of all feature cells.
    pub keep_texts: bool,
}

impl LoadOptions {
    /// The data folder by default.
    pub const DATA_DIR: &str = "data";
    /// The seed by default.
    pub const SEED: u64 = 42;
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from(Self::DATA_DIR),
            normalize: Normalize::Dataset,
            label: None,
            task: TargetKind::Classification,
            test_fraction: 0.2,
            validation_fraction: 0.0,
            seed: Self::SEED,
            memory: None,
            schema: None,
            images: ImageOptions::default(),
            table: TableOptions::default(),
            labels: LabelUse::Required,
            keep_texts: false,
        }
    }
}

/// What the label column of a table holds. Images always have classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// Class names, for a classification.
    #[default]
    Classification,
    /// Numbers, for a regression.
    Regression,
}

/// Whether every row of a table must have a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LabelUse {
    /// It must.
    #[default]
    Required,
    /// It need not, nor need there be a label column: rows are to be predicted.
    Optional,
}
