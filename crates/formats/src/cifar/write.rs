//! Records to bytes, so that round trips can be tested and subsets written.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::read::check_labels;
use super::{IMAGE_BYTES, Records, Variant};
use crate::{Error, Result};

/// Writes records in the official binary form. `writer` is flushed, not synced; buffer it, for two writes are made
/// per record.
///
/// # Errors
///
/// [`Error::ShapeMismatch`] where the columns disagree in length and [`Error::LabelOutOfRange`], both before anything
/// is written; [`Error::Write`].
pub fn write(mut writer: impl Write, records: &Records) -> Result<()> {
    check_columns(records)?;
    for record in 0..records.len() {
        check_labels(records.variant, record, labels(records, record).as_ref())?;
    }
    (0..records.len())
        .try_for_each(|record| {
            writer.write_all(labels(records, record).as_ref())?;
            writer.write_all(records.image(record))
        })
        .and_then(|()| writer.flush())
        .map_err(|reason| Error::Write { reason })
}

/// Writes gzip-compressed records: the same bytes for the same data, with no time or name in them.
///
/// # Errors
///
/// Those of [`write`].
pub fn write_gz(writer: impl Write, records: &Records) -> Result<()> {
    let mut encoder = GzEncoder::new(writer, Compression::default());
    write(&mut encoder, records)?;
    encoder.finish().and_then(|mut writer| writer.flush()).map_err(|reason| Error::Write { reason })
}

fn check_columns(records: &Records) -> Result<()> {
    let count = records.len();
    let coarse_count = if records.variant == Variant::Cifar100 { count } else { 0 };
    check_column(count, count * IMAGE_BYTES, records.images.len())?;
    check_column(count, coarse_count, records.coarse_labels.len())
}

fn check_column(count: usize, expected: usize, found: usize) -> Result<()> {
    if expected != found {
        return Err(Error::ShapeMismatch { dims: vec![count], expected, found });
    }
    Ok(())
}

/// The label bytes in the order of the file.
fn labels(records: &Records, record: usize) -> impl AsRef<[u8]> + use<> {
    let label = records.labels[record];
    match records.variant {
        Variant::Cifar10 => vec![label],
        Variant::Cifar100 => vec![records.coarse_labels[record], label],
    }
}
