//! Reads records in blocks: labels are checked before anything is kept, and memory is reserved only for records that
//! must exist.

use std::io::Read;
use std::path::Path;

use super::{Records, Variant};
use crate::source::{Source, saturating_usize};
use crate::{Error, Limits, Result};

/// Read at a time: about 190 KiB.
const BLOCK_RECORDS: usize = 64;

/// Reads records up to the end of `reader`, plain or gzip. Any whole number of records is accepted, including none.
///
/// # Errors
///
/// [`Error::PartialRecord`], [`Error::LabelOutOfRange`], [`Error::LimitExceeded`] or a reading error; nothing partial
/// is returned.
pub fn read(reader: impl Read, variant: Variant, limits: &Limits) -> Result<Records> {
    read_source(Source::new(reader, None)?, variant, limits)
}

/// Opens and reads a `.bin` file, plain or gzip whatever its name, within the default [`Limits`].
///
/// # Errors
///
/// Those of [`read`] and [`Error::Open`], inside an [`Error::InFile`] that names the file.
pub fn open(path: impl AsRef<Path>, variant: Variant) -> Result<Records> {
    open_with(path, variant, &Limits::default())
}

/// Like [`open`], within the given limits.
///
/// # Errors
///
/// Those of [`open`].
pub fn open_with(path: impl AsRef<Path>, variant: Variant, limits: &Limits) -> Result<Records> {
    let path = path.as_ref();
    Source::open(path)
        .and_then(|source| read_source(source, variant, limits))
        .map_err(|error| error.in_file(path))
}

/// Reads records from an entry of an archive, whose limit already bounds the entry.
#[cfg(feature = "tar")]
pub(super) fn read_entry(reader: impl Read, variant: Variant) -> Result<Records> {
    read_source(Source::entry(reader)?, variant, &Limits::unlimited())
}

fn read_source<R: Read>(source: Source<R>, variant: Variant, limits: &Limits) -> Result<Records> {
    let mut records = Records::new(variant);
    if let Some(length) = source.exact_length() {
        limits.check(length)?;
        check_whole(variant, length)?;
        records.reserve(saturating_usize(length / variant.record_bytes() as u64))?;
    }
    let mut source = source.with_limit(limits.max_bytes);
    let mut block = vec![0; BLOCK_RECORDS * variant.record_bytes()];
    loop {
        let filled = source.fill(&mut block)?;
        let whole = filled - filled % variant.record_bytes();
        push_records(&mut records, &block[..whole])?;
        if filled < block.len() {
            check_whole(variant, source.offset())?;
            records.shrink_to_fit();
            return Ok(records);
        }
    }
}

fn check_whole(variant: Variant, length: u64) -> Result<()> {
    let record_bytes = variant.record_bytes();
    let remaining = (length % record_bytes as u64) as usize;
    if remaining > 0 {
        let (records, offset) = (length / record_bytes as u64, length - remaining as u64);
        return Err(Error::PartialRecord { records, record_bytes, remaining, offset });
    }
    Ok(())
}

/// Appends whole records.
fn push_records(records: &mut Records, block: &[u8]) -> Result<()> {
    let variant = records.variant;
    let additional = block.len() / variant.record_bytes();
    if records.labels.capacity() - records.len() < additional {
        records.reserve(additional.max(records.len()))?;
    }
    for record in block.chunks_exact(variant.record_bytes()) {
        let (labels, image) = record.split_at(variant.label_bytes());
        check_labels(variant, records.len(), labels)?;
        if let [coarse_label, _] = *labels {
            records.coarse_labels.push(coarse_label);
        }
        records.labels.push(labels[labels.len() - 1]);
        records.images.extend_from_slice(image);
    }
    Ok(())
}

pub(super) fn check_labels(variant: Variant, record: usize, labels: &[u8]) -> Result<()> {
    let kinds: &[(&'static str, usize)] = match variant {
        Variant::Cifar10 => &[("label", 10)],
        Variant::Cifar100 => &[("coarse label", 20), ("fine label", 100)],
    };
    for (position, (&label, &(kind, classes))) in labels.iter().zip(kinds).enumerate() {
        if usize::from(label) >= classes {
            let offset = (record * variant.record_bytes() + position) as u64;
            let (record, classes) = (record as u64, classes as u8);
            return Err(Error::LabelOutOfRange { kind, record, offset, label, classes });
        }
    }
    Ok(())
}
