//! Records of separated text, as in RFC 4180, with the line on which each begins.
//!
//! A quote opens a cell only at its beginning, and closes it only at its end: a stray one is found, with the line where it
//! opened, where a lenient reader would swallow rows up to the next. (Which is why this is not the crate `csv`: it accepts
//! quotes that never close, and counts lines from the end of the previous record.)

use std::path::{Path, PathBuf};

use super::options::Separator;
use super::source::{Broken, Source};
use crate::error::{Error, QuoteProblem, Result, RowProblem};

/// The longest row that is read, in MiB: a row is held in memory as a whole, and a file may never end its first line.
const MOST_ROW_MIB: u64 = 4;
const MOST_ROW: usize = (MOST_ROW_MIB as usize) << 20;

/// Bytes that are read at a time, and that a table's form is recognised by.
const PIECE: usize = 64 << 10;

/// The cells of one row, without quotes and without blanks around them.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    text: String,
    ends: Vec<usize>,
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// For each line but the last of a record of several lines: how many cells it would have as a row.
    naive: Vec<usize>,
}

impl Record {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a cell; empty past the end.
    pub(super) fn cell(&self, column: usize) -> &str {
        let start = if column == 0 { 0 } else { self.ends.get(column - 1).copied().unwrap_or(0) };
        self.ends.get(column).map_or("", |&end| &self.text[start..end])
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|column| self.cell(column))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.naive.clear();
    }

    fn end_cell(&mut self) {
        self.ends.push(self.text.len());
    }
}

/// What was found at the beginning of a text.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// A record of so many bytes, over so many lines.
    Record { bytes: usize, lines: u64 },
    /// More text is needed; a quote was opened so many lines after the first, in this cell.
    Partial { quote: Option<(u64, usize)> },
    /// A quote that opened so many lines after the first, in this cell, is followed by something within its cell.
    Quote { opened: u64, cell: usize, closed: u64 },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Only blanks so far, from this byte on.
    Start(usize),
    /// Text from this byte on.
    Plain(usize),
    /// Within quotes, from this byte on.
    Quoted(usize),
    /// Behind the closing quote.
    Closed,
}

/// Reads one record from the beginning of `text`, which starts with no line break. `last` says that nothing follows.
fn scan(text: &str, separator: u8, last: bool, record: &mut Record) -> Found {
    record.clear();
    let bytes = text.as_bytes();
    let mut state = State::Start(0);
    let (mut lines, mut naive) = (0, 1);
    let mut quote = (0, 0);
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        let is_break = byte == b'\n' || byte == b'\r';
        if is_break && byte == b'\r' && at + 1 == bytes.len() && !last {
            break; // a line feed may follow
        }
        if is_break && !(byte == b'\n' && at > 0 && bytes[at - 1] == b'\r') {
            lines += 1;
            if matches!(state, State::Quoted(_)) {
                record.naive.push(naive);
                naive = 1;
            }
        }
        naive += usize::from(byte == separator);
        match state {
            State::Start(_) if byte == b'"' => {
                quote = (lines, record.len());
                state = State::Quoted(at + 1);
            }
            State::Start(start) | State::Plain(start) if byte == separator || is_break => {
                record.text.push_str(text[start..at].trim());
                record.end_cell();
                state = State::Start(at + 1);
            }
            State::Start(_) if byte == b' ' || byte == b'\t' => {}
            State::Start(start) => state = State::Plain(start),
            State::Quoted(start) if byte == b'"' => {
                record.text.push_str(&text[start..at]);
                match bytes.get(at + 1) {
                    Some(b'"') => {
                        state = State::Quoted(at + 1);
                        at += 1;
                    }
                    None if !last => break,
                    _ => state = State::Closed,
                }
            }
            State::Closed if byte == separator || is_break => {
                trim_end_of_cell(record);
                state = State::Start(at + 1);
            }
            State::Closed if byte != b' ' && byte != b'\t' => {
                return Found::Quote { opened: quote.0, cell: quote.1, closed: lines };
            }
            State::Plain(_) | State::Quoted(_) | State::Closed => {}
        }
        at += 1;
        if is_break && matches!(state, State::Start(_)) {
            record.naive.push(naive);
            let feed = usize::from(byte == b'\r' && bytes.get(at) == Some(&b'\n'));
            return Found::Record { bytes: at + feed, lines };
        }
    }
    match state {
        State::Quoted(_) => Found::Partial { quote: Some(quote) },
        _ if !last => Found::Partial { quote: None },
        State::Start(start) | State::Plain(start) => {
            record.text.push_str(text[start..].trim());
            record.end_cell();
            record.naive.push(naive);
            Found::Record { bytes: bytes.len(), lines: lines + 1 }
        }
        State::Closed => {
            trim_end_of_cell(record);
            record.naive.push(naive);
            Found::Record { bytes: bytes.len(), lines: lines + 1 }
        }
    }
}

/// Ends a quoted cell, without the blanks around its text.
fn trim_end_of_cell(record: &mut Record) {
    let start = record.ends.last().copied().unwrap_or(0);
    let kept = record.text[start..].trim();
    if kept.len() < record.text.len() - start {
        let kept = kept.to_owned();
        record.text.truncate(start);
        record.text.push_str(&kept);
    }
    record.end_cell();
}

/// The records of a table, one after another.
pub(super) struct Records {
    path: PathBuf,
    source: Source,
    text: String,
    /// Where the next record begins in `text`.
    at: usize,
    /// The line on which it begins.
    line: u64,
    ended: bool,
    separator: u8,
}

impl Records {
    /// Reads as much of a table as its form can be recognised by.
    pub(super) fn of(path: &Path, source: Source) -> Result<Self> {
        let (text, separator) = (String::new(), Separator::Comma.byte());
        let mut records =
            Self { path: path.to_path_buf(), source, text, at: 0, line: 1, ended: false, separator };
        let is_enough =
            |text: &str| text.len() >= PIECE && text.bytes().filter(|&byte| byte == b'\n').nth(1).is_some();
        while !records.ended && !is_enough(&records.text) && records.text.len() < MOST_ROW {
            records.read(PIECE.max(records.text.len()))?;
        }
        Ok(records)
    }

    /// The first records as this separator would divide them, at most `most`.
    pub(super) fn sample(&self, separator: Separator, most: usize) -> Vec<Record> {
        let mut found = Vec::new();
        let mut text = self.text.as_str();
        while found.len() < most {
            text = text.trim_start_matches(['\r', '\n']);
            let mut record = Record::default();
            if text.is_empty() {
                break;
            }
            match scan(text, separator.byte(), self.ended || found.is_empty(), &mut record) {
                Found::Record { bytes, .. } => text = &text[bytes..],
                _ => break,
            }
            found.push(record);
        }
        found
    }

    /// Takes a first line `sep=;`, with which a file names its separator to Excel, and returns that.
    pub(super) fn take_excels_separator(&mut self) -> Option<Separator> {
        let (line, _) = self.text.split_once('\n')?;
        let separator = line.trim_matches(['\r', '"']).strip_prefix("sep=")?.parse().ok()?;
        self.text.drain(..=line.len());
        self.line += 1;
        Some(separator)
    }

    /// From now on, cells are separated by this.
    pub(super) fn separate_by(&mut self, separator: Separator) {
        self.separator = separator.byte();
    }

    /// The share of the file that has become records; 1 if its length is not known.
    pub(super) fn share(&self) -> f64 {
        self.source.share(self.text.len() - self.at)
    }

    /// What was guessed about the encoding.
    pub(super) fn note(&self) -> Option<&String> {
        self.source.note.as_ref()
    }

    /// Reads the next record; `false` at the end of the file. Empty lines are none. If a record must have `cells` cells,
    /// one that holds whole rows within quotes is refused.
    pub(super) fn next(&mut self, record: &mut Record, cells: Option<usize>) -> Result<bool> {
        loop {
            self.skip_breaks();
            if self.at == self.text.len() {
                if self.ended {
                    return Ok(false);
                }
                self.read(PIECE)?;
                continue;
            }
            let text = &self.text[self.at..];
            match scan(text, self.separator, self.ended, record) {
                Found::Record { bytes, .. } if bytes > MOST_ROW => return Err(self.too_long(None)),
                Found::Record { bytes, lines } => {
                    record.line = self.line;
                    self.check_swallowed(record, cells)?;
                    self.at += bytes;
                    self.line += lines;
                    if record.len() > 1 || !record.cell(0).is_empty() {
                        return Ok(true);
                    }
                }
                Found::Quote { opened, cell, closed } => {
                    let problem = QuoteProblem::ClosesWithin { line: self.line + closed };
                    return Err(self.quote(opened, cell, problem));
                }
                Found::Partial { quote } if text.len() > MOST_ROW => return Err(self.too_long(quote)),
                Found::Partial { quote: Some((opened, cell)) } if self.ended => {
                    return Err(self.quote(opened, cell, QuoteProblem::NeverCloses));
                }
                Found::Partial { .. } => {
                    let more = text.len().max(PIECE);
                    self.read(more)?;
                }
            }
        }
    }

    /// Steps over empty lines.
    fn skip_breaks(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(&byte @ (b'\r' | b'\n')) = bytes.get(self.at) {
            let is_second = byte == b'\n' && self.at > 0 && bytes[self.at - 1] == b'\r';
            self.line += u64::from(!is_second);
            self.at += 1;
        }
    }

    fn read(&mut self, bytes: usize) -> Result<()> {
        // A carriage return stays, so that a line feed behind it is known to be of the same break.
        let kept = self.at.saturating_sub(1);
        self.text.drain(..kept);
        self.at -= kept;
        match self.source.read(bytes, &mut self.text) {
            Ok(more) => self.ended = !more,
            Err(Broken::Io(reason)) => {
                return Err(Error::Io { path: self.path.clone(), action: "read", reason });
            }
            Err(Broken::Bytes(problem)) => {
                let rest = &self.text.as_bytes()[self.at..];
                let breaks = (0..rest.len())
                    .filter(|&at| {
                        rest[at] == b'\n' && (at == 0 || rest[at - 1] != b'\r') || rest[at] == b'\r'
                    })
                    .count();
                return Err(self.unreadable(self.line + breaks as u64, problem));
            }
        }
        Ok(())
    }

    /// Refuses a record of several lines, each of which would be a row by itself.
    fn check_swallowed(&self, record: &Record, cells: Option<usize>) -> Result<()> {
        let rows = record.naive.len();
        if rows < 2 || cells.is_none_or(|cells| cells < 2 || record.naive.iter().any(|&naive| naive != cells))
        {
            return Ok(());
        }
        let cell = record.cells().position(|cell| cell.contains(['\n', '\r'])).unwrap_or(0);
        Err(self.quote(0, cell, QuoteProblem::Swallows { rows }))
    }

    fn too_long(&self, quote: Option<(u64, usize)>) -> Error {
        match quote {
            Some((opened, cell)) => self.quote(opened, cell, QuoteProblem::NeverCloses),
            None => self.unreadable(self.line, RowProblem::TooLong { most_mib: MOST_ROW_MIB }),
        }
    }

    fn quote(&self, opened: u64, cell: usize, problem: QuoteProblem) -> Error {
        let line = self.line + opened;
        Error::TableQuote { path: self.path.clone(), line, column: cell + 1, problem }
    }

    fn unreadable(&self, line: u64, problem: RowProblem) -> Error {
        Error::TableUnreadable { path: self.path.clone(), line, problem }
    }
}
