//! The progress of a download, and its result.

use std::path::{Path, PathBuf};

use crate::DatasetName;

/// An event during a download, for showing progress. Addresses come without user, password and query.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum DownloadEvent<'a> {
    /// A file is requested from a mirror; `resumed_at` bytes of it are already stored.
    Started {
        /// Where the file will be.
        path: &'a Path,
        /// The file's address on the mirror.
        mirror: &'a str,
        /// Bytes already stored.
        resumed_at: u64,
        /// Size of the published file in bytes.
        total: u64,
    },
    /// More of a file has arrived. Sent often.
    Received {
        /// Where the file will be.
        path: &'a Path,
        /// Bytes stored now.
        bytes: u64,
        /// Size of the published file in bytes.
        total: u64,
    },
    /// A mirror was given up; the next one is tried.
    MirrorFailed {
        /// Where the file will be.
        path: &'a Path,
        /// The file's address on the mirror.
        mirror: &'a str,
        /// Why, as a clause.
        reason: &'a str,
    },
    /// A file exists, but has wrong contents; it is downloaded again.
    Damaged {
        /// The file.
        path: &'a Path,
    },
    /// A file is complete.
    Finished(&'a Downloaded),
}

/// A downloaded or existing file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// Its dataset.
    pub dataset: DatasetName,
    /// The file, or the folder of an unpacked archive.
    pub path: PathBuf,
    /// How it was obtained.
    pub outcome: DownloadOutcome,
}

/// How a file was obtained.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownloadOutcome {
    /// Downloaded from this address and verified.
    Fetched(String),
    /// The partial file of an earlier download was complete; verified.
    Completed,
    /// Already downloaded; verified.
    AlreadyVerified,
    /// Already unpacked; not verified, since no checksums of unpacked files are known for this dataset.
    AlreadyUnpacked,
}
