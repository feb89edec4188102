//! The label column: class names, or numbers.

use std::collections::BTreeMap;

use super::row::Row;
use crate::error::{Error, ExpectedCell, Result};
use crate::text::excerpt;
use crate::{LoadOptions, TargetKind, Targets};

/// The most classes that a label of one byte can distinguish.
const MAX_CLASSES: usize = 256;

/// Fewer distinct whole numbers than these may well be one example of each class.
const FEWEST_QUANTITIES: usize = 4;

/// The labels read so far.
pub(super) enum Labels {
    /// Classes found so far, numbered in the order of their first row.
    Found { numbers: BTreeMap<String, u8>, labels: Vec<u8> },
    /// Classes known in advance.
    Known { classes: Vec<String>, labels: Vec<u8> },
    /// Numbers to be predicted.
    Values(Vec<f32>),
}

impl Labels {
    pub(super) fn new(options: &LoadOptions) -> Self {
        match (options.task, &options.schema) {
            (TargetKind::Regression, _) => Self::Values(Vec::new()),
            (TargetKind::Classification, Some(schema)) => {
                Self::Known { classes: schema.classes.clone(), labels: Vec::new() }
            }
            (TargetKind::Classification, None) => {
                Self::Found { numbers: BTreeMap::new(), labels: Vec::new() }
            }
        }
    }

    pub(super) fn push(&mut self, row: &Row<'_>) -> Result<()> {
        let column = row.columns.label;
        let text = row.text(column);
        match self {
            Self::Values(values) => values.push(row.number(column)?),
            _ if text.is_empty() => return Err(row.wrong(column, ExpectedCell::Label)),
            Self::Known { classes, labels } => {
                let label =
                    classes.iter().position(|class| class == text).and_then(|label| u8::try_from(label).ok());
                labels.push(
                    label.ok_or_else(|| row.wrong(column, ExpectedCell::Class { known: classes.clone() }))?,
                );
            }
            Self::Found { numbers, labels } => labels.push(number_of(numbers, text, row)?),
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Found { labels, .. } | Self::Known { labels, .. } => labels.is_empty(),
            Self::Values(values) => values.is_empty(),
        }
    }

    /// The label of every row, if there is only one.
    pub(super) fn only_one(&self) -> Option<&str> {
        match self {
            Self::Found { numbers, .. } if numbers.len() == 1 => numbers.keys().next().map(String::as_str),
            _ => None,
        }
    }

    /// The sign that the classes found are in fact quantities, if there is one: whole numbers that hardly repeat, or
    /// fractions.
    pub(super) fn look_like_quantities(&self) -> Option<String> {
        let Self::Found { numbers, labels } = self else { return None };
        let value = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
        let values: Vec<f64> = numbers.keys().map_while(|text| value(text)).collect();
        if values.len() < numbers.len() {
            return None; // some class is not a number
        }
        if values.len() == labels.len() && values.len() >= FEWEST_QUANTITIES {
            return Some("every label is a different number".to_owned());
        }
        if let Some(broken) = values.iter().find(|value| value.fract() != 0.0) {
            return Some(format!("some labels are not whole numbers, such as {broken},"));
        }
        let hardly_repeat = values.len() * 10 >= labels.len() * 9 && values.len() >= FEWEST_QUANTITIES;
        hardly_repeat.then(|| "nearly every label is a different number".to_owned())
    }

    /// The targets, and the class names in label order: by value if all are numbers, otherwise alphabetically.
    pub(super) fn finish(self) -> (Targets, Vec<String>) {
        match self {
            Self::Values(values) => (Targets::Values(values), Vec::new()),
            Self::Known { classes, labels } => (Targets::Classes(labels), classes),
            Self::Found { numbers, mut labels } => {
                let mut sorted: Vec<(String, u8)> = numbers.into_iter().collect();
                let value = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
                if sorted.iter().all(|(class, _)| value(class).is_some()) {
                    sorted.sort_by(|(one, _), (other, _)| {
                        value(one).partial_cmp(&value(other)).expect("finite numbers")
                    });
                }
                let mut label_of = [0; MAX_CLASSES];
                for (label, (_, number)) in (0..=u8::MAX).zip(&sorted) {
                    label_of[usize::from(*number)] = label;
                }
                labels.iter_mut().for_each(|label| *label = label_of[usize::from(*label)]);
                (Targets::Classes(labels), sorted.into_iter().map(|(class, _)| class).collect())
            }
        }
    }
}

fn number_of(numbers: &mut BTreeMap<String, u8>, text: &str, row: &Row<'_>) -> Result<u8> {
    if let Some(&number) = numbers.get(text) {
        return Ok(number);
    }
    let number = u8::try_from(numbers.len()).map_err(|_| Error::TableClasses {
        path: row.path.to_path_buf(),
        line: row.line(),
        column: excerpt(row.columns.label_name()),
        label: excerpt(text),
    })?;
    numbers.insert(text.to_owned(), number);
    Ok(number)
}

/// The training targets and the test targets, both in the order of the file.
pub(super) fn split(targets: Targets, is_test: &[bool]) -> (Targets, Targets) {
    match targets {
        Targets::Classes(classes) => {
            let (train, test) = partition(classes, is_test);
            (Targets::Classes(train), Targets::Classes(test))
        }
        Targets::Values(values) => {
            let (train, test) = partition(values, is_test);
            (Targets::Values(train), Targets::Values(test))
        }
    }
}

fn partition<T>(all: Vec<T>, is_test: &[bool]) -> (Vec<T>, Vec<T>) {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    all.into_iter()
        .zip(is_test)
        .for_each(|(target, &is_test)| if is_test { &mut test } else { &mut train }.push(target));
    (train, test)
}
