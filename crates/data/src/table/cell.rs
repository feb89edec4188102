//! What the text of a cell stands for.

use std::collections::HashSet;

use super::options::{Decimal, Missing};

/// The pairs of words for yes and no that columns may consist of, in lower case.
const BOOLEANS: [(&str, &str); 2] = [("true", "false"), ("yes", "no")];

/// What a cell stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    /// No value.
    Missing,
    /// A number.
    Number(f64),
    /// An infinite number, or one beyond the range of 32 bits.
    Beyond,
    /// Anything else.
    Text,
}

/// How cells are read.
pub(super) struct CellReader {
    decimal: Decimal,
    missing: HashSet<String>,
    /// Whether a number may stand for a missing value.
    numbers_may_be_missing: bool,
}

impl CellReader {
    /// A reader for numbers written so, and these texts for missing values.
    pub(super) fn new(decimal: Decimal, missing: Option<&[String]>) -> Self {
        let words = match missing {
            Some(words) => words.iter().map(|word| word.trim().to_owned()).collect(),
            None => Missing::WORDS.map(str::to_owned).into(),
        };
        Self { decimal, missing: words, numbers_may_be_missing: missing.is_some() }
    }

    pub(super) fn is_missing(&self, text: &str) -> bool {
        text.is_empty() || self.missing.contains(text)
    }

    pub(super) fn read(&self, text: &str) -> Cell {
        if text.is_empty() || (self.numbers_may_be_missing && self.missing.contains(text)) {
            return Cell::Missing;
        }
        match self.number(text) {
            Some(number) if number.abs() <= f64::from(f32::MAX) => Cell::Number(number),
            _ if self.missing.contains(text) => Cell::Missing,
            Some(_) => Cell::Beyond,
            None => Cell::Text,
        }
    }

    /// The number in a text; `None` for anything else. The nearest one of 64 bits, as Python and C read it.
    fn number(&self, text: &str) -> Option<f64> {
        match self.decimal {
            Decimal::Point => text.parse().ok(),
            Decimal::Comma if text.contains('.') => None,
            Decimal::Comma if text.contains(',') => text.replace(',', ".").parse().ok(),
            Decimal::Comma => text.parse().ok(),
        }
    }
}

/// Whether these texts, of which there is one at least, are words for yes and no of one pair.
pub(super) fn are_booleans(texts: &[String]) -> bool {
    let are_of = |pair| texts.iter().all(|text| boolean(text, pair).is_some());
    !texts.is_empty() && BOOLEANS.iter().any(are_of)
}

/// 1 for yes and 0 for no, in words or as numbers.
pub(super) fn boolean_value(text: &str) -> Option<f64> {
    match text {
        "1" | "1.0" => Some(1.0),
        "0" | "0.0" => Some(0.0),
        _ => BOOLEANS.iter().find_map(|pair| boolean(text, pair)),
    }
}

fn boolean(text: &str, (yes, no): &(&str, &str)) -> Option<f64> {
    match () {
        () if text.eq_ignore_ascii_case(yes) => Some(1.0),
        () if text.eq_ignore_ascii_case(no) => Some(0.0),
        () => None,
    }
}

/// Significant digits of a number as it is written.
pub(super) fn significant_digits(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|&digit| digit == b'0').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_numbers_missing_or_text() {
        let reader = CellReader::new(Decimal::Point, None);
        assert_eq!(reader.read("1700000001.25"), Cell::Number(1_700_000_001.25));
        assert_eq!(reader.read("1e39"), Cell::Beyond);
        assert_eq!(reader.read("-inf"), Cell::Beyond);
        for word in ["", "NA", "nan", "NULL", "?", "None"] {
            assert_eq!(reader.read(word), Cell::Missing, "{word}");
        }
        for word in ["oops", "1,5", "2024-01-01", "1_000", "0x10"] {
            assert_eq!(reader.read(word), Cell::Text, "{word}");
        }
        let own = CellReader::new(Decimal::Comma, Some(&["-999".to_owned()]));
        assert_eq!((own.read("-999"), own.read("NA")), (Cell::Missing, Cell::Text));
        assert_eq!((own.read("1,5"), own.read("1.5")), (Cell::Number(1.5), Cell::Text));
    }

    #[test]
    fn booleans_are_words_of_one_pair() {
        let are_booleans =
            |texts: &[&str]| are_booleans(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert!(are_booleans(&["True", "FALSE"]) && are_booleans(&["no"]));
        assert!(!are_booleans(&["yes", "false"]) && !are_booleans(&[]));
        assert_eq!(
            (boolean_value("Yes"), boolean_value("0"), boolean_value("2")),
            (Some(1.0), Some(0.0), None)
        );
    }

    #[test]
    fn digits_that_say_something_are_counted() {
        assert_eq!(["0.00123", "1700000000", "-1.50e10", "0"].map(significant_digits), [3, 10, 3, 0]);
    }
}
