//! CSV tables: a header row, features that are numbers, one label column.
//!
//! The whole table is read once, every cell is checked, and the rows are dealt to the two parts by a seeded
//! permutation; within a part they keep the order of the file. Missing values, dates and categories among the features
//! are refused, on purpose: guessing what they mean would train on the guess.

mod header;
mod labels;
mod schema;

use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};

pub use schema::TableSchema;

use crate::sampling::stream;
use crate::{Dataset, DatasetName, Error, Normalize, Options, Permutation, Result, Samples, Split};
use header::Columns;
use labels::Labels;

/// Reads a table and splits it. See [`Options`] for what is chosen there.
pub(crate) fn load(path: &Path, options: &Options) -> Result<Dataset> {
    if !(0.0..1.0).contains(&options.test_fraction) {
        return Err(Error::TestFraction { found: options.test_fraction });
    }
    options.schema.as_ref().map_or(Ok(()), TableSchema::check)?;
    let rows = Rows::read(path, options)?;
    let mut notes = rows.notes(path, options);
    let Rows { columns, mut features, labels } = rows;
    let width = columns.features.len();
    let (targets, classes) = labels.finish();

    let is_test = deal(targets.len(), options);
    let mut test = take_test_rows(&mut features, width, &is_test);
    let (train_targets, test_targets) = labels::split(targets, &is_test);
    let (mean, std) = match (&options.schema, options.normalize) {
        (Some(schema), _) => (schema.mean.clone(), schema.std.clone()),
        (None, Normalize::None) => TableSchema::identity_statistics(width),
        (None, _) => TableSchema::statistics(&features, width),
    };
    let schema = TableSchema {
        features: columns.feature_names(),
        label: columns.label_name().to_owned(),
        classes: classes.clone(),
        mean,
        std,
    };
    if schema.mean.iter().any(|&mean| mean != 0.0) || schema.std.iter().any(|&std| std != 1.0) {
        schema.standardize(&mut features);
        schema.standardize(&mut test);
    }
    if options.normalize == Normalize::Half {
        notes.push(
            "--normalize half is meant for images: the features of the table were standardised".to_owned(),
        );
    }
    Ok(Dataset {
        name: DatasetName::Csv(path.to_path_buf()),
        sample_shape: vec![width],
        classes,
        train: Split::new(Samples::F32(features), train_targets, width)?,
        test: Split::new(Samples::F32(test), test_targets, width)?,
        notes,
        table: Some(schema),
    })
}

/// All rows of a file, checked.
struct Rows {
    columns: Columns,
    features: Vec<f32>,
    labels: Labels,
}

impl Rows {
    fn read(path: &Path, options: &Options) -> Result<Self> {
        let opened = ReaderBuilder::new().trim(Trim::All).from_path(path);
        let mut reader = opened.map_err(|error| unreadable(path, error))?;
        let header = reader.headers().map_err(|error| unreadable(path, error))?;
        if header.is_empty() {
            return Err(Error::TableEmpty { path: path.to_path_buf() });
        }
        let columns = Columns::find(path, header, options.label.as_deref(), options.schema.as_ref())?;
        let mut labels = Labels::new(options);
        let mut features = Vec::new();
        let mut record = StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| unreadable(path, error))? {
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

    fn notes(&self, path: &Path, options: &Options) -> Vec<String> {
        let mut notes = Vec::new();
        if options.schema.is_none() && self.columns.look_like_data() {
            notes.push(format!(
                "{}: line 1 holds only numbers and was read as column names; if it is data, put a header row above it",
                path.display()
            ));
        }
        if let Some(label) = self.labels.only_one().filter(|_| options.schema.is_none()) {
            notes.push(format!(
                "{}: every row has the label `{label}` in the column `{}`: there is nothing to tell apart",
                path.display(),
                self.columns.label_name()
            ));
        }
        if let Some(sign) = self.labels.look_like_amounts() {
            notes.push(format!(
                "{}: {sign} in the column `{}`: to predict numbers, say --loss mse",
                path.display(),
                self.columns.label_name()
            ));
        }
        notes
    }
}

/// One row of the file and what is needed to say where an error is.
struct Row<'a> {
    path: &'a Path,
    columns: &'a Columns,
    record: &'a StringRecord,
}

impl<'a> Row<'a> {
    fn text(&self, column: usize) -> &'a str {
        self.record.get(column).unwrap_or_default()
    }

    fn number(&self, column: usize) -> Result<f32> {
        let text = self.text(column);
        text.parse()
            .ok()
            .filter(|number: &f32| number.is_finite())
            .ok_or_else(|| self.wrong(column, "a finite 32-bit number".to_owned()))
    }

    fn line(&self) -> u64 {
        line_of(self.path, self.record.position())
    }

    fn wrong(&self, column: usize, expected: String) -> Error {
        let text = self.text(column);
        Error::TableCell {
            path: self.path.to_path_buf(),
            line: self.line(),
            column: self.columns.names[column].clone(),
            expected,
            found: if text.is_empty() { "an empty cell".to_owned() } else { format!("{text:?}") },
        }
    }
}

/// Which rows are test rows: the first of a permutation that belongs to the seed. At least one row stays for
/// training, and at least one is for testing if any share was asked for and there are two.
fn deal(rows: usize, options: &Options) -> Vec<bool> {
    let share = (rows as f64 * options.test_fraction).round() as usize;
    let tests = if options.test_fraction > 0.0 { share.max(1) } else { 0 }.min(rows - 1);
    let mut order = vec![0; rows];
    Permutation::fill(&mut order, options.seed, stream::TABLE_SPLIT);
    let mut is_test = vec![false; rows];
    order[..tests].iter().for_each(|&row| is_test[row as usize] = true);
    is_test
}

/// Moves the test rows out of `features`, which keeps the others; both keep their order.
fn take_test_rows(features: &mut Vec<f32>, width: usize, is_test: &[bool]) -> Vec<f32> {
    let tests = is_test.iter().filter(|&&test| test).count();
    let mut taken = Vec::with_capacity(tests * width);
    let mut kept = 0;
    for (row, &test) in is_test.iter().enumerate() {
        let range = row * width..(row + 1) * width;
        if test {
            taken.extend_from_slice(&features[range]);
        } else {
            features.copy_within(range, kept);
            kept += width;
        }
    }
    features.truncate(kept);
    features.shrink_to_fit();
    taken
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
            let problem = format!("expected UTF-8 text, found other bytes in cell {}", err.field() + 1);
            Error::TableUnreadable { path, line, problem }
        }
        other => Error::TableUnreadable { path, line, problem: format!("expected a table, found {other:?}") },
    }
}

/// The line, from 1, on which a row begins.
///
/// The reader's own count is that of the line after the row before, which blank lines and `\r\n` may follow. So the
/// file is looked at again, which only errors pay for; where that fails, the reader's count must do.
fn line_of(path: &Path, position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 1 };
    let Ok(bytes) = std::fs::read(path) else { return position.line() };
    let begin = usize::try_from(position.byte()).unwrap_or(usize::MAX).min(bytes.len());
    let blank = bytes[begin..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let before = &bytes[..begin + blank];
    let next = before.iter().skip(1).chain([&b' ']);
    let ends =
        before.iter().zip(next).filter(|&(&byte, &next)| byte == b'\n' || (byte == b'\r' && next != b'\n'));
    1 + ends.count() as u64
}

#[cfg(test)]
mod tests;
