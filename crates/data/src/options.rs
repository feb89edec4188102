//! How to load a dataset.

use std::path::PathBuf;

use crate::{Normalize, TableSchema};

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
    /// Tables: fraction of the rows that become the test part, at least 0 and below 1; default 0.2. A fraction above 0
    /// leaves at least one row for each part of a table with two rows or more.
    pub test_fraction: f64,
    /// Tables: seed that determines which rows become the test part; default 42.
    pub seed: u64,
    /// Bytes of memory that loading may take; `None`, the default, for no limit. What is known beforehand is compared with it
    /// before it is taken.
    pub memory: Option<u64>,
    /// Tables: the columns, classes and statistics of the model that will read the table, instead of the table's own.
    pub schema: Option<TableSchema>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            normalize: Normalize::Dataset,
            label: None,
            task: TargetKind::Classification,
            test_fraction: 0.2,
            seed: 42,
            memory: None,
            schema: None,
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
