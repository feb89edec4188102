//! The header row: which columns are features, and which one is the label.

use std::collections::HashSet;
use std::path::Path;

use csv::StringRecord;

use super::schema::TableSchema;
use crate::error::{Error, HeaderProblem, Result};
use crate::suggest::nearest;
use crate::text::excerpt;

/// The most columns that are read: each costs some hundred bytes, which few bytes of a file can ask for.
const MOST_COLUMNS: usize = 100_000;

/// The columns that hold the values of a sample.
#[derive(Debug)]
pub(super) struct Columns {
    /// Column of each feature, from 0, in the order of a sample's values.
    pub(super) features: Vec<usize>,
    /// Column of the label.
    pub(super) label: usize,
    /// All names, in the order of the file.
    pub(super) names: Vec<String>,
}

impl Columns {
    /// Reads the header row. The label is the column named `label`, or the last one; the features are all others, or
    /// those of `schema` by name, in any order.
    pub(super) fn find(
        path: &Path,
        header: &StringRecord,
        label: Option<&str>,
        schema: Option<&TableSchema>,
    ) -> Result<Self> {
        if header.len() > MOST_COLUMNS {
            let problem = HeaderProblem::TooManyColumns { most: MOST_COLUMNS, found: header.len() };
            return Err(Error::TableHeader { path: path.to_path_buf(), column: MOST_COLUMNS + 1, problem });
        }
        let names: Vec<String> = header.iter().map(str::to_owned).collect();
        check_names(path, &names)?;
        let position = |name: &str| position(path, &names, name);
        let label = match label.or(schema.map(|schema| schema.label.as_str())) {
            Some(name) => position(name)?,
            None => names.len() - 1,
        };
        let features = match schema {
            Some(schema) => schema.features.iter().map(|name| position(name)).collect::<Result<_>>()?,
            None => (0..names.len()).filter(|&column| column != label).collect(),
        };
        Ok(Self { features, label, names })
    }

    /// Whether the header row holds only numbers, so that it may be a row of data.
    pub(super) fn look_like_data(&self) -> bool {
        self.names.iter().all(|name| name.parse::<f64>().is_ok())
    }

    pub(super) fn feature_names(&self) -> Vec<String> {
        self.features.iter().map(|&column| self.names[column].clone()).collect()
    }

    pub(super) fn label_name(&self) -> &str {
        &self.names[self.label]
    }
}

fn check_names(path: &Path, names: &[String]) -> Result<()> {
    let problem = |column: usize, problem| {
        Err(Error::TableHeader { path: path.to_path_buf(), column: column + 1, problem })
    };
    if let [only] = names {
        let separator =
            [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")].iter().find(|(c, _)| only.contains(*c));
        return match separator {
            Some((_, name)) => problem(0, HeaderProblem::Separator { found: name }),
            None => problem(0, HeaderProblem::OneColumn { name: only.clone() }),
        };
    }
    let mut seen = HashSet::new();
    for (column, name) in names.iter().enumerate() {
        if name.is_empty() {
            return problem(column, HeaderProblem::Unnamed);
        }
        if !seen.insert(name) {
            return problem(column, HeaderProblem::Repeated { name: name.clone() });
        }
    }
    Ok(())
}

fn position(path: &Path, names: &[String], name: &str) -> Result<usize> {
    names.iter().position(|column| column == name).ok_or_else(|| Error::TableColumn {
        path: path.to_path_buf(),
        column: excerpt(name),
        columns: names.to_vec(),
        suggestion: nearest(name, names.iter().map(String::as_str)).map(excerpt),
    })
}
