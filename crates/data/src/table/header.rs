//! The header row: the name of each column, and which columns are features and which one is the label.

use std::collections::HashMap;
use std::path::Path;

use super::options::TableOptions;
use super::records::Record;
use super::schema::TableSchema;
use crate::LabelUse;
use crate::error::{Error, HeaderProblem, Result};
use crate::suggest::nearest;
use crate::text::excerpt;

/// The most columns that are read: each costs some hundred bytes, which few bytes of a file can ask for.
const MOST_COLUMNS: usize = 100_000;

/// What pandas calls a column without a name in the first place, which it writes itself.
pub(super) const INDEX: &str = "Unnamed: 0";

/// Names of all columns in the order of the file.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) names: Vec<String>,
    /// Columns without a name: allowed if they have no cells either.
    pub(super) unnamed: Vec<usize>,
    /// Whether the names were made up.
    pub(super) made_up: bool,
    places: HashMap<String, usize>,
}

/// The columns that are read.
#[derive(Debug)]
pub(super) struct Columns {
    /// Column of each feature, from 0, in the order of a sample's values.
    pub(super) features: Vec<usize>,
    /// Column of the label, if the file has it.
    pub(super) label: Option<usize>,
    /// Name of the label column.
    pub(super) label_name: String,
    /// Whether a user named the features.
    pub(super) chosen: bool,
}

impl Header {
    /// Takes the names from the header row.
    pub(super) fn of(path: &Path, row: &Record) -> Result<Self> {
        check_count(path, row.len())?;
        let mut names: Vec<String> = row.cells().map(str::to_owned).collect();
        let mut unnamed: Vec<usize> = (0..names.len()).filter(|&column| names[column].is_empty()).collect();
        if unnamed.first() == Some(&0) && !names.iter().any(|name| name == INDEX) {
            names[0] = INDEX.to_owned();
            unnamed.remove(0);
        }
        let mut places = HashMap::with_capacity(names.len());
        for (column, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            if let Some(first) = places.insert(name.clone(), column) {
                let numbers = names.iter().filter(|name| name.parse::<f64>().is_ok()).count();
                let (name, first) = (name.clone(), first + 1);
                let problem = if numbers * 2 > names.len() {
                    HeaderProblem::LooksLikeData { name, first }
                } else {
                    HeaderProblem::Repeated { name, first }
                };
                return Err(problem_at(path, row.line, column, problem));
            }
        }
        Ok(Self { names, unnamed, made_up: false, places })
    }

    /// Makes up names for a table whose first row is this.
    pub(super) fn made_up(path: &Path, row: &Record) -> Result<Self> {
        check_count(path, row.len())?;
        let names: Vec<String> = (1..=row.len()).map(|number| format!("column{number}")).collect();
        let places = names.iter().cloned().zip(0..).collect();
        Ok(Self { names, unnamed: Vec::new(), made_up: true, places })
    }

    /// Chooses the columns: those of `schema` by name, in any order; else the label is the column named `label`, or the last
    /// one with a name, and the features are those that the options name, or all others.
    pub(super) fn columns(
        &self,
        path: &Path,
        label: Option<&str>,
        options: &TableOptions,
        schema: Option<&TableSchema>,
        use_of_labels: LabelUse,
    ) -> Result<Columns> {
        if let Some(schema) = schema {
            return self.columns_of(path, label, schema, use_of_labels);
        }
        if let [only] = self.names.as_slice() {
            let problem = HeaderProblem::OneColumn { name: only.clone() };
            return Err(problem_at(path, 1, 0, problem));
        }
        let last = (0..self.names.len()).rev().find(|&column| !self.names[column].is_empty());
        let label = match label {
            Some(name) => self.place(path, name)?,
            None => last.unwrap_or(0),
        };
        let dropped = options.drop.iter().map(|name| self.place(path, name)).collect::<Result<Vec<_>>>()?;
        let mut is_left_out = vec![false; self.names.len()];
        dropped.iter().chain(&self.unnamed).for_each(|&column| is_left_out[column] = true);
        if dropped.contains(&label) {
            return Err(Error::TableLabelLeftOut {
                path: path.to_path_buf(),
                column: excerpt(&self.names[label]),
            });
        }
        is_left_out[label] = true;
        let chosen = !options.features.is_empty();
        let features: Vec<usize> = if chosen {
            let named =
                options.features.iter().map(|name| self.place(path, name)).collect::<Result<Vec<_>>>()?;
            let mut seen = is_left_out;
            for &column in &named {
                if std::mem::replace(&mut seen[column], true) {
                    let column = excerpt(&self.names[column]);
                    return Err(Error::TableFeature { path: path.to_path_buf(), column });
                }
            }
            named
        } else {
            (0..self.names.len()).filter(|&column| !is_left_out[column]).collect()
        };
        if features.is_empty() {
            return Err(Error::TableWithoutFeatures { path: path.to_path_buf() });
        }
        Ok(Columns { features, label: Some(label), label_name: self.names[label].clone(), chosen })
    }

    fn columns_of(
        &self,
        path: &Path,
        label: Option<&str>,
        schema: &TableSchema,
        use_of_labels: LabelUse,
    ) -> Result<Columns> {
        let label_name = label.unwrap_or(&schema.label).to_owned();
        let label = match use_of_labels {
            LabelUse::Required => Some(self.place(path, &label_name)?),
            LabelUse::Optional => self.places.get(&label_name).copied(),
        };
        // A file without names and without the label: all columns behind it are one further to the front.
        let number = |name: &str| name.strip_prefix("column").and_then(|number| number.parse::<usize>().ok());
        let of_all = schema.columns.filter(|&all| self.made_up && all == self.names.len() + 1);
        if let (Some(_), Some(gone)) = (of_all, number(&label_name)) {
            let place = |name: &String| {
                let column = number(name).unwrap_or(0);
                let column = if column > gone { column - 1 } else { column };
                self.place(path, &format!("column{column}"))
            };
            let features = schema.features.iter().map(place).collect::<Result<_>>()?;
            return Ok(Columns { features, label: None, label_name, chosen: true });
        }
        let features = schema.features.iter().map(|name| self.place(path, name)).collect::<Result<_>>()?;
        Ok(Columns { features, label, label_name, chosen: true })
    }

    /// The columns that rows are known by, in the order of the file that a model learnt from: a table whose columns were moved
    /// or that has more of them has the same rows. `None` for all columns in their order.
    pub(super) fn known_by(&self, schema: &TableSchema) -> Option<Vec<usize>> {
        schema.columns_in_order()?.into_iter().map(|name| self.places.get(name).copied()).collect()
    }

    fn place(&self, path: &Path, name: &str) -> Result<usize> {
        self.places.get(name).copied().ok_or_else(|| Error::TableColumn {
            path: path.to_path_buf(),
            column: excerpt(name),
            columns: self.names.iter().filter(|name| !name.is_empty()).cloned().collect(),
            suggestion: nearest(name, self.names.iter().take(MOST_COMPARED).map(String::as_str)).map(excerpt),
        })
    }

    /// Whether the header row may be a row of data: most names are numbers, or all but one, and
    /// not those of a simple count.
    pub(super) fn looks_like_data(&self) -> bool {
        let numbers: Vec<f64> = self.names.iter().filter_map(|name| name.parse().ok()).collect();
        let is_count = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1.0)
            && matches!(numbers.first(), Some(0.0 | 1.0))
            && numbers.len() > 3;
        let others = self.names.len() - numbers.len();
        !self.made_up && !is_count && !numbers.is_empty() && (others <= 1 || numbers.len() > others)
    }
}

/// Names that a misspelt one is compared with.
const MOST_COMPARED: usize = 10_000;

fn check_count(path: &Path, found: usize) -> Result<()> {
    if found > MOST_COLUMNS {
        let problem = HeaderProblem::TooManyColumns { most: MOST_COLUMNS, found };
        return Err(problem_at(path, 1, MOST_COLUMNS, problem));
    }
    Ok(())
}

fn problem_at(path: &Path, line: u64, column: usize, problem: HeaderProblem) -> Error {
    Error::TableHeader { path: path.to_path_buf(), line, column: column + 1, problem }
}
