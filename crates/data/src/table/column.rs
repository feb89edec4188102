//! One feature column as it is read, and what it turns out to hold.

use std::collections::HashMap;

use super::cell::{Cell, CellReader, are_booleans, boolean_value, significant_digits};
use super::growing::{push, text_bytes};
use super::options::OneHot;
use super::schema::{FeatureKind, TableSchema};
use crate::error::ExpectedCell;
use crate::text::excerpt;

/// Different texts that are counted whatever the limit is, so that an error can say how many there are.
const MOST_TEXTS: usize = 10_000;

/// Digits that survive in 32 bits whatever they are: a number with no more is still another one than its neighbours.
const SAFE_DIGITS: usize = 6;

/// The most of its range that the smallest number of a column may be, for its digits to survive.
const SAFE_RANGE: f64 = 1e6;

/// What is known about a column before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Nothing.
    Unknown,
    /// A model reads numbers.
    Numbers,
    /// A model reads text.
    Texts,
}

/// The values of a column, one for each row.
#[derive(Debug)]
pub(super) struct Column {
    expected: Expected,
    values: Values,
    /// How many cells are missing.
    pub(super) missing: usize,
    /// The line of the first number, and of the first text.
    first: (Option<u64>, Option<u64>),
    texts: HashMap<String, u32>,
    order: Vec<String>,
    most_texts: usize,
    /// Bytes of its different texts: by text, in order, sorted, and in the model's description.
    text_bytes: u64,
    digits: usize,
}

/// Times that a column's different texts are in memory.
const TEXT_COPIES: u64 = 4;

/// Numbers with as many bits as they need; `NaN` for a missing one. In place of a text its number.
#[derive(Debug)]
enum Values {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

/// A cell that its column cannot hold.
pub(super) struct Misfit {
    pub(super) expected: ExpectedCell,
    /// The line of the cell that is meant, if it is not this one.
    pub(super) line: Option<u64>,
    /// The text of that cell.
    pub(super) found: Option<String>,
}

impl Column {
    /// A column about which nothing is known, or that a model reads as this.
    pub(super) fn new(kind: Option<&FeatureKind>, one_hot: OneHot) -> Self {
        let expected = match kind {
            None => Expected::Unknown,
            Some(FeatureKind::Number) => Expected::Numbers,
            Some(_) => Expected::Texts,
        };
        let most_texts = match one_hot {
            OneHot::AtMost(most) => most.max(MOST_TEXTS),
            _ => MOST_TEXTS,
        };
        Self {
            expected,
            values: Values::Single(Vec::new()),
            missing: 0,
            first: (None, None),
            texts: HashMap::new(),
            order: Vec::new(),
            most_texts,
            text_bytes: 0,
            digits: 0,
        }
    }

    /// Adds the cell of a row.
    pub(super) fn push(&mut self, text: &str, reader: &CellReader, line: u64) -> Result<(), Misfit> {
        let misfit = |expected| Err(Misfit { expected, line: None, found: None });
        if self.expected == Expected::Texts {
            if reader.is_missing(text) {
                self.push_missing();
            } else {
                self.push_text(text, line);
            }
            return Ok(());
        }
        match reader.read(text) {
            Cell::Missing => self.push_missing(),
            Cell::Number(number) => {
                if let Some(text_line) = self.first.1 {
                    let found = self.order.first().map(|text| excerpt(text));
                    let expected = ExpectedCell::NumberAs { line };
                    return Err(Misfit { expected, line: Some(text_line), found });
                }
                self.first.0.get_or_insert(line);
                self.digits =
                    self.digits.max(if self.digits > SAFE_DIGITS { 0 } else { significant_digits(text) });
                self.values.push(number);
            }
            Cell::Beyond => return misfit(ExpectedCell::NumberInRange),
            Cell::Text if self.expected == Expected::Numbers => return misfit(ExpectedCell::Number),
            Cell::Text => {
                if let Some(line) = self.first.0 {
                    return misfit(ExpectedCell::NumberAs { line });
                }
                self.push_text(text, line);
            }
        }
        Ok(())
    }

    fn push_missing(&mut self) {
        self.missing += 1;
        self.values.push(f64::NAN);
    }

    fn push_text(&mut self, text: &str, line: u64) {
        self.first.1.get_or_insert(line);
        let number = match self.texts.get(text) {
            Some(&number) => number,
            None if self.texts.len() > self.most_texts => 0, // more than any limit allows: only that is reported
            None => {
                let number = self.texts.len() as u32;
                self.text_bytes += TEXT_COPIES * text_bytes(text);
                self.texts.insert(text.to_owned(), number);
                self.order.push(text.to_owned());
                number
            }
        };
        self.values.push(f64::from(number));
    }

    /// Whether the column holds text, words for yes and no included.
    pub(super) fn is_text(&self) -> bool {
        self.first.1.is_some()
    }

    /// The line of the first text.
    pub(super) fn first_text(&self) -> Option<u64> {
        self.first.1
    }

    /// Bytes of a cell.
    pub(super) fn cell_bytes(&self) -> u64 {
        match self.values {
            Values::Single(_) => size_of::<f32>() as u64,
            Values::Double(_) => size_of::<f64>() as u64,
        }
    }

    /// Bytes of its different texts.
    pub(super) fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// The number of different texts.
    pub(super) fn different_texts(&self) -> usize {
        self.texts.len()
    }

    /// One of the texts.
    pub(super) fn example(&self) -> &str {
        self.order.first().map_or("", String::as_str)
    }

    /// The value of a row: a number, or the number of its text; `NaN` for a missing one.
    pub(super) fn value(&self, row: usize) -> f64 {
        match &self.values {
            Values::Single(values) => f64::from(values[row]),
            Values::Double(values) => values[row],
        }
    }

    /// What it holds, by its cells.
    pub(super) fn kind(&self) -> FeatureKind {
        if !self.is_text() {
            return FeatureKind::Number;
        }
        if are_booleans(&self.order) {
            return FeatureKind::Boolean;
        }
        let mut texts = self.order.clone();
        texts.sort();
        FeatureKind::OneHot(texts)
    }

    /// Turns the numbers of texts into values of this kind: 1 and 0 for yes and no, places of categories. Unknown categories
    /// have none: their rows and one of them are returned.
    ///
    /// # Errors
    /// The line of the first text, and a text that is neither yes nor no.
    pub(super) fn settle(&mut self, kind: &FeatureKind) -> Result<Option<(usize, String)>, (u64, String)> {
        let of_text: Vec<f64> = match kind {
            FeatureKind::Number => return Ok(None),
            FeatureKind::Boolean => {
                let value = |text: &String| boolean_value(text).ok_or_else(|| text.clone());
                let found = self.order.iter().map(value).collect::<Result<_, _>>();
                found.map_err(|text| (self.first.1.unwrap_or(1), text))?
            }
            FeatureKind::OneHot(_) => {
                let places = TableSchema::places(kind);
                let place = |text: &String| places.get(text.as_str()).map_or(-1.0, |&place| place as f64);
                self.order.iter().map(place).collect()
            }
        };
        let mut unknown = 0;
        let mut settled = Values::Single(Vec::new());
        for row in 0..self.values.len() {
            let value = self.value(row);
            let value =
                if value.is_nan() { value } else { of_text.get(value as usize).copied().unwrap_or(-1.0) };
            unknown += usize::from(value < 0.0);
            settled.push(value);
        }
        self.values = settled;
        let example =
            self.order.iter().zip(&of_text).find(|(_, value)| **value < 0.0).map(|(text, _)| text.clone());
        Ok(example.map(|example| (unknown, example)))
    }

    /// Rounds all numbers to 32 bits, as earlier versions read them.
    pub(super) fn round(&mut self) {
        if let Values::Double(values) = &self.values {
            self.values = Values::Single(values.iter().map(|&value| value as f32).collect());
        }
    }

    /// The first number and how many there are, if they are all different whole numbers; and whether they follow one
    /// another, in whatever order.
    pub(super) fn whole_numbers(&self) -> Option<Sequence> {
        if self.is_text() || self.missing > 0 || self.values.len() < 2 {
            return None;
        }
        let rows = self.values.len();
        let steps = (1..rows).all(|row| self.value(row) - self.value(row - 1) == 1.0);
        if steps && self.value(0).fract() == 0.0 {
            return Some(Sequence::Consecutive);
        }
        let (least, most) = (0..rows).fold((f64::MAX, f64::MIN), |(least, most), row| {
            (least.min(self.value(row)), most.max(self.value(row)))
        });
        if most - least < (rows - 1) as f64 {
            return None; // some are equal
        }
        let mut numbers: Vec<f64> = Vec::with_capacity(rows);
        for row in 0..rows {
            let value = self.value(row);
            if value.fract() != 0.0 {
                return None;
            }
            numbers.push(value);
        }
        numbers.sort_unstable_by(f64::total_cmp);
        if numbers.windows(2).any(|pair| pair[0] == pair[1]) {
            return None;
        }
        let range = numbers[rows - 1] - numbers[0];
        Some(if range == (rows - 1) as f64 { Sequence::Consecutive } else { Sequence::Different })
    }

    /// Whether all its texts differ.
    pub(super) fn all_texts_differ(&self) -> bool {
        self.is_text() && self.missing == 0 && self.texts.len() == self.values.len()
    }

    /// How many of its different numbers become equal to a neighbour as inputs, which have 32 bits.
    pub(super) fn collapsed(&self, mean: f64, std: f64) -> usize {
        let finite = (0..self.values.len()).map(|row| self.value(row)).filter(|value| !value.is_nan());
        let magnitudes = finite.clone().map(f64::abs).filter(|&value| value > 0.0);
        let (least, most) =
            magnitudes.fold((f64::MAX, 0.0_f64), |(least, most), x| (least.min(x), most.max(x)));
        if self.is_text() || (self.digits <= SAFE_DIGITS && most <= least * SAFE_RANGE) {
            return 0;
        }
        let mut numbers: Vec<f64> = finite.collect();
        numbers.sort_unstable_by(f64::total_cmp);
        numbers.dedup();
        let input = |value: f64| ((value - mean) / std) as f32;
        numbers.windows(2).filter(|pair| input(pair[0]) == input(pair[1])).count()
    }
}

/// What the whole numbers of a column are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sequence {
    /// Every number from the least to the greatest, once.
    Consecutive,
    /// Each once.
    Different,
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Single(values) => values.len(),
            Self::Double(values) => values.len(),
        }
    }

    fn push(&mut self, value: f64) {
        match self {
            Self::Double(values) => push(values, value),
            Self::Single(values) if value.is_nan() || f64::from(value as f32) == value => {
                push(values, value as f32);
            }
            Self::Single(values) => {
                let mut wide: Vec<f64> = Vec::with_capacity(values.capacity().max(8));
                wide.extend(values.iter().map(|&value| f64::from(value)));
                push(&mut wide, value);
                *self = Self::Double(wide);
            }
        }
    }
}
