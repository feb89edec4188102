//! Everything that can go wrong with a dataset, one variant per cause.
//!
//! Each message is one plain sentence: which file, what was expected, what was found and, if there is one, the
//! remedy. It includes the message of an underlying error, which [`source()`](std::error::Error::source) returns as a
//! value.

mod parts;
mod words;

use std::io;
use std::path::{Path, PathBuf};

pub use parts::{
    ExpectedCell, ExpectedShape, FailedMirror, HeaderProblem, OwnFilesProblem, QuoteProblem, RowProblem,
};

use crate::Missing;
use crate::suggest::question;
use crate::text::{excerpt, grouped, listed};
use words::{
    different, joined, listed_files, listed_folders, missing_cells, most_texts, other_columns, plain_numbers,
    quoted, remedy,
};

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No dataset has this name.
    #[error(
        "unknown dataset `{found}`: expected mnist, fashion-mnist, kmnist, qmnist, emnist-letters (-balanced, -digits, \
         -mnist, -byclass, -bymerge), cifar10, cifar100, digits, or your own as csv:FILE, folder:DIR, idx:DIR or npz:FILE{}",
        question(suggestion.as_deref())
    )]
    UnknownDataset {
        /// The name given.
        found: String,
        /// The most similar existing name.
        suggestion: Option<String>,
    },

    /// The system does not give the memory that a dataset needs.
    #[error("{dataset} needs {bytes} bytes of memory, and the system gives less")]
    OutOfMemory {
        /// The dataset's name.
        dataset: String,
        /// The bytes.
        bytes: u64,
    },

    /// A dataset needs more memory than loading may take.
    #[error(
        "{dataset} needs {bytes} bytes of memory, and {memory} may be taken; use a machine or container with more"
    )]
    MemoryLimit {
        /// The dataset's name.
        dataset: String,
        /// The bytes it needs at least; of a table, by what was read of it.
        bytes: u64,
        /// The bytes it may take.
        memory: u64,
    },

    /// No normalisation has this name.
    #[error(
        "unknown normalisation `{found}`: expected dataset, half or none{}",
        question(suggestion.as_deref())
    )]
    UnknownNormalize {
        /// The name given.
        found: String,
        /// The most similar existing name.
        suggestion: Option<String>,
    },

    /// No searched folder has all files of a dataset.
    #[error(
        "{dataset} was not found: looked for {} {}; {}",
        listed_files(files, archive.as_deref()), listed_folders(folders), remedy(dataset)
    )]
    DatasetNotFound {
        /// The dataset's name.
        dataset: &'static str,
        /// The files looked for, all of which are needed.
        files: Vec<String>,
        /// The archive that may stand in their place.
        archive: Option<String>,
        /// The folders searched.
        folders: Vec<PathBuf>,
    },

    /// No searched folder has the files of a dataset that plangrad cannot download.
    #[error(
        "{dataset} was not found: looked for {} {}; unpack its files there, or give their folder with --data-dir",
        listed_files(files, None),
        listed_folders(folders)
    )]
    LocalDatasetNotFound {
        /// The dataset's name.
        dataset: &'static str,
        /// The files looked for.
        files: Vec<String>,
        /// The folders searched.
        folders: Vec<PathBuf>,
    },

    /// A file of a dataset is damaged or of the wrong format.
    #[error(transparent)]
    Format(#[from] plangrad_formats::Error),

    /// A file could not be read or written.
    #[error("{}: cannot be {action}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What failed, as a participle: "opened", "written".
        action: &'static str,
        /// The operating system's reason.
        #[source]
        reason: io::Error,
    },

    /// An IDX file whose shape is not that of the dataset.
    #[error(
        "{}: expected {expected}, found the shape {found:?}; is this the right dataset? Files of your own are read with \
         --dataset idx:{}",
        path.display(), path.parent().unwrap_or(Path::new(".")).display()
    )]
    WrongShape {
        /// The file.
        path: PathBuf,
        /// The expected shape.
        expected: ExpectedShape,
        /// The shape found.
        found: Vec<usize>,
    },

    /// Images and labels differ in number.
    #[error(
        "{} holds {images} images, but {} {labels} labels: they do not belong together",
        images_path.display(), labels_path.display()
    )]
    CountMismatch {
        /// The file of the images.
        images_path: PathBuf,
        /// The number of images.
        images: usize,
        /// The file of the labels.
        labels_path: PathBuf,
        /// The number of labels.
        labels: usize,
    },

    /// A label outside the classes of the dataset.
    #[error(
        "{}: label {index} (counted from 0) must be below {classes}, found {label}; is this the right dataset? Files of \
         your own are read with --dataset idx:{}",
        path.display(), path.parent().unwrap_or(Path::new(".")).display()
    )]
    LabelOutOfRange {
        /// The file of the labels.
        path: PathBuf,
        /// Index of the label in the file, from 0.
        index: usize,
        /// The label.
        label: u8,
        /// The number of classes.
        classes: usize,
    },

    /// Files of another dataset than the one named.
    #[error("{}: these are {found}'s, not {expected}'s; take --dataset {found}, or another folder", path.display())]
    OtherDataset {
        /// The file that was recognised by its checksum.
        path: PathBuf,
        /// The dataset it belongs to.
        found: &'static str,
        /// The dataset asked for.
        expected: &'static str,
    },

    /// A user's own files that are not what they should be.
    #[error("{}: {problem}", path.display())]
    OwnFiles {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        problem: OwnFilesProblem,
    },

    /// An image that cannot be decoded.
    #[error("{}: {reason}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// Why, as a clause.
        reason: String,
    },

    /// A part without samples.
    #[error("{}: the file holds no samples", path.display())]
    NoSamples {
        /// The file.
        path: PathBuf,
    },

    /// Values and targets differ in number.
    #[error("{targets} targets need {targets} samples of {sample_len} values each, found {values} values")]
    SplitLength {
        /// The number of values.
        values: usize,
        /// Values per sample.
        sample_len: usize,
        /// The number of targets.
        targets: usize,
    },

    /// The fraction of test rows is out of range.
    #[error("the test fraction must be at least 0 and below 1, found {found}")]
    TestFraction {
        /// The number given.
        found: f64,
    },

    /// The fraction of validation samples is out of range.
    #[error("the validation fraction must be at least 0 and below 1, found {found}")]
    ValidationFraction {
        /// The number given.
        found: f64,
    },

    /// A table without a header row.
    #[error("{}: expected a header row with column names, found an empty file", path.display())]
    TableEmpty {
        /// The file.
        path: PathBuf,
    },

    /// A table with nothing but a header row.
    #[error("{}: expected rows of data after the header, found none", path.display())]
    TableWithoutRows {
        /// The file.
        path: PathBuf,
    },

    /// The header row cannot be used.
    #[error("{}: line {line}, column {column}: {problem}", path.display())]
    TableHeader {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        problem: HeaderProblem,
    },

    /// A required column is missing from the header row.
    #[error(
        "{}: there is no column `{column}`; the columns are {}{}",
        path.display(), listed(columns, |name| format!("`{name}`")), question(suggestion.as_deref())
    )]
    TableColumn {
        /// The file.
        path: PathBuf,
        /// The missing column.
        column: String,
        /// The existing columns.
        columns: Vec<String>,
        /// The most similar existing name.
        suggestion: Option<String>,
    },

    /// A model's statistics do not match its columns.
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

    /// A row that has more or fewer cells than the header row.
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
    #[error("{}: line {line}, column `{column}`: expected {expected}, found {}", path.display(), quoted(found))]
    TableCell {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column's name.
        column: String,
        /// What was expected.
        expected: ExpectedCell,
        /// The cell's text.
        found: String,
    },

    /// A quote that opens or closes where it cannot.
    #[error("{}: line {line}: the quote that opens cell {column} {problem}", path.display())]
    TableQuote {
        /// The file.
        path: PathBuf,
        /// The line on which the quote opens, from 1.
        line: u64,
        /// The cell, from 1.
        column: usize,
        /// What is wrong.
        problem: QuoteProblem,
    },

    /// Numbers whose comma may separate decimals or thousands.
    #[error(
        "{}: found \"{found}\", whose comma may separate decimals or thousands: say --decimal , for the first (thousands \
         cannot be separated), or --decimal .",
        path.display()
    )]
    TableDecimal {
        /// The file.
        path: PathBuf,
        /// The first such number.
        found: String,
    },

    /// A column named as a feature that is named twice, left out, or the label.
    #[error("{}: the column `{column}` cannot be a feature: it is named twice, left out, or the label", path.display())]
    TableFeature {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },

    /// The label column was left out.
    #[error("{}: the label column `{column}` cannot be left out; --label names another", path.display())]
    TableLabelLeftOut {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },

    /// No feature is left.
    #[error("{}: no column is left to learn from", path.display())]
    TableWithoutFeatures {
        /// The file.
        path: PathBuf,
    },

    /// Columns of text that do not become inputs.
    #[error(
        "{}: line {line}, column `{}`: found the text \"{example}\", and the column has {}{}; leave out columns of text with \
         --drop, or take one input for each text with --one-hot {}{}",
        path.display(), columns.first().map(|(name, _)| excerpt(name)).unwrap_or_default(),
        different(columns.first()), other_columns(columns), most_texts(columns), plain_numbers(example)
    )]
    TableText {
        /// The file.
        path: PathBuf,
        /// The line of the first text of the first of them, from 1.
        line: u64,
        /// That text.
        example: String,
        /// Their names and how many different texts each has.
        columns: Vec<(String, usize)>,
        /// The most different texts of a column that becomes inputs.
        most: usize,
    },

    /// Cells without a value.
    #[error("{}: {}", path.display(), missing_cells(columns, *rows, *rule, *of_model))]
    TableMissing {
        /// The file.
        path: PathBuf,
        /// Rows of the table.
        rows: usize,
        /// The columns that have some, and how many each.
        columns: Vec<(String, usize)>,
        /// What was to become of them.
        rule: Missing,
        /// Whether a trained model says so.
        of_model: bool,
    },

    /// No row is complete.
    #[error("{}: every one of the {rows} rows has a cell without a value, so that none is left", path.display())]
    TableIncomplete {
        /// The file.
        path: PathBuf,
        /// Rows of the table.
        rows: usize,
    },

    /// All rows fell to one part.
    #[error(
        "{}: no row of {rows} fell to the {part} part: rows are dealt by a hash of their cells, with the fraction \
         {fraction} for the {dealt} part; give another --seed or --{dealt}-fraction, or --{dealt}-fraction 0 for none",
        path.display()
    )]
    TableSplit {
        /// The file.
        path: PathBuf,
        /// Rows that were dealt.
        rows: usize,
        /// The name of the empty part.
        part: &'static str,
        /// The name of the part that was to be taken out of the others: `test` or `validation`.
        dealt: &'static str,
        /// The fraction asked for.
        fraction: f64,
    },

    /// A number that is too large once it is standardised.
    #[error(
        "{}: column `{column}`: the number {value} lies too far from those learnt from to be standardised in 32 bits",
        path.display()
    )]
    TableRange {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The number.
        value: f64,
    },

    /// A text that a model's column cannot hold.
    #[error("column `{column}`: expected {expected}, found {}", quoted(found))]
    TableValue {
        /// The column.
        column: String,
        /// What it can hold.
        expected: String,
        /// The text.
        found: String,
    },

    /// A row with more or fewer values than a model has columns.
    #[error("expected {} numbers ({}), found {found}", expected.len(), listed(expected, |name| name))]
    TableValues {
        /// The model's columns.
        expected: Vec<String>,
        /// The number of values.
        found: usize,
    },

    /// No encoding has this name.
    #[error(
        "unknown encoding `{found}`: expected a name such as utf-8, utf-16le, utf-16be, gbk, windows-1252, shift_jis or euc-kr"
    )]
    UnknownEncoding {
        /// The name given.
        found: String,
    },

    /// More classes than labels distinguish.
    #[error(
        "{}: line {line}, column `{column}`: expected at most {} different labels, found another one, \"{label}\"; is this \
         the label column, or a number to be predicted by regression (--loss mse)?",
        path.display(), grouped(crate::MOST_CLASSES)
    )]
    TableClasses {
        /// The file.
        path: PathBuf,
        /// The line of the first label too many, from 1.
        line: u64,
        /// Name of the label column.
        column: String,
        /// The first label too many.
        label: String,
    },

    /// Many different labels that look like quantities, or of which nearly every row has its own.
    #[error(
        "{}: the column `{column}` has {} different labels in {} rows, too many to be classes; --label names another column{}",
        path.display(), grouped(*classes), grouped(*rows), if *are_numbers { ", and --loss mse predicts numbers" } else { "" }
    )]
    TableNoClasses {
        /// The file.
        path: PathBuf,
        /// Name of the label column.
        column: String,
        /// Different labels.
        classes: usize,
        /// Rows.
        rows: usize,
        /// Whether all of them are numbers.
        are_numbers: bool,
    },

    /// The file is not a text file, or has a row that is too long.
    #[error("{}: line {line}: {problem}", path.display())]
    TableUnreadable {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        problem: RowProblem,
    },

    /// A dataset that needs no download.
    #[error("{dataset} needs no download: {reason}")]
    NotDownloadable {
        /// The dataset.
        dataset: String,
        /// Why not.
        reason: &'static str,
    },

    /// The environment names a proxy that is not supported, so that a direct connection would bypass it.
    #[error(
        "the proxy in {variable} is not supported: expected http://HOST:PORT or https://HOST:PORT; unset the variable \
         for a direct connection"
    )]
    UnsupportedProxy {
        /// The environment variable.
        variable: &'static str,
    },

    /// Another process is downloading the same file.
    #[error("{}: another download is writing this file; wait until it has finished", path.display())]
    DownloadBusy {
        /// The partial file.
        path: PathBuf,
    },

    /// Every mirror of a file failed.
    #[error("{} could not be downloaded: {}", path.display(), joined(attempts))]
    Download {
        /// Where the file was to be stored.
        path: PathBuf,
        /// The mirrors, in the order in which they were tried.
        attempts: Vec<FailedMirror>,
    },
}
