//! One row of a table, and the place in the file that its errors report.

use std::io::{self, BufReader, Read};
use std::path::Path;

use csv::StringRecord;
use plangrad_formats::open_regular_file;

use super::header::Columns;
use crate::error::{Error, ExpectedCell, Result};
use crate::text::excerpt;

/// One row of the file, with what is needed to locate an error.
pub(super) struct Row<'a> {
    pub(super) path: &'a Path,
    pub(super) columns: &'a Columns,
    pub(super) record: &'a StringRecord,
}

impl<'a> Row<'a> {
    pub(super) fn text(&self, column: usize) -> &'a str {
        self.record.get(column).unwrap_or_default()
    }

    pub(super) fn number(&self, column: usize) -> Result<f32> {
        let text = self.text(column);
        text.parse()
            .ok()
            .filter(|number: &f32| number.is_finite())
            .ok_or_else(|| self.wrong(column, ExpectedCell::Number))
    }

    pub(super) fn line(&self) -> u64 {
        line_of(self.path, self.record.position())
    }

    pub(super) fn wrong(&self, column: usize, expected: ExpectedCell) -> Error {
        Error::TableCell {
            path: self.path.to_path_buf(),
            line: self.line(),
            column: excerpt(&self.columns.names[column]),
            expected,
            found: self.text(column).to_owned(),
        }
    }
}

/// The line, from 1, on which a row begins.
///
/// The reader counts to the line after the previous row, but blank lines and `\r\n` may follow that one. So the file is
/// read again, at the cost of errors only; if that fails, the reader's count is used.
pub(super) fn line_of(path: &Path, position: Option<&csv::Position>) -> u64 {
    position.map_or(1, |position| line_at(path, position.byte()).unwrap_or(position.line()))
}

/// The line of the first byte at or after `begin` that is not a line break.
fn line_at(path: &Path, begin: u64) -> io::Result<u64> {
    let (mut line, mut previous) = (1, 0);
    for (offset, byte) in (0..).zip(BufReader::new(open_regular_file(path)?).bytes()) {
        let byte = byte?;
        if offset >= begin && !matches!(byte, b'\r' | b'\n') {
            break;
        }
        line += u64::from(byte == b'\r' || (byte == b'\n' && previous != b'\r'));
        previous = byte;
    }
    Ok(line)
}
