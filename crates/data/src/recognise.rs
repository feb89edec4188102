//! Tells files of one dataset from those of another by their checksums: MNIST, Fashion-MNIST and KMNIST have files of the
//! same names and sizes.
//!
//! The labels are enough, and small: 60,008 bytes.

use std::io::Read;
use std::path::Path;

use plangrad_formats::idx::IdxBuf;
use plangrad_formats::open_regular_file;

use crate::download::published_labels;
use crate::{DatasetName, Error, Result};

/// Refuses the labels of another dataset. Files that are not published ones are nobody's.
pub(crate) fn check_origin(name: &DatasetName, path: &Path, labels: &IdxBuf) -> Result<()> {
    let mut file = Vec::new();
    // A file that cannot be read again says nothing about its origin.
    let readable = open_regular_file(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    if let Ok((length, opened)) = readable
        && length < MOST_BYTES
    {
        let _ = opened.take(MOST_BYTES).read_to_end(&mut file);
    }
    let contents = [&labels.header().to_bytes()[..], labels.data()].concat();
    match published_labels(&file, &contents) {
        Some(found) if found != *name => {
            Err(Error::OtherDataset { path: path.to_path_buf(), found: found.kind(), expected: name.kind() })
        }
        _ => Ok(()),
    }
}

/// Published files of labels are smaller.
const MOST_BYTES: u64 = 1 << 20;
