//! Lists of class names, as text files carry them.

use std::io::Read;
use std::path::Path;

use crate::source::{Source, reject_html};
use crate::{Error, Result};

/// No list of class names comes near this length.
const MAX_TEXT_BYTES: u64 = 64 << 10;

/// Parses class names, one per line; blank lines (the official files end in some) and spaces around a name are skipped.
///
/// # Errors
///
/// [`Error::HtmlPage`], [`Error::NotText`]; [`Error::WrongClassCount`] unless there are exactly `classes` names.
pub fn parse_class_names(text: &[u8], classes: usize) -> Result<Vec<String>> {
    reject_html(text)?;
    let text = std::str::from_utf8(text).map_err(|error| Error::NotText { offset: error.valid_up_to() })?;
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|name| !name.is_empty()).map(String::from).collect();
    if names.len() != classes {
        return Err(Error::WrongClassCount { expected: classes, found: names.len() });
    }
    Ok(names)
}

/// Opens and reads `batches.meta.txt`, `fine_label_names.txt` or `coarse_label_names.txt`.
///
/// # Errors
///
/// Those of [`parse_class_names`], [`Error::Open`] and [`Error::LimitExceeded`] (64 KiB), inside an
/// [`Error::InFile`] that names the file.
pub fn open_class_names(path: impl AsRef<Path>, classes: usize) -> Result<Vec<String>> {
    let path = path.as_ref();
    Source::open(path)
        .and_then(|source| read_text(source.with_limit(MAX_TEXT_BYTES)))
        .and_then(|text| parse_class_names(&text, classes))
        .map_err(|error| error.in_file(path))
}

/// Reads class names from an entry of an archive.
#[cfg(feature = "tar")]
pub(super) fn read_class_names(reader: impl Read, classes: usize) -> Result<Vec<String>> {
    let text = read_text(Source::entry(reader)?.with_limit(MAX_TEXT_BYTES))?;
    parse_class_names(&text, classes)
}

fn read_text(mut source: Source<impl Read>) -> Result<Vec<u8>> {
    let mut text = vec![0; MAX_TEXT_BYTES as usize + 1];
    let length = source.fill(&mut text)?;
    text.truncate(length);
    Ok(text)
}
