//! Writes IDX files, for round-trip tests and for small datasets.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Idx;
use crate::{Error, Result};

/// Writes an uncompressed IDX file. `writer` is flushed, not synced.
///
/// # Errors
///
/// [`Error::Write`].
pub fn write(mut writer: impl Write, idx: &Idx<'_>) -> Result<()> {
    writer
        .write_all(&idx.header().to_bytes())
        .and_then(|()| writer.write_all(idx.data()))
        .and_then(|()| writer.flush())
        .map_err(|reason| Error::Write { reason })
}

/// Writes a gzip-compressed IDX file: the same bytes for the same data, without a time or a name in them.
///
/// # Errors
///
/// [`Error::Write`].
pub fn write_gz(writer: impl Write, idx: &Idx<'_>) -> Result<()> {
    let mut encoder = GzEncoder::new(writer, Compression::default());
    write(&mut encoder, idx)?;
    encoder.finish().and_then(|mut writer| writer.flush()).map_err(|reason| Error::Write { reason })
}
