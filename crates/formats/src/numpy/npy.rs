//! A `.npy` file: one array.

use std::io::Read;
use std::path::Path;

use super::NumpyArray;
use super::header::Header;
use crate::source::Source;
use crate::{Limits, Result};

/// Reads a `.npy` file, plain or gzip. [`Limits::max_bytes`] bounds the array.
///
/// # Errors
///
/// [`Error::Numpy`](crate::Error::Numpy), [`Error::Truncated`](crate::Error::Truncated),
/// [`Error::Trailing`](crate::Error::Trailing), [`Error::LimitExceeded`](crate::Error::LimitExceeded).
pub fn read_npy(reader: impl Read, limits: &Limits) -> Result<NumpyArray> {
    read_source(Source::new(reader, None)?, limits)
}

/// Opens and reads a `.npy` file.
///
/// # Errors
///
/// Those of [`read_npy`] inside an [`Error::InFile`](crate::Error::InFile) that names the file.
pub fn open_npy_with(path: impl AsRef<Path>, limits: &Limits) -> Result<NumpyArray> {
    let path = path.as_ref();
    Source::open(path).and_then(|source| read_source(source, limits)).map_err(|error| error.in_file(path))
}

pub(super) fn read_source(mut source: Source<impl Read>, limits: &Limits) -> Result<NumpyArray> {
    let header = Header::read(&mut source)?;
    let bytes = header.data_bytes()?;
    limits.check(bytes as u64)?;
    let mut data = Vec::new();
    source.fill_vec(&mut data, bytes)?;
    source.expect_end()?;
    let Header { number_type, big_endian, fortran, dims } = header;
    NumpyArray::from_parts(number_type, dims, data, big_endian, fortran, limits)
}
