//! All rows of a table, read and checked.

use std::fs::File;
use std::io::{Read, Take};
use std::path::Path;

use csv::{Reader, ReaderBuilder, StringRecord, Trim};
use plangrad_formats::open_regular_file;

use super::header::Columns;
use super::labels::Labels;
use super::row::{Row, line_of};
use crate::LoadOptions;
use crate::error::{Error, Result, RowProblem};
use crate::text::excerpt;

/// The longest row that is read, in MiB: a row is held in memory as a whole, and a file may never end its first line.
const MOST_ROW_MIB: u64 = 4;

/// Bytes that the CSV reader reads ahead.
const BUFFER: usize = 64 << 10;

/// All rows of a file, checked.
pub(super) struct TableRows {
    pub(super) columns: Columns,
    pub(super) features: Vec<f32>,
    pub(super) labels: Labels,
}

impl TableRows {
    pub(super) fn read(path: &Path, options: &LoadOptions) -> Result<Self> {
        let mut source = RecordReader::open(path)?;
        let mut record = StringRecord::new();
        if !source.next(&mut record)? {
            return Err(Error::TableEmpty { path: path.to_path_buf() });
        }
        let columns = Columns::find(path, &record, options.label.as_deref(), options.schema.as_ref())?;
        let mut labels = Labels::new(options);
        let mut features = Vec::new();
        while source.next(&mut record)? {
            let row = Row { path, columns: &columns, record: &record };
            for &column in &columns.features {
                features.push(row.number(column)?);
            }
            labels.push(&row)?;
        }
        if labels.is_empty() {
            return Err(Error::TableWithoutRows { path: path.to_path_buf() });
        }
        Ok(Self { columns, features, labels })
    }

    /// Sentences about what can be read but looks like a mistake.
    pub(super) fn notes(&self, path: &Path, options: &LoadOptions) -> Vec<String> {
        let (path, column) = (path.display(), excerpt(self.columns.label_name()));
        let mut notes = Vec::new();
        if options.schema.is_none() && self.columns.look_like_data() {
            notes.push(format!(
                "{path}: line 1 holds only numbers and was read as column names; if it is data, add a header row above it",
            ));
        }
        if let Some(label) = self.labels.only_one().filter(|_| options.schema.is_none()) {
            let label = excerpt(label);
            notes.push(format!(
                "{path}: every row has the label `{label}` in the column `{column}`: there is nothing to tell apart"
            ));
        }
        if let Some(sign) = self.labels.look_like_quantities() {
            notes
                .push(format!("{path}: {sign} in the column `{column}`: to predict numbers, use --loss mse"));
        }
        notes
    }
}

/// The records of a file, each of limited length.
struct RecordReader<'a> {
    path: &'a Path,
    reader: Reader<Take<File>>,
}

impl<'a> RecordReader<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let opened = open_regular_file(path);
        let file =
            opened.map_err(|reason| Error::Io { path: path.to_path_buf(), action: "opened", reason })?;
        let mut builder = ReaderBuilder::new();
        let reader =
            builder.has_headers(false).trim(Trim::All).buffer_capacity(BUFFER).from_reader(file.take(0));
        Ok(Self { path, reader })
    }

    /// Reads the next record; `false` at the end of the file.
    fn next(&mut self, record: &mut StringRecord) -> Result<bool> {
        self.reader.get_mut().set_limit((MOST_ROW_MIB << 20) + BUFFER as u64);
        let found = self.reader.read_record(record);
        if self.reader.get_ref().limit() == 0 {
            let problem = RowProblem::TooLong { most_mib: MOST_ROW_MIB };
            let line = line_of(self.path, Some(self.reader.position()));
            return Err(Error::TableUnreadable { path: self.path.to_path_buf(), line, problem });
        }
        found.map_err(|error| unreadable(self.path, error))
    }
}

fn unreadable(path: &Path, error: csv::Error) -> Error {
    let line = line_of(path, error.position());
    let path = path.to_path_buf();
    match error.into_kind() {
        csv::ErrorKind::Io(reason) => Error::Io { path, action: "read", reason },
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Error::TableRow { path, line, expected: expected_len, found: len }
        }
        csv::ErrorKind::Utf8 { err, .. } => {
            let problem = RowProblem::NotText { cell: err.field() + 1 };
            Error::TableUnreadable { path, line, problem }
        }
        other => {
            let problem = RowProblem::NotATable { report: format!("{other:?}") };
            Error::TableUnreadable { path, line, problem }
        }
    }
}
