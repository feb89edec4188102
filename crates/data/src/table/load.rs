//! From a file to a dataset: read, settled, dealt to the two parts, standardised.

use std::path::Path;

use super::cell::CellReader;
use super::column::Column;
use super::dialect::Dialect;
use super::footprint;
use super::growing::push;
use super::header::{Columns, Header};
use super::identity::{self, Verdict};
use super::labels::{Labels, Refused};
use super::legacy;
use super::options::{Decimal, Missing, OneHot, SplitRule, TableOptions, TargetScaling};
use super::records::{Record, Records};
use super::rows::{RowFacts, TableRows};
use super::schema::{FeatureKind, TableSchema};
use super::source::Source;
use super::split::{Part, deal, row_hash};
use super::statistics::{standardized, statistics};
use super::target::TargetStatistics;
use crate::error::{Error, ExpectedCell, HeaderProblem, Result};
use crate::text::{PLAIN_NUMBERS, counts, excerpt, grouped, is_nearly_a_number};
use crate::{
    Dataset, DatasetName, LabelUse, LoadOptions, Normalize, Samples, Split, Subset, TargetKind, Targets,
};

/// Rows that are turned from columns into samples at a time.
const BLOCK: usize = 64;

/// Reads a table and deals its rows as [`LoadOptions`] says. The part that is needed, or both, must not be empty.
pub(crate) fn load(path: &Path, options: &LoadOptions, needed: Option<Split>) -> Result<Dataset> {
    dealt(path, || Source::open(path, options.table.encoding.as_deref()), options, needed)
}

/// Reads a table that is in memory, as [`load`](crate::load) reads a file, with all rows in the training part unless
/// [`LoadOptions`] says otherwise. Errors call it by this name.
///
/// ```
/// use std::path::Path;
///
/// use plangrad_data::{LoadOptions, read_table};
///
/// let text = "x,y,class\n1,2,a\n3,4,b\n";
/// let options = LoadOptions { test_fraction: 0.0, ..LoadOptions::default() };
/// let table = read_table(Path::new("the table"), text.into(), &options)?;
/// assert_eq!((table.train.len(), table.classes), (2, vec!["a".to_owned(), "b".to_owned()]));
/// # Ok::<(), plangrad_data::Error>(())
/// ```
///
/// # Errors
///
/// Any [`Error`] about a table with wrong contents; [`Error::MemoryLimit`].
pub fn read_table(name: &Path, bytes: Vec<u8>, options: &LoadOptions) -> Result<Dataset> {
    let encoding = options.table.encoding.as_deref();
    dealt(name, || Source::in_memory(name, bytes, encoding), options, Some(Split::Train))
}

fn dealt(
    path: &Path,
    source: impl FnOnce() -> Result<Source>,
    options: &LoadOptions,
    needed: Option<Split>,
) -> Result<Dataset> {
    if !(0.0..1.0).contains(&options.test_fraction) {
        return Err(Error::TestFraction { found: options.test_fraction });
    }
    options.schema.as_ref().map_or(Ok(()), TableSchema::check)?;
    let mut table = Table::read(path, source()?, options)?;
    table.check_classes()?;
    let kinds = table.settle(options)?;
    let kinds = table.leave_out_indices(kinds, options);
    table.check_missing(options)?;
    let rows = table.hashes.len();
    let rule = table.missing_rule(options);
    let parts = deal(&table.hashes, |row| rule == Missing::Drop && table.is_incomplete(row), options);
    table.check_parts(&parts, needed, options)?;
    let schema = table.schema(kinds, &parts, options)?;
    table.check_memory(schema.inputs(), options)?;
    let [train, validation, test] = table.samples(&schema, &parts)?;
    table.check_targets(&schema)?;
    table.note_collapsed(&schema, options);
    let Table { labels, hashes, mut texts, mut notes, remarks, columns, .. } = table;
    notes.extend(labels.notes(&columns.label_name));
    let known = labels.known.clone();
    let (targets, classes) = labels.finish();
    let schema = TableSchema { classes: classes.clone(), ..schema };
    let targets_of = |part| targets_of(&targets, &parts, part);
    if options.normalize == Normalize::Half {
        notes.push(
            "--normalize half is meant for images: the features of the table were standardised".to_owned(),
        );
    }
    let mut facts = |part| facts(part, &parts, &hashes, &known, &mut texts);
    let table_rows = TableRows {
        train: facts(Part::Train),
        validation: facts(Part::Validation),
        test: facts(Part::Test),
        total: rows,
        left_out: numbers(Part::LeftOut, &parts),
        has_labels: columns.label.is_some(),
        remarks: in_file(path, remarks),
    };
    let width = schema.inputs();
    Ok(Dataset {
        name: DatasetName::Csv(path.to_path_buf()),
        sample_shape: vec![width],
        classes,
        train: Subset::new(Samples::F32(train), targets_of(Part::Train), width)?,
        validation: Subset::new(Samples::F32(validation), targets_of(Part::Validation), width)?,
        test: Subset::new(Samples::F32(test), targets_of(Part::Test), width)?,
        notes: in_file(path, notes),
        table: Some(schema),
        pixels: None,
        table_rows: Some(table_rows),
    })
}

fn in_file(path: &Path, sentences: Vec<String>) -> Vec<String> {
    sentences.into_iter().map(|sentence| format!("{}: {sentence}", path.display())).collect()
}

/// All cells of a file, column by column.
struct Table<'a> {
    path: &'a Path,
    header: Header,
    columns: Columns,
    features: Vec<Column>,
    labels: Labels,
    labels_are_required: bool,
    /// The columns that rows are known by, if not all in their order.
    known_by: Option<Vec<usize>>,
    hashes: Vec<u64>,
    /// The feature cells of each row, if they are kept.
    texts: Vec<Vec<String>>,
    text_bytes: u64,
    notes: Vec<String>,
    remarks: Vec<String>,
}

impl<'a> Table<'a> {
    fn read(path: &'a Path, source: Source, options: &LoadOptions) -> Result<Self> {
        let (table, schema) = (&options.table, options.schema.as_ref());
        let mut records = Records::of(path, source)?;
        let no_header = table.no_header || schema.is_some_and(|schema| schema.columns.is_some());
        let separator = records.take_excels_separator();
        let separator = table.separator.or(separator);
        let dialect = Dialect::find(path, &records, &TableOptions { separator, ..table.clone() })?;
        records.separate_by(dialect.separator);
        let mut record = Record::default();
        if !records.next(&mut record, None)? {
            return Err(Error::TableEmpty { path: path.to_path_buf() });
        }
        footprint::check(|| footprint::header_bytes(record.len()), path, options)?;
        let header = if no_header { Header::made_up(path, &record)? } else { Header::of(path, &record)? };
        let columns = header.columns(path, options.label.as_deref(), table, schema, options.labels)?;
        let known_by = schema.and_then(|schema| header.known_by(schema));
        let one_hot = if schema.is_some() { OneHot::None } else { table.one_hot };
        let kind = |feature| schema.map(|schema| schema.kind(feature));
        let features =
            (0..columns.features.len()).map(|feature| Column::new(kind(feature), one_hot)).collect();
        let words = schema.map_or(table.missing_values.as_deref(), |schema| schema.missing_values.as_deref());
        let reader = CellReader::new(dialect.decimal, words);
        let labels = Labels::new(options);
        let (hashes, texts, notes, remarks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let labels_are_required = options.labels == LabelUse::Required;
        let mut table = Self {
            path,
            header,
            columns,
            features,
            labels,
            labels_are_required,
            known_by,
            hashes,
            texts,
            text_bytes: 0,
            notes,
            remarks,
        };
        let width = table.header.names.len();
        let mut empty = 0;
        let mut has_row = no_header || records.next(&mut record, Some(width))?;
        while has_row {
            if width > 1 && record.cells().all(str::is_empty) {
                empty += 1;
            } else {
                table.push(&record, &reader, options)?;
                let checked = table.check_memory(table.features.len(), options);
                checked.map_err(|error| footprint::of_whole_file(error, records.share()))?;
            }
            has_row = records.next(&mut record, Some(width))?;
        }
        if table.hashes.is_empty() {
            return Err(Error::TableWithoutRows { path: path.to_path_buf() });
        }
        table.notes.extend(records.note().cloned());
        if empty > 0 {
            table.notes.push(format!("rows without any cell were left out: {}", grouped(empty)));
        }
        if dialect.decimal == Decimal::Comma && options.table.decimal.is_none() {
            table.remarks.push("numbers are written with a decimal comma".to_owned());
        }
        if table.header.looks_like_data() && schema.is_none() {
            table.notes.push(
                "line 1 looks like data and was read as column names; if it is data, say so with --no-header"
                    .to_owned(),
            );
        }
        Ok(table)
    }

    fn push(&mut self, record: &Record, reader: &CellReader, options: &LoadOptions) -> Result<()> {
        let (path, line) = (self.path, record.line);
        let path = || path.to_path_buf();
        let names = &self.header.names;
        if record.len() != names.len() {
            let (expected, found) = (names.len() as u64, record.len() as u64);
            return Err(Error::TableRow { path: path(), line, expected, found });
        }
        if let Some(&column) = self.header.unnamed.iter().find(|&&column| !record.cell(column).is_empty()) {
            let found = excerpt(record.cell(column));
            let problem = HeaderProblem::Unnamed { line, found };
            return Err(Error::TableHeader { path: path(), line: 1, column: column + 1, problem });
        }
        let wrong = |column: usize, line, expected, found| {
            Err(Error::TableCell { path: path(), line, column: excerpt(&names[column]), expected, found })
        };
        for (&column, feature) in self.columns.features.iter().zip(&mut self.features) {
            let text = record.cell(column);
            if let Err(misfit) = feature.push(text, reader, line) {
                let found = misfit.found.unwrap_or_else(|| text.to_owned());
                return wrong(column, misfit.line.unwrap_or(line), misfit.expected, found);
            }
        }
        match self.columns.label {
            None => self.labels.push_unknown(),
            Some(column) => match self.labels.push(record.cell(column), reader) {
                Ok(()) => {}
                Err(Refused::Cell(expected)) => {
                    return wrong(column, line, expected, record.cell(column).to_owned());
                }
                Err(Refused::TooMany) => {
                    let (column, label) = (excerpt(&names[column]), excerpt(record.cell(column)));
                    return Err(Error::TableClasses { path: path(), line, column, label });
                }
            },
        }
        push(&mut self.hashes, row_hash(record, self.known_by.as_deref()));
        if options.keep_texts {
            let texts = self.columns.features.iter().map(|&column| record.cell(column).to_owned());
            let texts: Vec<String> = texts.collect();
            self.text_bytes += footprint::row_bytes(&texts);
            push(&mut self.texts, texts);
        }
        Ok(())
    }

    /// Refuses to take more memory than loading may, as samples of so many inputs.
    fn check_memory(&self, inputs: usize, options: &LoadOptions) -> Result<()> {
        let texts = self.labels.text_bytes.saturating_add(self.text_bytes);
        let bytes = || footprint::bytes(self.hashes.len(), &self.features, inputs, texts);
        footprint::check(bytes, self.path, options)
    }

    fn name(&self, feature: usize) -> &str {
        &self.header.names[self.columns.features[feature]]
    }

    /// Refuses a label column whose many texts are no classes.
    fn check_classes(&self) -> Result<()> {
        let (classes, rows) = (self.labels.classes_found(), self.hashes.len());
        match self.labels.are_no_classes() {
            false => Ok(()),
            true => {
                let (path, column) = (self.path.to_path_buf(), excerpt(&self.columns.label_name));
                let are_numbers = self.labels.are_numbers();
                Err(Error::TableNoClasses { path, column, classes, rows, are_numbers })
            }
        }
    }

    /// Decides what each column holds.
    fn settle(&mut self, options: &LoadOptions) -> Result<Vec<FeatureKind>> {
        let path = || self.path.to_path_buf();
        let kinds: Vec<FeatureKind> = match &options.schema {
            Some(schema) => (0..self.features.len()).map(|feature| schema.kind(feature).clone()).collect(),
            None => self.features.iter().map(Column::kind).collect(),
        };
        if options.schema.is_none() {
            let most = options.table.one_hot.most(self.hashes.len());
            let is_too_much =
                |kind: &FeatureKind| matches!(kind, FeatureKind::OneHot(texts) if texts.len() > most);
            let too_much: Vec<usize> =
                (0..kinds.len()).filter(|&feature| is_too_much(&kinds[feature])).collect();
            if let [first, ..] = too_much.as_slice() {
                let column = &self.features[*first];
                let columns = too_much.iter().map(|&feature| {
                    (self.name(feature).to_owned(), self.features[feature].different_texts())
                });
                return Err(Error::TableText {
                    path: path(),
                    line: column.first_text().unwrap_or(1),
                    example: excerpt(column.example()),
                    columns: columns.collect(),
                    most,
                });
            }
        }
        let of_text = |(feature, kind): (usize, &FeatureKind)| match kind {
            FeatureKind::OneHot(texts) => Some((self.name(feature).to_owned(), texts.len())),
            _ => None,
        };
        let categories: Vec<_> = kinds.iter().enumerate().filter_map(of_text).collect();
        if !categories.is_empty() && options.schema.is_none() {
            let columns = counts(&categories);
            self.remarks.push(format!("columns of text become one input for each of their texts: {columns}"));
            self.note_nearly_numbers(&kinds);
        }
        for (feature, kind) in kinds.iter().enumerate() {
            match self.features[feature].settle(kind) {
                Ok(None) => {}
                Ok(Some((rows, example))) => {
                    let (name, example) = (excerpt(self.name(feature)), excerpt(&example));
                    self.notes.push(format!(
                        "the column `{name}` has texts that the model has not learnt from ({} times, such as `{example}`); they \
                         count as none of its categories",
                        grouped(rows)
                    ));
                }
                Err((line, found)) => {
                    let column = excerpt(self.name(feature));
                    return Err(Error::TableCell {
                        path: path(),
                        line,
                        column,
                        expected: ExpectedCell::Boolean,
                        found,
                    });
                }
            }
            if options.table.split == SplitRule::Permutation {
                self.features[feature].round();
            }
        }
        Ok(kinds)
    }

    /// Says which columns of text may be meant as numbers.
    fn note_nearly_numbers(&mut self, kinds: &[FeatureKind]) {
        for (feature, kind) in kinds.iter().enumerate() {
            let FeatureKind::OneHot(texts) = kind else { continue };
            if !texts.is_empty() && texts.iter().all(|text| is_nearly_a_number(text)) {
                let (name, example) = (excerpt(self.name(feature)), excerpt(&texts[0]));
                self.notes.push(format!(
                    "the column `{name}` is text, such as `{example}`, and not a number of some size: {PLAIN_NUMBERS}"
                ));
            }
        }
    }

    /// Leaves out columns that only number the rows, and warns of others that may.
    fn leave_out_indices(&mut self, kinds: Vec<FeatureKind>, options: &LoadOptions) -> Vec<FeatureKind> {
        let is_free = options.schema.is_none() && !self.columns.chosen;
        if !is_free || options.table.split == SplitRule::Permutation {
            return kinds;
        }
        let mut is_kept = vec![true; kinds.len()];
        let mut left = kinds.len();
        for (feature, kept) in is_kept.iter_mut().enumerate() {
            match identity::assess(self.name(feature), &self.features[feature], self.hashes.len()) {
                Verdict::Feature => {}
                Verdict::Doubtful(sentence) => self.notes.push(sentence),
                Verdict::LeaveOut if left == 1 => {}
                Verdict::LeaveOut => {
                    left -= 1;
                    *kept = false;
                    self.notes.push(format!(
                        "the column `{}` numbers the rows and was left out; --features names the columns to learn from",
                        excerpt(self.name(feature))
                    ));
                }
            }
        }
        retain(&mut self.features, &is_kept);
        retain(&mut self.columns.features, &is_kept);
        self.texts.iter_mut().for_each(|row| retain(row, &is_kept));
        let mut kinds = kinds;
        retain(&mut kinds, &is_kept);
        kinds
    }

    /// What becomes of cells without a value. A row that is to be predicted is left out where the model knows nothing better:
    /// the others have their answers.
    fn missing_rule(&self, options: &LoadOptions) -> Missing {
        let rule = options.schema.as_ref().map_or(options.table.missing, |schema| schema.missing);
        if rule == Missing::Error && options.labels == LabelUse::Optional { Missing::Drop } else { rule }
    }

    fn is_incomplete(&self, row: usize) -> bool {
        self.features.iter().any(|column| column.missing > 0 && column.value(row).is_nan())
            || (self.labels_are_required && self.labels.missing > 0 && !self.labels.known[row])
    }

    /// Refuses cells without a value, unless the options say what becomes of them.
    fn check_missing(&self, options: &LoadOptions) -> Result<()> {
        let rule = self.missing_rule(options);
        let rows = self.hashes.len();
        let is_wrong = |missing: usize, is_label: bool| match rule {
            Missing::Error => missing > 0,
            Missing::Drop => missing == rows,
            Missing::Mean if is_label => missing > 0,
            Missing::Mean => missing == rows && options.schema.is_none(),
        };
        let counted =
            (0..self.features.len()).map(|feature| (self.name(feature), self.features[feature].missing));
        let mut columns: Vec<(String, usize)> = counted
            .filter(|&(_, missing)| is_wrong(missing, false))
            .map(|(name, missing)| (name.to_owned(), missing))
            .collect();
        if self.labels_are_required && is_wrong(self.labels.missing, true) {
            columns.push((self.columns.label_name.clone(), self.labels.missing));
        }
        if columns.is_empty() {
            return Ok(());
        }
        let of_model = options.schema.is_some();
        Err(Error::TableMissing { path: self.path.to_path_buf(), rows, columns, rule, of_model })
    }

    /// Refuses an empty part, and says where the share of test rows is far from what was asked for.
    fn check_parts(&mut self, parts: &[Part], needed: Option<Split>, options: &LoadOptions) -> Result<()> {
        let count = |part| parts.iter().filter(|&&other| other == part).count();
        let [train, validation, test] = [Part::Train, Part::Validation, Part::Test].map(count);
        let path = || self.path.to_path_buf();
        let dealt = train + validation + test;
        if dealt == 0 {
            return Err(Error::TableIncomplete { path: path(), rows: parts.len() });
        }
        let left_out = parts.len() - dealt;
        if left_out > 0 {
            let (left_out, all) = (grouped(left_out), grouped(parts.len()));
            self.notes
                .push(format!("{left_out} of {all} rows have a cell without a value and were left out"));
        }
        let empty = |rows, part: Split, taken_out: Split, fraction| {
            let (part, dealt) = (part.name(), taken_out.name());
            Err(Error::TableSplit { path: path(), rows, part, dealt, fraction })
        };
        if options.validation_fraction > 0.0 && needed.is_none_or(|needed| needed != Split::Test) {
            for (count, part) in [(train, Split::Train), (validation, Split::Validation)] {
                if count == 0 {
                    return empty(train + validation, part, Split::Validation, options.validation_fraction);
                }
            }
        }
        let fraction = options.test_fraction;
        if fraction == 0.0 || options.table.split == SplitRule::Permutation || options.schema.is_some() {
            return Ok(());
        }
        let rows = dealt;
        for (count, part) in [(train + validation, Split::Train), (test, Split::Test)] {
            if count == 0 && needed.is_none_or(|needed| needed == part) {
                return empty(rows, part, Split::Test, fraction);
            }
        }
        let share = test as f64 / rows as f64;
        if (share - fraction).abs() > 0.25 * fraction.min(1.0 - fraction) {
            let (share, asked) = (100.0 * share, 100.0 * fraction);
            self.notes.push(format!(
                "{} of {} rows ({share:.1} %) are for testing where --test-fraction asks for {asked:.1} %: rows are dealt by \
                 a hash of their cells, and few different rows may lie far off",
                grouped(test),
                grouped(rows)
            ));
        }
        Ok(())
    }

    /// Columns and statistics, all but the classes.
    fn schema(&self, kinds: Vec<FeatureKind>, parts: &[Part], options: &LoadOptions) -> Result<TableSchema> {
        if let Some(schema) = &options.schema {
            return Ok(schema.clone());
        }
        let missing = options.table.missing;
        let (mut mean, mut std, mut fill) = (Vec::new(), Vec::new(), Vec::new());
        let is_legacy = options.table.split == SplitRule::Permutation;
        for (column, kind) in self.features.iter().zip(&kinds) {
            let values =
                || (0..parts.len()).filter(|&row| parts[row] == Part::Train).map(|row| column.value(row));
            let known = values().filter(|value| !value.is_nan());
            let middle = if column.missing > 0 { statistics(known).0 } else { 0.0 };
            let filled = values().map(|value| if value.is_nan() { middle } else { value });
            if missing == Missing::Mean {
                let is_category = matches!(kind, FeatureKind::OneHot(_));
                fill.push(if is_category { 0.0 } else { statistics(filled.clone()).0 });
            }
            let of_column = match (kind, options.normalize) {
                (FeatureKind::OneHot(_), _) | (_, Normalize::None) => (0.0, 1.0),
                _ if is_legacy => legacy::statistics(filled),
                _ => statistics(filled),
            };
            mean.extend(std::iter::repeat_n(of_column.0, kind.width()));
            std.extend(std::iter::repeat_n(of_column.1, kind.width()));
        }
        let all_numbers = kinds.iter().all(|kind| *kind == FeatureKind::Number);
        Ok(TableSchema {
            features: (0..kinds.len()).map(|feature| self.name(feature).to_owned()).collect(),
            label: self.columns.label_name.clone(),
            classes: Vec::new(),
            mean,
            std,
            kinds: if all_numbers { Vec::new() } else { kinds },
            missing,
            missing_values: options.table.missing_values.clone(),
            fill,
            columns: self.header.made_up.then_some(self.header.names.len()),
            order: self.order(options),
            target: self.target_statistics(parts, options),
        })
    }

    /// The columns that rows are known by, where all have names.
    fn order(&self, options: &LoadOptions) -> Option<Vec<String>> {
        if options.table.split == SplitRule::Permutation || !self.header.unnamed.is_empty() {
            return None;
        }
        let features = (0..self.columns.features.len()).map(|feature| self.name(feature));
        let is_plain = features.chain([self.columns.label_name.as_str()]).eq(self.header.names.iter());
        Some(if is_plain { Vec::new() } else { self.header.names.clone() })
    }

    /// Statistics of the numbers to be predicted, over the training part.
    fn target_statistics(&self, parts: &[Part], options: &LoadOptions) -> Option<TargetStatistics> {
        let scaling = options.table.target_scale;
        if options.task != TargetKind::Regression || scaling == TargetScaling::Absent {
            return None;
        }
        let known = |&row: &usize| parts[row] == Part::Train && self.labels.known[row];
        let (mean, std) = statistics((0..parts.len()).filter(known).map(|row| self.labels.values()[row]));
        let standardized = scaling == TargetScaling::Auto && options.normalize != Normalize::None;
        Some(TargetStatistics { mean, std, standardized })
    }

    /// Refuses a number to be predicted that lies too far from those learnt from.
    fn check_targets(&self, schema: &TableSchema) -> Result<()> {
        let scale = schema.target_scale();
        let known = self.labels.values().iter().zip(&self.labels.known).filter(|&(_, &known)| known);
        match known.map(|(&value, _)| value).find(|&value| !scale.standardize(value).is_finite()) {
            None => Ok(()),
            Some(value) => {
                let (path, column) = (self.path.to_path_buf(), excerpt(&self.columns.label_name));
                Err(Error::TableRange { path, column, value })
            }
        }
    }

    /// The samples of the training, the validation and the test part, row by row; the columns are used up.
    fn samples(&mut self, schema: &TableSchema, parts: &[Part]) -> Result<[Vec<f32>; 3]> {
        let width = schema.inputs();
        let dealt = [Part::Train, Part::Validation, Part::Test];
        let mut samples = dealt.map(|part| vec![0.0; numbers(part, parts).len() * width]);
        let ranges: Vec<_> = schema.ranges().collect();
        let mut rows_of = samples.each_mut().map(|samples| samples.chunks_exact_mut(width.max(1)));
        for first in (0..parts.len()).step_by(BLOCK) {
            let rows = first..(first + BLOCK).min(parts.len());
            let mut block: Vec<(usize, &mut [f32])> = Vec::with_capacity(BLOCK);
            for row in rows {
                let part = dealt.iter().position(|&part| part == parts[row]);
                let sample = part.and_then(|part| rows_of[part].next());
                block.extend(sample.map(|sample| (row, sample)));
            }
            for (feature, column) in self.features.iter().enumerate() {
                let inputs = ranges[feature].clone();
                let one_hot = matches!(schema.kind(feature), FeatureKind::OneHot(_));
                let fill = schema.fill.get(feature).copied().unwrap_or(0.0);
                for (row, sample) in &mut block {
                    let value = column.value(*row);
                    if one_hot {
                        if value >= 0.0 {
                            sample[inputs.start + value as usize] = 1.0;
                        }
                        continue;
                    }
                    let value = if value.is_nan() { fill } else { value };
                    let input = standardized(value, schema.mean[inputs.start], schema.std[inputs.start]);
                    if !input.is_finite() {
                        let (path, column) = (self.path.to_path_buf(), excerpt(self.name(feature)));
                        return Err(Error::TableRange { path, column, value });
                    }
                    sample[inputs.start] = input;
                }
            }
        }
        Ok(samples)
    }

    /// Says which columns lose differences between their numbers as they become 32-bit inputs.
    fn note_collapsed(&mut self, schema: &TableSchema, options: &LoadOptions) {
        if options.table.split == SplitRule::Permutation {
            return;
        }
        for (feature, inputs) in schema.ranges().enumerate() {
            if *schema.kind(feature) != FeatureKind::Number {
                continue;
            }
            let lost = self.features[feature].collapsed(schema.mean[inputs.start], schema.std[inputs.start]);
            if lost == 0 {
                continue;
            }
            let is_raw = options.normalize == Normalize::None;
            let remedy =
                if is_raw { "; without --normalize none they are standardised in 64 bits first" } else { "" };
            self.notes.push(format!(
                "{} different numbers of the column `{}` become equal to another one in 32 bits{remedy}",
                grouped(lost),
                excerpt(self.name(feature))
            ));
        }
    }
}

/// Keeps the elements that are marked.
fn retain<T>(elements: &mut Vec<T>, is_kept: &[bool]) {
    let mut marks = is_kept.iter();
    elements.retain(|_| marks.next().copied().unwrap_or(true));
}

fn numbers(part: Part, parts: &[Part]) -> Vec<u32> {
    (0..).zip(parts).filter(|&(_, &other)| other == part).map(|(row, _)| row).collect()
}

fn facts(part: Part, parts: &[Part], hashes: &[u64], known: &[bool], texts: &mut [Vec<String>]) -> RowFacts {
    let numbers = numbers(part, parts);
    let rows = || numbers.iter().map(|&row| row as usize);
    let hashes = rows().map(|row| hashes[row]).collect();
    let labelled = rows().map(|row| known[row]).collect();
    let texts = rows().filter_map(|row| texts.get_mut(row).map(std::mem::take)).collect();
    RowFacts { numbers, hashes, labelled, texts }
}

/// The targets of a part, in the order of the file.
fn targets_of(targets: &Targets, parts: &[Part], part: Part) -> Targets {
    fn of<T: Copy>(all: &[T], parts: &[Part], part: Part) -> Vec<T> {
        all.iter().zip(parts).filter(|&(_, &other)| other == part).map(|(&target, _)| target).collect()
    }
    match targets {
        Targets::Classes(classes) => Targets::Classes(of(classes, parts, part)),
        Targets::Values(values) => Targets::Values(of(values, parts, part)),
    }
}
