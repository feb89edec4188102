//! Writes records, for round-trip tests and for subsets of a dataset.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Records;
use super::read::check_labels;
use crate::{Error, Result};

/// Writes records in the official binary format. `writer` is flushed, not synced; buffer it, since each record takes
/// two writes.
///
/// # Errors
///
/// [`Error::ShapeMismatch`] if the columns disagree in length and [`Error::LabelOutOfRange`], both before anything is
/// written; [`Error::Write`].
pub fn write(mut writer: impl Write, records: &Records) -> Result<()> {
    records.check_columns()?;
    let skipped = 2 - records.variant.label_bytes();
    for record in 0..records.len() {
        check_labels(records.variant, record, &labels(records, record)[skipped..])?;
    }
    (0..records.len())
        .try_for_each(|record| {
            writer.write_all(&labels(records, record)[skipped..])?;
            writer.write_all(records.image(record))
        })
        .and_then(|()| writer.flush())
        .map_err(|reason| Error::Write { reason })
}

/// Writes gzip-compressed records: the same bytes for the same data, without a time or a name in them.
///
/// # Errors
///
/// Those of [`write()`].
pub fn write_gz(writer: impl Write, records: &Records) -> Result<()> {
    let mut encoder = GzEncoder::new(writer, Compression::default());
    write(&mut encoder, records)?;
    encoder.finish().and_then(|mut writer| writer.flush()).map_err(|reason| Error::Write { reason })
}

/// The label bytes of a record in file order, at the end of the array: CIFAR-10 has no coarse label.
fn labels(records: &Records, record: usize) -> [u8; 2] {
    [records.coarse_labels.get(record).copied().unwrap_or_default(), records.labels[record]]
}
