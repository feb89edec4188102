//! Everything that can go wrong with a dataset, one variant per cause.
//!
//! Each message is one plain sentence: which file, what was expected, what was found and, where there is one, the
//! remedy. Messages already contain their cause, so printing a chain of errors repeats nothing.

use std::io;
use std::path::PathBuf;

use crate::suggest::question;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No dataset has this name.
    #[error(
        "unknown dataset `{found}`: expected mnist, fashion-mnist, kmnist, cifar10, cifar100, digits or csv:FILE{}",
        question(suggestion.as_deref())
    )]
    UnknownDataset {
        /// The name given.
        found: String,
        /// The nearest name there is.
        suggestion: Option<String>,
    },

    /// No normalisation has this name.
    #[error(
        "unknown normalisation `{found}`: expected dataset, half or none{}",
        question(suggestion.as_deref())
    )]
    UnknownNormalize {
        /// The name given.
        found: String,
        /// The nearest name there is.
        suggestion: Option<String>,
    },

    /// None of the places where a dataset may lie has all its files.
    #[error("{dataset} was not found: looked for {files} {}; {remedy}", listed_folders(folders))]
    DatasetNotFound {
        /// The dataset's name.
        dataset: &'static str,
        /// The files looked for, as a sentence lists them.
        files: String,
        /// Where they were looked for.
        folders: Vec<PathBuf>,
        /// How to get them.
        remedy: String,
    },

    /// A file of a dataset is wrong in itself.
    #[error(transparent)]
    Format(#[from] plangrad_formats::Error),

    /// A file could not be read or written.
    #[error("{}: cannot be {action}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, as a participle: "opened", "written".
        action: &'static str,
        /// The operating system's reason.
        reason: io::Error,
    },

    /// An IDX file holds something else than the dataset it stands for.
    #[error("{}: expected {expected}, found the shape {found:?}; is this the right dataset?", path.display())]
    WrongShape {
        /// The file.
        path: PathBuf,
        /// The shape it should have, in words.
        expected: String,
        /// The shape it has.
        found: Vec<usize>,
    },

    /// Images and labels do not belong together.
    #[error(
        "{} holds {images} images, but {} {labels} labels: they do not belong together",
        images_path.display(), labels_path.display()
    )]
    CountMismatch {
        /// File of the images.
        images_path: PathBuf,
        /// Its images.
        images: usize,
        /// File of the labels.
        labels_path: PathBuf,
        /// Its labels.
        labels: usize,
    },

    /// A label that stands for no class.
    #[error(
        "{}: label {index} (counted from 0) must be below {classes}, found {label}; is this the right dataset?",
        path.display()
    )]
    LabelOutOfRange {
        /// File of the labels.
        path: PathBuf,
        /// Number of the label in the file, from 0.
        index: usize,
        /// The label.
        label: u8,
        /// Classes of the dataset.
        classes: usize,
    },

    /// A part without a single sample.
    #[error("{}: the file holds no samples", path.display())]
    NoSamples {
        /// The file.
        path: PathBuf,
    },

    /// Values and targets do not fit together.
    #[error("{targets} targets need {targets} samples of {sample_len} values each, found {values} values")]
    SplitLength {
        /// Values given.
        values: usize,
        /// Values of one sample.
        sample_len: usize,
        /// Targets given.
        targets: usize,
    },

    /// The share of test rows is no share.
    #[error("the test fraction must be at least 0 and below 1, found {found}")]
    TestFraction {
        /// The number given.
        found: f64,
    },

    /// A table without a header row.
    #[error("{}: expected a header row with column names, found an empty file", path.display())]
    TableEmpty {
        /// The file.
        path: PathBuf,
    },

    /// A table with a header row alone.
    #[error("{}: expected rows of data after the header, found none", path.display())]
    TableWithoutRows {
        /// The file.
        path: PathBuf,
    },

    /// The header row cannot be used.
    #[error("{}: line 1, column {column}: {problem}", path.display())]
    TableHeader {
        /// The file.
        path: PathBuf,
        /// The column, from 1.
        column: usize,
        /// What is wrong, as a clause.
        problem: String,
    },

    /// A column that is needed is not in the header row.
    #[error(
        "{}: there is no column `{column}`; the columns are {columns}{}",
        path.display(), question(suggestion.as_deref())
    )]
    TableColumn {
        /// The file.
        path: PathBuf,
        /// The column looked for.
        column: String,
        /// The columns there are, as a sentence lists them.
        columns: String,
        /// The nearest name there is.
        suggestion: Option<String>,
    },

    /// A model's statistics do not belong to its columns.
    #[error(
        "{features} features need as many means and deviations, found {means} and {deviations}: the model is damaged"
    )]
    TableStatistics {
        /// Feature columns.
        features: usize,
        /// Means.
        means: usize,
        /// Standard deviations.
        deviations: usize,
    },

    /// A row with more or fewer cells than the header row.
    #[error("{}: line {line}: expected {expected} cells, as in the header, found {found}", path.display())]
    TableRow {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Cells of the header row.
        expected: u64,
        /// Cells of this row.
        found: u64,
    },

    /// A cell that cannot be used.
    #[error("{}: line {line}, column `{column}`: expected {expected}, found {found}", path.display())]
    TableCell {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// What was expected, in words.
        expected: String,
        /// What was found, in words or in quotation marks.
        found: String,
    },

    /// More classes than labels can count.
    #[error(
        "{}: line {line}, column `{column}`: expected at most 256 different labels, found another one, \"{label}\"; is this \
         the label column, or a number to be predicted by regression (--loss mse)?",
        path.display()
    )]
    TableClasses {
        /// The file.
        path: PathBuf,
        /// The line of the 257th label, from 1.
        line: u64,
        /// Name of the label column.
        column: String,
        /// The 257th label.
        label: String,
    },

    /// The file is no text, or cannot be read further.
    #[error("{}: line {line}: {problem}", path.display())]
    TableUnreadable {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong, as a clause.
        problem: String,
    },

    /// A dataset that is not downloaded.
    #[error("{dataset} needs no download: {reason}")]
    NotDownloadable {
        /// The dataset.
        dataset: String,
        /// Why not.
        reason: &'static str,
    },

    /// Another process is downloading the same file.
    #[error("{}: another download is writing it; wait for that one to end", path.display())]
    DownloadBusy {
        /// The partial file.
        path: PathBuf,
    },

    /// Every mirror of a file failed.
    #[error("{file} could not be downloaded: {}", attempts.join("; "))]
    Download {
        /// Where the file was to be written.
        file: String,
        /// For each mirror its address and what went wrong.
        attempts: Vec<String>,
    },
}

fn listed_folders(folders: &[PathBuf]) -> String {
    let quoted: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    match quoted.as_slice() {
        [] => "in no folder".to_owned(),
        [one] => format!("in {one}"),
        [first @ .., last] => format!("in {} and {last}", first.join(", ")),
    }
}
