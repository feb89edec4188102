//! The official archives, `cifar-10-binary.tar.gz`, `cifar-10-python.tar.gz` and those of CIFAR-100, read in one pass
//! without unpacking to disk. The names of the entries tell the versions apart.
//!
//! No name in the archive is ever used as a path: the last component is compared with the official names, and other
//! entries are skipped. Only regular files count. Links, sparse files and the extensions for long names and attributes
//! are skipped as raw entries, so that none of them can make the reader allocate. An entry that is compressed itself is
//! refused, so the limit on the archive's decompressed bytes bounds everything.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::class_names::read_class_names;
use super::python::{self, PythonNames};
use super::read::read_entry;
use super::{Records, Variant};
use crate::pickle::{Globals, Pickle, from_bytes, read_all};
use crate::source::Source;
use crate::{Error, Limits, Result};

/// Bytes of a block, the unit of the tar format.
const BLOCK_BYTES: u64 = 512;

/// A whole dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Archive {
    /// The training records: for CIFAR-10 batches 1 to 5 in this order, whatever their order in the archive.
    pub train: Records,
    /// The test records.
    pub test: Records,
    /// The names of the classes, by label; the official ones where the archive has no list.
    pub class_names: Vec<String>,
    /// The names of the coarse classes, by coarse label; empty for CIFAR-10.
    pub coarse_class_names: Vec<String>,
}

/// Reads a dataset from its archive, gzip or plain. [`Limits::max_bytes`] bounds all decompressed bytes.
///
/// # Errors
///
/// [`Error::MissingEntry`], [`Error::DuplicateEntry`], [`Error::DamagedArchive`], gzip errors, and the errors of
/// single files inside an [`Error::InFile`] that names the entry; nothing partial is returned.
pub fn read_tar_gz(reader: impl Read, variant: Variant, limits: &Limits) -> Result<Archive> {
    read_source(Source::new(reader, None)?, variant, limits)
}

/// Opens and reads a dataset's archive, gzip or plain, within the default [`Limits`].
///
/// # Errors
///
/// Those of [`read_tar_gz`] and [`Error::Open`], inside an [`Error::InFile`] that names the file.
pub fn open_tar_gz(path: impl AsRef<Path>, variant: Variant) -> Result<Archive> {
    open_tar_gz_with(path, variant, &Limits::default())
}

/// Like [`open_tar_gz`], within the given limits.
///
/// # Errors
///
/// Those of [`open_tar_gz`].
pub fn open_tar_gz_with(path: impl AsRef<Path>, variant: Variant, limits: &Limits) -> Result<Archive> {
    let path = path.as_ref();
    Source::<File>::open(path)
        .and_then(|source| read_source(source, variant, limits))
        .map_err(|error| error.in_file(path))
}

fn read_source<R: Read>(source: Source<R>, variant: Variant, limits: &Limits) -> Result<Archive> {
    let mut source = source.with_limit(limits.max_bytes);
    let mut parts = Parts::new(variant, *limits);
    let end = parts.read_all(&mut source);
    // A failure of the source is the cause of whatever the archive reader made of it.
    let end = end.map_err(|error| source.take_failure().unwrap_or(error))?;
    expect_end_marker(&mut source, end)?;
    source.drain()?;
    parts.finish()
}

/// Requires the two blocks of zeros that end an archive; without them it may have been cut after any entry. The archive
/// reader stops at the first one or, silently, at the end of the data; `end` is where the last entry ends.
fn expect_end_marker<R: Read>(source: &mut Source<R>, end: u64) -> Result<()> {
    let offset = source.offset();
    let mut block = [1; BLOCK_BYTES as usize];
    if offset == end + BLOCK_BYTES
        && source.fill(&mut block)? == block.len()
        && block == [0; BLOCK_BYTES as usize]
    {
        return Ok(());
    }
    let reason =
        io::Error::new(io::ErrorKind::UnexpectedEof, "it was cut off, its end-of-archive marker is missing");
    Err(Error::DamagedArchive { offset, reason })
}

/// The files of the archive found so far.
struct Parts {
    variant: Variant,
    limits: Limits,
    train: Vec<Option<Records>>,
    test: Option<Records>,
    class_names: Option<Vec<String>>,
    coarse_class_names: Option<Vec<String>>,
}

impl Parts {
    fn new(variant: Variant, limits: Limits) -> Self {
        let train = vec![None; variant.train_files().len()];
        Self { variant, limits, train, test: None, class_names: None, coarse_class_names: None }
    }

    /// Reads all entries and returns the offset at which the last one ends.
    fn read_all<R: Read>(&mut self, source: &mut Source<R>) -> Result<u64> {
        let damaged = |offset: u64| move |reason| Error::DamagedArchive { offset, reason };
        let mut archive = tar::Archive::new(&mut *source);
        let entries = archive.entries().map_err(damaged(0))?.raw(true);
        let mut end = 0;
        for entry in entries {
            let mut entry = entry.map_err(damaged(end))?;
            end = entry.raw_file_position() + entry.size().next_multiple_of(BLOCK_BYTES);
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = entry.path_bytes().into_owned();
            let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
            let mut file = Whole { expected: entry.size(), found: 0, reader: &mut entry };
            self.read_file(&mut file, name)
                .map_err(|error| file.cause(error).in_file(String::from_utf8_lossy(&path).as_ref()))?;
        }
        Ok(end)
    }

    fn read_file(&mut self, entry: &mut impl Read, name: &[u8]) -> Result<()> {
        let variant = self.variant;
        let is = |official: &str| name == official.as_bytes();
        if let Some(position) = variant.train_files().iter().position(|official| is(official)) {
            let slot = &mut self.train[position];
            return put(slot, variant.train_files()[position], || read_entry(entry, variant));
        }
        if is(variant.test_file()) {
            return put(&mut self.test, variant.test_file(), || read_entry(entry, variant));
        }
        if is(variant.class_names_file()) {
            let names = || read_class_names(entry, variant.classes());
            return put(&mut self.class_names, variant.class_names_file(), names);
        }
        if let Some(official) = variant.coarse_class_names_file().filter(|official| is(official)) {
            let names = || read_class_names(entry, variant.coarse_classes());
            return put(&mut self.coarse_class_names, official, names);
        }
        self.read_pickle(entry, name)
    }

    /// Files of the Python version; others are skipped.
    fn read_pickle(&mut self, entry: &mut impl Read, name: &[u8]) -> Result<()> {
        let (variant, limits) = (self.variant, self.limits);
        let is = |official: &str| name == official.as_bytes();
        let mut read = || read_pickle_entry(entry, &limits);
        if let Some(position) = variant.python_train_files().iter().position(|official| is(official)) {
            let records = || python::records(&read()?, variant);
            return put(&mut self.train[position], variant.python_train_files()[position], records);
        }
        if is(variant.python_test_file()) {
            let records = || python::records(&read()?, variant);
            return put(&mut self.test, variant.python_test_file(), records);
        }
        if is(variant.python_meta_file()) {
            let (names, coarse): PythonNames = python::class_names(&read()?, variant)?;
            put(&mut self.class_names, variant.python_meta_file(), || Ok(names))?;
            if variant == Variant::Cifar100 {
                put(&mut self.coarse_class_names, variant.python_meta_file(), || Ok(coarse))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Archive> {
        let variant = self.variant;
        let missing = |name| move || Error::MissingEntry { variant, name };
        let mut train = Vec::new();
        for (part, &name) in self.train.into_iter().zip(variant.train_files()) {
            train.push(part.ok_or_else(missing(name))?);
        }
        let test = self.test.ok_or_else(missing(variant.test_file()))?;
        let official = |names: &[&str]| names.iter().copied().map(String::from).collect::<Vec<_>>();
        Ok(Archive {
            train: Records::concat(variant, train)?,
            test,
            class_names: self.class_names.unwrap_or_else(|| official(variant.class_names())),
            coarse_class_names: self
                .coarse_class_names
                .unwrap_or_else(|| official(variant.coarse_class_names())),
        })
    }
}

/// A pickle in an entry of an archive, whose limit already bounds the entry; the values made of it are bounded anew.
fn read_pickle_entry(entry: &mut impl Read, limits: &Limits) -> Result<Pickle> {
    let data = read_all(Source::entry(entry)?, &Limits::unlimited())?;
    from_bytes(data, Globals::Numpy, limits)
}

/// An entry that must be as long as the archive claims: the tar reader silently ends an entry where the data ends.
struct Whole<R> {
    reader: R,
    expected: u64,
    found: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.found += count as u64;
        if count == 0 && !buffer.is_empty() && self.found < self.expected {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }
}

impl<R> Whole<R> {
    /// The error as seen from the entry.
    fn cause(&self, error: Error) -> Error {
        match error {
            Error::Io { reason, .. } if reason.kind() == io::ErrorKind::UnexpectedEof => {
                Error::Truncated { expected: self.expected, found: self.found }
            }
            other => other,
        }
    }
}

/// Fills an empty slot; a second file of the same name is an error before it is read.
fn put<T>(slot: &mut Option<T>, name: &'static str, read: impl FnOnce() -> Result<T>) -> Result<()> {
    if slot.is_some() {
        return Err(Error::DuplicateEntry { name });
    }
    *slot = Some(read()?);
    Ok(())
}
