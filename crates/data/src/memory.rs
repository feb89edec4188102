//! What loading images will take, as the headers and sizes of their files say, compared with the memory there is before any
//! of it is taken.

use std::path::Path;

use plangrad_formats::cifar::Variant;
use plangrad_formats::{Limits, idx};

use crate::label::LABEL;
use crate::locate::{CifarFiles, cifar_files, idx_pair};
use crate::{DatasetName, Error, LoadOptions, Result, Spec, Split};

/// A file may hold this many times the complete training part: EMNIST's digits come in MNIST's format, and are that many.
const MOST_PARTS: u64 = 4;

/// Refuses to load more than the options allow. `only` is the split wanted; both, if none.
pub(crate) fn check(spec: &Spec, options: &LoadOptions, only: Option<Split>) -> Result<()> {
    if options.memory.is_none() {
        return Ok(()); // not even headers need be read
    }
    let splits = Split::IN_FILES.into_iter().filter(|split| only.is_none_or(|only| only == *split));
    let bytes =
        splits.map(|split| split_bytes(spec, &options.data_dir, split)).collect::<Result<Vec<_>>>()?;
    compare(&spec.name, bytes, options.memory)
}

/// Refuses a dataset whose parts have more bytes together than there is memory.
pub(crate) fn compare(
    name: &DatasetName,
    parts: impl IntoIterator<Item = u64>,
    memory: Option<u64>,
) -> Result<()> {
    let bytes = parts.into_iter().fold(0, u64::saturating_add);
    match memory {
        Some(memory) if bytes > memory => {
            Err(Error::MemoryLimit { dataset: name.to_string(), bytes, memory })
        }
        _ => Ok(()),
    }
}

/// The most that a file of a named dataset may hold, so that a small compressed file cannot take gigabytes.
pub(crate) fn limits(spec: &Spec) -> Limits {
    Limits::new(MOST_PARTS * (spec.train_samples * spec.sample_len()) as u64)
}

/// Bytes of the samples and labels of a split.
fn split_bytes(spec: &Spec, data_dir: &Path, split: Split) -> Result<u64> {
    let complete = match split {
        Split::Test => spec.test_samples,
        _ => spec.train_samples,
    };
    let complete = (complete * (spec.sample_len() + LABEL)) as u64;
    match spec.name {
        DatasetName::Digits => Ok(complete),
        DatasetName::Cifar10 => Ok(cifar_bytes(spec, Variant::Cifar10, data_dir, split)?.min(complete)),
        DatasetName::Cifar100 | DatasetName::Cifar100Coarse => {
            Ok(cifar_bytes(spec, Variant::Cifar100, data_dir, split)?.min(complete))
        }
        _ => {
            let files = idx_pair(&spec.name, data_dir, split)?;
            let labels = idx_bytes(spec, &files.labels)?;
            Ok(idx_bytes(spec, &files.images)? + labels + LABEL as u64 * labels) // as they lie in the file, and as labels
        }
    }
}

/// Bytes of the elements of a file; none of one that claims more than is ever read, which reading it refuses by name.
fn idx_bytes(spec: &Spec, path: &Path) -> Result<u64> {
    let bytes = idx::open_header(path)?.data_bytes() as u64;
    Ok(if bytes > limits(spec).max_bytes { 0 } else { bytes })
}

/// Bytes of the files of a split; no limit for compressed ones, which do not say.
fn cifar_bytes(spec: &Spec, variant: Variant, data_dir: &Path, split: Split) -> Result<u64> {
    let CifarFiles::Binaries(files) = cifar_files(&spec.name, variant, data_dir, split)? else {
        return Ok(u64::MAX);
    };
    let is_compressed = |path: &Path| path.extension().is_some_and(|extension| extension == "gz");
    let of_file = |path: &Path| match path.metadata() {
        Ok(data) if !is_compressed(path) => data.len(),
        _ => u64::MAX,
    };
    let bytes: Vec<u64> = files.iter().map(|path| of_file(path)).collect();
    let copied = bytes.iter().max().filter(|_| bytes.len() > 1).copied(); // while files are joined, one is there twice
    Ok(bytes.into_iter().chain(copied).fold(0, u64::saturating_add))
}
