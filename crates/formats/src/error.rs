//! Everything that can be wrong with a file, one variant per cause.
//!
//! Each message is a whole sentence: where, what was expected, what was found and, if there is one, the remedy.
//! It includes the message of an underlying error, which [`source()`](std::error::Error::source) returns as a value.
//! Offsets count decompressed bytes from the start of the data. There is no catch-all text variant on purpose.

use std::io;
use std::path::{Path, PathBuf};

use crate::cifar::Variant;
use crate::idx::ElementType;
use crate::numpy::NumpyProblem;
use crate::pickle::PickleProblem;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong with the data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another error, with the file or archive entry in which it happened.
    #[error("{}: {error}", path.display())]
    InFile {
        /// The file, or the entry's name inside an archive.
        path: PathBuf,
        /// What happened there; see [`Error::root`].
        #[source]
        error: Box<Error>,
    },

    /// The file could not be opened, or is not a regular file.
    #[error("cannot be opened: {reason}")]
    Open {
        /// The operating system's reason.
        #[source]
        reason: io::Error,
    },

    /// The reader failed; the data itself may be fine.
    #[error("reading failed at byte {offset}: {reason}")]
    Io {
        /// Decompressed bytes read before the failure.
        offset: u64,
        /// The reader's reason.
        #[source]
        reason: io::Error,
    },

    /// The writer failed. What has been written so far is incomplete.
    #[error("writing failed: {reason}")]
    Write {
        /// The writer's reason.
        #[source]
        reason: io::Error,
    },

    /// The data ends before it is complete.
    #[error("truncated: {expected} bytes expected, but the data ends after {found}")]
    Truncated {
        /// Bytes expected, counted from the start.
        expected: u64,
        /// Bytes present, which is also the offset at which they end.
        found: u64,
    },

    /// The data continues after its end.
    #[error(
        "trailing data at byte {expected}: the header describes {expected} bytes, found at least {found}"
    )]
    Trailing {
        /// Bytes the header describes (including the header): the offset of the first excess byte.
        expected: u64,
        /// Bytes known to be present; a stream is not read to its end to count them.
        found: u64,
    },

    /// The first two bytes are not those of an IDX file.
    #[error("not an IDX file: expected the bytes 00 00 at offset 0, found {:02x} {:02x}", found[0], found[1])]
    WrongMagic {
        /// The first two bytes.
        found: [u8; 2],
    },

    /// The third byte of an IDX file names no element type.
    #[error(
        "unknown IDX element type at offset 2: expected 08 (u8), 09 (i8), 0b (i16), 0c (i32), 0d (f32) or 0e (f64), \
         found {found:02x}"
    )]
    UnknownElementType {
        /// The third byte.
        found: u8,
    },

    /// The elements have another type than the requested one.
    #[error("wrong element type: expected {expected}, the data holds {found}")]
    WrongElementType {
        /// The requested type.
        expected: ElementType,
        /// The type of the data.
        found: ElementType,
    },

    /// An HTML page where data should be: a download was answered with an error or log-in page.
    #[error(
        "an HTML page instead of data: it starts with {start:?}; remove the file and download it again, the server \
         answered with an error page"
    )]
    HtmlPage {
        /// The beginning of the page.
        start: String,
    },

    /// The gzip stream ends before its trailer.
    #[error("truncated gzip stream: it ends after {offset} decompressed bytes; download it again")]
    GzipTruncated {
        /// Decompressed bytes before the end.
        offset: u64,
    },

    /// The gzip stream is damaged: its header, its codes, its length or its checksum.
    #[error("damaged gzip stream after {offset} decompressed bytes: {reason}; download it again")]
    GzipDamaged {
        /// Decompressed bytes returned before the damage was detected: how far the inflater looks ahead depends on
        /// how the reads are split.
        offset: u64,
        /// The inflater's reason.
        #[source]
        reason: io::Error,
    },

    /// Something other than zeros or another gzip member after a gzip stream.
    #[error(
        "after the gzip stream, which ends well at byte {offset} with {decompressed} decompressed bytes, expected the end \
         of the file, zeros or another gzip stream, found {}; cut the file there if that does not belong to it",
        shown_bytes(found)
    )]
    GzipTrailing {
        /// Compressed bytes before it.
        offset: u64,
        /// Its first bytes.
        found: Vec<u8>,
        /// Decompressed bytes before it, which are complete and have the right checksum.
        decompressed: u64,
    },

    /// A gzip stream inside an archive. Only the archive as a whole may be compressed: a few kilobytes compressed
    /// twice can hold gigabytes.
    #[error("compressed with gzip inside the archive: only the archive itself may be compressed")]
    GzipInArchive,

    /// The dimensions multiply to more than the address space holds.
    #[error("the sizes {dims:?} of {element_type} elements overflow: no machine holds that many bytes")]
    SizeOverflow {
        /// The element type.
        element_type: ElementType,
        /// The sizes of the dimensions.
        dims: Vec<usize>,
    },

    /// More bytes than [`Limits`](crate::Limits) allows.
    #[error("more data than allowed: at least {needed} bytes, the limit is {limit}")]
    LimitExceeded {
        /// Bytes needed, as far as known when the limit was reached.
        needed: u64,
        /// [`Limits::max_bytes`](crate::Limits::max_bytes).
        limit: u64,
    },

    /// The allocator refused.
    #[error("out of memory: {bytes} bytes could not be reserved")]
    OutOfMemory {
        /// Bytes requested.
        bytes: u64,
    },

    /// IDX has one byte for the number of dimensions.
    #[error("{found} dimensions: IDX has room for at most 255")]
    RankTooLarge {
        /// The number of dimensions.
        found: usize,
    },

    /// IDX has four bytes for the size of a dimension.
    #[error("dimension {axis} has {found} entries: IDX has room for at most 4294967295")]
    DimensionTooLarge {
        /// Which dimension, from 0.
        axis: usize,
        /// Its size.
        found: usize,
    },

    /// The given data does not fill the given shape.
    #[error("{dims:?} takes {expected} elements or bytes, found {found}")]
    ShapeMismatch {
        /// The shape.
        dims: Vec<usize>,
        /// What the shape takes.
        expected: usize,
        /// What was given.
        found: usize,
    },

    /// A label outside the classes of the dataset.
    #[error(
        "record {record} (counted from 0), byte {offset}: the {kind} must be below {classes}, found {label}; is this \
         the right dataset?"
    )]
    LabelOutOfRange {
        /// `"label"`, `"fine label"` or `"coarse label"`.
        kind: &'static str,
        /// The record, counted from 0.
        record: u64,
        /// Offset of the label.
        offset: u64,
        /// The label found.
        label: u8,
        /// The number of classes.
        classes: u8,
    },

    /// A CIFAR file whose length is not a multiple of the record size.
    #[error(
        "not a whole number of records: after {records} of {record_bytes} bytes each, {remaining} bytes remain (from \
         byte {offset}); the file is truncated or of another dataset"
    )]
    PartialRecord {
        /// Whole records.
        records: u64,
        /// Bytes per record.
        record_bytes: usize,
        /// Bytes after the last whole record.
        remaining: usize,
        /// Where those begin.
        offset: u64,
    },

    /// Records of CIFAR-10 where CIFAR-100 was expected, or the other way round.
    #[error("records of {found} cannot join records of {expected}")]
    WrongVariant {
        /// The dataset of the existing records.
        expected: Variant,
        /// The dataset of the records to be added.
        found: Variant,
    },

    /// The tar structure itself is wrong.
    #[error("not a tar archive, or a damaged one, near byte {offset}: {reason}")]
    DamagedArchive {
        /// Decompressed bytes read until then.
        offset: u64,
        /// The archive reader's reason.
        #[source]
        reason: io::Error,
    },

    /// An archive without one of the files of its dataset.
    #[error("the archive of {variant} has no regular file {name}; is it the right one, and complete?")]
    MissingEntry {
        /// The dataset.
        variant: Variant,
        /// The file's name, without folders.
        name: &'static str,
    },

    /// An archive with two files of the same name, so that neither can be trusted.
    #[error("the archive has more than one file {name}")]
    DuplicateEntry {
        /// The file's name, without folders.
        name: &'static str,
    },

    /// A pickle that cannot be read as data.
    #[error("pickle, byte {offset}, instruction {opcode}: {problem}")]
    Pickle {
        /// Where the instruction begins.
        offset: u64,
        /// Its name in Python's `pickletools`; `none` if there is none.
        opcode: &'static str,
        /// What is wrong.
        problem: PickleProblem,
    },

    /// A pickle that holds something else than it should.
    #[error("the pickle does not hold what it should: expected {expected}, found {found}")]
    PickleContent {
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },

    /// Not an array of numpy, or one that cannot be read.
    #[error("{problem}")]
    Numpy {
        /// What is wrong.
        problem: NumpyProblem,
    },

    /// A zip archive that is damaged, or none.
    #[error("not a zip archive, or a damaged one: {reason}")]
    DamagedZip {
        /// The archive reader's reason.
        reason: String,
    },

    /// A list of class names of the wrong length.
    #[error("{expected} class names expected, one per line, found {found}")]
    WrongClassCount {
        /// The number of classes.
        expected: usize,
        /// Lines that are not blank.
        found: usize,
    },

    /// A list of class names that is not text.
    #[error("class names must be UTF-8 text, found other bytes at offset {offset}")]
    NotText {
        /// The first byte that is not UTF-8.
        offset: usize,
    },
}

/// `the bytes 67 61 72 "gar"`.
fn shown_bytes(bytes: &[u8]) -> String {
    let numbers: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let text =
        std::str::from_utf8(bytes).ok().filter(|text| text.chars().all(|c| c.is_ascii_graphic() || c == ' '));
    let text = text.map(|text| format!(" ({text:?})")).unwrap_or_default();
    format!("the bytes {}{text}", numbers.join(" "))
}

impl Error {
    /// The same error, naming the file (or archive entry) in which it happened.
    #[must_use]
    pub fn in_file(self, path: impl AsRef<Path>) -> Self {
        Self::InFile { path: path.as_ref().to_path_buf(), error: Box::new(self) }
    }

    /// The error below any file names: the one to match on.
    #[must_use]
    pub fn root(&self) -> &Self {
        match self {
            Self::InFile { error, .. } => error.root(),
            other => other,
        }
    }
}
