//! What a table takes in memory while it is read and becomes samples, compared with what it may take.
//!
//! A table does not say how many rows it has, so this is asked after every row: what it has taken, and what its rows so far
//! will take until they are samples, when columns and samples are there at once.

use std::path::Path;

use super::column::Column;
use super::growing::{GROWTH, HEADER, text_bytes};
use crate::{Error, LoadOptions, Result};

/// Bytes of a row besides its features: its hash and its label in the order of the file and in that of its part, its number,
/// where it went, and its place in the sorted numbers of one column.
const ROW: u64 = 42;

/// Bytes of a column besides its cells: its name, by place and by name, and what is known of it.
const COLUMN: u64 = 400;

/// Bytes of a row of texts that is kept.
pub(super) fn row_bytes<'a>(texts: impl IntoIterator<Item = &'a String>) -> u64 {
    texts.into_iter().map(|text| text_bytes(text)).fold(2 * HEADER, u64::saturating_add)
}

/// Bytes that so many columns take before they have cells.
pub(super) fn header_bytes(columns: usize) -> u64 {
    COLUMN * columns as u64
}

/// Bytes that `rows` rows take with these columns, as samples of `inputs` numbers, and with these bytes of text.
pub(super) fn bytes(rows: usize, columns: &[Column], inputs: usize, texts: u64) -> u64 {
    let cells: u64 = columns.iter().map(Column::cell_bytes).sum();
    let of_columns = columns.iter().map(Column::text_bytes).fold(texts, u64::saturating_add);
    let of_columns = of_columns.saturating_add(header_bytes(columns.len()));
    let spare = cells / GROWTH as u64;
    (rows as u64).saturating_mul(cells + spare + 4 * inputs as u64 + ROW).saturating_add(of_columns)
}

/// Refuses a table that takes more than the options allow.
pub(super) fn check(bytes: impl FnOnce() -> u64, path: &Path, options: &LoadOptions) -> Result<()> {
    let Some(memory) = options.memory else { return Ok(()) };
    match bytes() {
        bytes if bytes > memory => {
            Err(Error::MemoryLimit { dataset: path.display().to_string(), bytes, memory })
        }
        _ => Ok(()),
    }
}

/// A refusal after this share of the file, with what all of it would take if the rest is like that.
pub(super) fn of_whole_file(error: Error, share: f64) -> Error {
    match error {
        Error::MemoryLimit { dataset, bytes, memory } => {
            Error::MemoryLimit { dataset, bytes: (bytes as f64 / share) as u64, memory }
        }
        other => other,
    }
}
