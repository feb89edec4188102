//! A `.npz` file: a zip archive with a `.npy` file for each array, stored or deflated.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use super::array::numpy;
use super::header::Header;
use super::npy::read_source;
use super::{NumpyArray, NumpyProblem};
use crate::archive::Archive;
use crate::source::Source;
use crate::{Error, Limits, Result, open_regular_file};

/// Names listed in a message.
const MOST_NAMES: usize = 20;

/// What is known of an array before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArrayFacts {
    /// The sizes of the dimensions, the slowest first.
    pub dims: Vec<usize>,
    /// The most bytes of memory that reading it takes: those of its numbers, twice if they must be put in order.
    pub reading_bytes: u64,
}

/// An archive of arrays, read one by one.
#[derive(Debug)]
pub struct Npz<R = BufReader<File>> {
    archive: Archive<R>,
    limits: Limits,
}

impl Npz {
    /// Opens an archive. [`Limits::max_bytes`] bounds each array.
    ///
    /// # Errors
    ///
    /// [`Error::Open`], [`Error::DamagedZip`], inside an [`Error::InFile`] that names the file.
    pub fn open_with(path: impl AsRef<Path>, limits: &Limits) -> Result<Self> {
        let path = path.as_ref();
        let file = open_regular_file(path).map_err(|reason| Error::Open { reason });
        file.and_then(|file| Self::new(BufReader::new(file), limits)).map_err(|error| error.in_file(path))
    }
}

impl<R: Read + Seek> Npz<R> {
    /// Reads the list of an archive's files.
    ///
    /// # Errors
    ///
    /// [`Error::DamagedZip`].
    pub fn new(reader: R, limits: &Limits) -> Result<Self> {
        Ok(Self { archive: Archive::new(reader)?, limits: *limits })
    }

    /// The names of the arrays, without `.npy`.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.archive.names().filter_map(|name| name.strip_suffix(".npy")).map(str::to_owned).collect()
    }

    /// What the header of the array with this name says; `None` if it is not there. Its numbers are not read.
    ///
    /// # Errors
    ///
    /// Those of a damaged archive or header.
    pub fn facts(&mut self, name: &str) -> Result<Option<ArrayFacts>> {
        let file = format!("{name}.npy");
        if self.archive.size(&file).is_none() {
            return Ok(None);
        }
        let header = Header::read(&mut Source::entry(self.archive.open(&file)?)?)?;
        let bytes = header.data_bytes()? as u64;
        let reading_bytes = if header.is_reordered() { bytes.saturating_mul(2) } else { bytes };
        Ok(Some(ArrayFacts { dims: header.dims, reading_bytes }))
    }

    /// Reads the array with this name.
    ///
    /// # Errors
    ///
    /// [`NumpyProblem::MissingArray`], and those of [`read_npy`](super::read_npy) inside an [`Error::InFile`] that names
    /// the array.
    pub fn array(&mut self, name: &str) -> Result<NumpyArray> {
        let file = format!("{name}.npy");
        let Some(size) = self.archive.size(&file) else {
            let mut names = self.names();
            if names.len() > MOST_NAMES {
                names.truncate(MOST_NAMES);
                names.push("…".to_owned());
            }
            return Err(numpy(NumpyProblem::MissingArray { name: name.to_owned(), names }));
        };
        let limits = self.limits;
        let read = || {
            // The header takes some, too.
            let most = limits.max_bytes.saturating_add(1 << 20);
            if size > most {
                return Err(Error::LimitExceeded { needed: size, limit: limits.max_bytes });
            }
            read_source(Source::entry(self.archive.open(&file)?)?.with_limit(most), &limits)
        };
        read().map_err(|error| error.in_file(&file))
    }
}
