//! The label column: class names, or numbers.

use std::collections::HashMap;

use super::cell::{Cell, CellReader};
use super::growing::text_bytes;
use crate::error::ExpectedCell;
use crate::text::{excerpt, grouped};
use crate::{LabelUse, LoadOptions, TargetKind, Targets};

/// From so many classes on, what looks like quantities or names of rows is refused instead of told.
const MANY_CLASSES: usize = 256;

/// Spellings of a label that are remembered.
const MOST_SPELLINGS: usize = 256;

/// Fewer distinct whole numbers than these may well be one example of each class.
const FEWEST_QUANTITIES: usize = 4;

/// Pairs of similar labels that are named.
const MOST_PAIRS: usize = 3;

/// The labels read so far.
pub(super) struct Labels {
    kind: Kind,
    /// For each row, whether its label is known.
    pub(super) known: Vec<bool>,
    /// How many rows have none.
    pub(super) missing: usize,
    /// How many have one that the model does not know, and one of those.
    pub(super) unknown: (usize, String),
    /// Bytes of all spellings.
    pub(super) text_bytes: u64,
    use_of_labels: LabelUse,
}

enum Kind {
    /// Classes found so far, numbered in the order of their first row, each with all its spellings.
    Found { numbers: HashMap<String, u16>, spellings: Vec<Vec<String>>, labels: Vec<u16> },
    /// Classes known in advance.
    Known { numbers: HashMap<String, u16>, classes: Vec<String>, labels: Vec<u16> },
    /// Numbers to be predicted.
    Values(Vec<f64>),
}

/// Why a label cannot be read.
pub(super) enum Refused {
    /// It is not what was expected.
    Cell(ExpectedCell),
    /// It is one class too many.
    TooMany,
}

impl Labels {
    pub(super) fn new(options: &LoadOptions) -> Self {
        let kind = match (options.task, &options.schema) {
            (TargetKind::Regression, _) => Kind::Values(Vec::new()),
            (TargetKind::Classification, Some(schema)) => Kind::Known {
                numbers: schema.classes.iter().map(|class| canonical(class)).zip(0..=u16::MAX).collect(),
                classes: schema.classes.clone(),
                labels: Vec::new(),
            },
            (TargetKind::Classification, None) => {
                Kind::Found { numbers: HashMap::new(), spellings: Vec::new(), labels: Vec::new() }
            }
        };
        let unknown = (0, String::new());
        Self { kind, known: Vec::new(), missing: 0, unknown, text_bytes: 0, use_of_labels: options.labels }
    }

    /// Adds the label of a row.
    pub(super) fn push(&mut self, text: &str, reader: &CellReader) -> Result<(), Refused> {
        if reader.is_missing(text) {
            self.missing += 1;
            self.push_unknown();
            return Ok(());
        }
        let is_optional = self.use_of_labels == LabelUse::Optional;
        match &mut self.kind {
            Kind::Values(values) => match reader.read(text) {
                Cell::Number(number) => values.push(number),
                Cell::Beyond => return Err(Refused::Cell(ExpectedCell::NumberInRange)),
                _ => return Err(Refused::Cell(ExpectedCell::Number)),
            },
            Kind::Known { numbers, classes, labels } => match numbers.get(&canonical(text)) {
                Some(&label) => labels.push(label),
                None if is_optional => {
                    self.unknown.0 += 1;
                    self.unknown.1 = excerpt(text);
                    self.push_unknown();
                    return Ok(());
                }
                None => return Err(Refused::Cell(ExpectedCell::Class { known: classes.clone() })),
            },
            Kind::Found { numbers, spellings, labels } => {
                let name = canonical(text);
                let label = match numbers.get(&name) {
                    Some(&label) => label,
                    None => {
                        let label = u16::try_from(numbers.len()).map_err(|_| Refused::TooMany)?;
                        self.text_bytes += text_bytes(&name);
                        numbers.insert(name, label);
                        spellings.push(Vec::new());
                        label
                    }
                };
                let known = &mut spellings[usize::from(label)];
                if !known.iter().any(|spelling| spelling == text) && known.len() < MOST_SPELLINGS {
                    self.text_bytes += text_bytes(text);
                    known.push(text.to_owned());
                }
                labels.push(label);
            }
        }
        self.known.push(true);
        Ok(())
    }

    /// Adds a row without a label that could be evaluated.
    pub(super) fn push_unknown(&mut self) {
        self.known.push(false);
        match &mut self.kind {
            Kind::Values(values) => values.push(0.0),
            Kind::Known { labels, .. } | Kind::Found { labels, .. } => labels.push(0),
        }
    }

    /// The numbers to be predicted, one for each row, 0 for an unknown one; none for classes.
    pub(super) fn values(&self) -> &[f64] {
        match &self.kind {
            Kind::Values(values) => values,
            _ => &[],
        }
    }

    /// Sentences about labels that can be read but look like a mistake.
    pub(super) fn notes(&self, column: &str) -> Vec<String> {
        let column = excerpt(column);
        let mut notes = Vec::new();
        if let Some(label) = self.only_one() {
            let label = excerpt(label);
            notes.push(format!(
                "every row has the label `{label}` in the column `{column}`: there is nothing to tell apart"
            ));
        }
        if let Some(sign) = self.look_like_quantities() {
            notes.push(format!("{sign} in the column `{column}`: to predict numbers, use --loss mse"));
        } else if self.classes_found() > MANY_CLASSES && self.are_numbers() {
            let count = grouped(self.classes_found());
            notes.push(format!(
                "the {count} different numbers in the column `{column}` are classes: to predict numbers, use --loss mse"
            ));
        }
        if let Kind::Found { spellings, .. } = &self.kind {
            if let Some([first, other, ..]) = spellings.iter().map(Vec::as_slice).find(|all| all.len() > 1) {
                let (first, other) = (excerpt(first), excerpt(other));
                notes.push(format!(
                    "the labels `{first}` and `{other}` of the column `{column}` are one class"
                ));
            }
            for (one, other) in similar(spellings).into_iter().take(MOST_PAIRS) {
                notes.push(format!(
                    "the labels `{one}` and `{other}` of the column `{column}` differ only in case or blanks, and are two \
                     classes"
                ));
            }
        }
        if self.unknown.0 > 0 {
            let (count, example) = &self.unknown;
            notes.push(format!(
                "{count} labels of the column `{column}` are not classes of the model, such as `{example}`; they were not evaluated"
            ));
        }
        notes
    }

    /// The label of every row, if there is only one.
    fn only_one(&self) -> Option<&str> {
        match &self.kind {
            Kind::Found { spellings, .. } if spellings.len() == 1 => spellings[0].first().map(String::as_str),
            _ => None,
        }
    }

    /// The sign that the classes found are in fact quantities, if there is one: whole numbers that hardly repeat, or
    /// fractions.
    fn look_like_quantities(&self) -> Option<String> {
        let Kind::Found { numbers, labels, .. } = &self.kind else { return None };
        let values: Vec<f64> = numbers.keys().map_while(|text| number(text)).collect();
        if values.len() < numbers.len() {
            return None; // some class is not a number
        }
        if values.len() == labels.len() && values.len() >= FEWEST_QUANTITIES {
            return Some("every label is a different number".to_owned());
        }
        let broken = values.iter().filter(|value| value.fract() != 0.0).copied().reduce(f64::max);
        if let Some(broken) = broken {
            return Some(format!("some labels are not whole numbers, such as {broken},"));
        }
        let hardly_repeat = self.hardly_repeat() && values.len() >= FEWEST_QUANTITIES;
        hardly_repeat.then(|| "nearly every label is a different number".to_owned())
    }

    /// Whether nine rows in ten or more have a label of their own.
    fn hardly_repeat(&self) -> bool {
        matches!(&self.kind, Kind::Found { numbers, labels, .. } if numbers.len() * 10 >= labels.len() * 9)
    }

    /// Whether so many classes cannot be meant: they look like quantities, or like names of rows.
    pub(super) fn are_no_classes(&self) -> bool {
        let is_doubtful = || self.hardly_repeat() || self.look_like_quantities().is_some();
        self.classes_found() > MANY_CLASSES && is_doubtful()
    }

    /// Classes found so far.
    pub(super) fn classes_found(&self) -> usize {
        match &self.kind {
            Kind::Found { numbers, .. } => numbers.len(),
            _ => 0,
        }
    }

    /// Whether each class is a number.
    pub(super) fn are_numbers(&self) -> bool {
        matches!(&self.kind, Kind::Found { numbers, .. } if numbers.keys().all(|text| number(text).is_some()))
    }

    /// The targets, and the class names in label order: by value if all are numbers, otherwise alphabetically.
    pub(super) fn finish(self) -> (Targets, Vec<String>) {
        match self.kind {
            Kind::Values(values) => (Targets::Values(values), Vec::new()),
            Kind::Known { classes, labels, .. } => (Targets::Classes(labels), classes),
            Kind::Found { spellings, mut labels, .. } => {
                let shortest = |all: Vec<String>| all.into_iter().min_by_key(String::len).unwrap_or_default();
                let mut sorted: Vec<(String, u16)> =
                    spellings.into_iter().map(shortest).zip(0..=u16::MAX).collect();
                sorted.sort();
                if sorted.iter().all(|(class, _)| number(class).is_some()) {
                    let value = |class: &str| number(class).expect("checked above");
                    sorted.sort_by(|(one, _), (other, _)| value(one).total_cmp(&value(other)));
                }
                let mut label_of = vec![0; sorted.len()];
                for (label, (_, number)) in (0..=u16::MAX).zip(&sorted) {
                    label_of[usize::from(*number)] = label;
                }
                labels.iter_mut().for_each(|label| *label = label_of[usize::from(*label)]);
                (Targets::Classes(labels), sorted.into_iter().map(|(class, _)| class).collect())
            }
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// One text for all spellings of a label: `0` for `0.0`, `1.5` for `1.50`. Digits before the point stay as they are: `007` is
/// a name.
fn canonical(text: &str) -> String {
    let plain = text.strip_prefix('+').unwrap_or(text);
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |digits| ("-", digits));
    let Some((whole, fraction)) = digits.split_once('.') else {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        return if is_number {
            format!("{}{digits}", if digits == "0" { "" } else { sign })
        } else {
            text.to_owned()
        };
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return text.to_owned();
    }
    match fraction.trim_end_matches('0') {
        "" if whole == "0" => "0".to_owned(),
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

/// Pairs of classes whose names differ only in case or in blanks.
fn similar(spellings: &[Vec<String>]) -> Vec<(String, String)> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    let mut pairs = Vec::new();
    for name in spellings.iter().filter_map(|all| all.first()) {
        let plain: String =
            name.chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect();
        match seen.get(&plain) {
            Some(other) => pairs.push((excerpt(other), excerpt(name))),
            None => {
                seen.insert(plain, name);
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_number_are_one_label_and_names_stay() {
        for (text, name) in [
            ("0.0", "0"),
            ("-0.0", "0"),
            ("-0", "0"),
            ("+1", "1"),
            ("1.50", "1.5"),
            ("-2.0", "-2"),
            ("10", "10"),
        ] {
            assert_eq!(canonical(text), name);
        }
        for name in ["007", "cat", ".5", "1.2.3", "1e0", "", "-", "v1.0"] {
            assert_eq!(canonical(name), name);
        }
    }
}
