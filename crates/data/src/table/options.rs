//! How a table is read: what may be said about a file, and what becomes of its columns.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a table is read. [`TableOptions::default`] recognises what can be recognised.
///
/// A run keeps its options in its `config.toml`, so they can be written and read with serde.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TableOptions {
    /// What separates cells; recognised if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<Separator>,
    /// What separates the whole part of a number from its fraction; recognised if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<Decimal>,
    /// Name of the encoding, as in the WHATWG's standard; recognised if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Whether the first row is data, so that columns are named `column1`, `column2`, ….
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_header: bool,
    /// Names of the feature columns; all but the label if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Names of columns that are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// What becomes of columns of text.
    pub one_hot: OneHot,
    /// What becomes of cells without a value.
    pub missing: Missing,
    /// The texts that stand for a missing value, besides an empty cell; [`Missing::WORDS`] if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_values: Option<Vec<String>>,
    /// How rows are dealt to the training part and the test part.
    pub split: SplitRule,
    /// For a regression: what its numbers become for the network.
    #[serde(default = "TargetScaling::absent", skip_serializing_if = "TargetScaling::is_absent")]
    pub target_scale: TargetScaling,
}

impl TableOptions {
    /// The options of runs that were made before there were any: rows are dealt by their place in the file, numbers are
    /// rounded to 32 bits before they are standardised, and no column is left out.
    #[must_use]
    pub fn of_earlier_versions() -> Self {
        Self {
            split: SplitRule::Permutation,
            one_hot: OneHot::None,
            target_scale: TargetScaling::Absent,
            ..Self::default()
        }
    }
}

/// What separates the cells of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Separator {
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
    /// `|`
    Bar,
}

impl Separator {
    /// Every separator, the most frequent first.
    pub const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Bar];

    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Bar => b'|',
        }
    }
}

impl FromStr for Separator {
    type Err = UnknownWord;

    /// The character itself, or its name.
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Ok(match text {
            "," | "comma" => Self::Comma,
            ";" | "semicolon" => Self::Semicolon,
            "\t" | "\\t" | "tab" => Self::Tab,
            "|" | "bar" => Self::Bar,
            _ => return Err(UnknownWord { expected: "one of , ; | and tab", found: text.to_owned() }),
        })
    }
}

/// What separates the whole part of a number from its fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Decimal {
    /// `1.5`
    #[default]
    Point,
    /// `1,5`
    Comma,
}

impl FromStr for Decimal {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "." | "point" => Ok(Self::Point),
            "," | "comma" => Ok(Self::Comma),
            _ => Err(UnknownWord { expected: "a point or a comma", found: text.to_owned() }),
        }
    }
}

/// What becomes of a column of text: one input for each of its values, or an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum OneHot {
    /// Columns with at most [`OneHot::AUTO`] different values, of which each has two rows or more on average in a table of
    /// 20 rows or more.
    #[default]
    Auto,
    /// None.
    None,
    /// Columns with at most so many different values.
    AtMost(usize),
}

impl OneHot {
    /// The most different values of a column that is taken by itself.
    pub const AUTO: usize = 64;

    /// The most different values that a column may have in a table of `rows` rows.
    pub(super) fn most(self, rows: usize) -> usize {
        const SMALL: usize = 20;
        match self {
            Self::Auto if rows < SMALL => Self::AUTO,
            Self::Auto => Self::AUTO.min(rows / 2),
            Self::None => 0,
            Self::AtMost(most) => most,
        }
    }
}

impl fmt::Display for OneHot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::None => f.write_str("none"),
            Self::AtMost(most) => write!(f, "{most}"),
        }
    }
}

impl From<OneHot> for String {
    fn from(choice: OneHot) -> String {
        choice.to_string()
    }
}

impl TryFrom<String> for OneHot {
    type Error = UnknownWord;

    fn try_from(text: String) -> Result<Self, UnknownWord> {
        text.parse()
    }
}

impl FromStr for OneHot {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        const MOST: usize = 100_000;
        let expected = "auto, none or a number of values from 1 to 100000";
        let wrong = || UnknownWord { expected, found: text.to_owned() };
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            number => number
                .parse()
                .ok()
                .filter(|most| (1..=MOST).contains(most))
                .map(Self::AtMost)
                .ok_or_else(wrong),
        }
    }
}

/// What becomes of cells without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Missing {
    /// The table is refused, with the columns that have some.
    #[default]
    Error,
    /// Their rows are left out.
    Drop,
    /// Numbers are replaced by the mean of the column over the training rows; text has none of the categories. Rows without
    /// a label are refused.
    Mean,
}

impl Missing {
    /// The texts that stand for a missing value by default, besides an empty cell: those of pandas, and `?`.
    pub const WORDS: [&str; 19] = [
        "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A",
        "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "?",
    ];

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl FromStr for Missing {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "error" => Ok(Self::Error),
            "drop" => Ok(Self::Drop),
            "mean" => Ok(Self::Mean),
            _ => Err(UnknownWord { expected: "error, drop or mean", found: text.to_owned() }),
        }
    }
}

/// How rows are dealt to the training part and the test part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SplitRule {
    /// By a hash of each row's cells: other rows change nothing.
    #[default]
    Hash,
    /// By a permutation of the rows, as earlier versions did: one row more, and all others may change sides.
    Permutation,
}

/// What the numbers of a regression become for the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TargetScaling {
    /// They are standardised, unless features are not either ([`Normalize::None`](crate::Normalize::None)).
    #[default]
    Auto,
    /// Nothing: the network learns them as they are.
    None,
    /// Nothing, and the model keeps no statistics of them: runs of earlier versions, and classifications.
    Absent,
}

impl TargetScaling {
    fn absent() -> Self {
        Self::Absent
    }

    fn is_absent(&self) -> bool {
        *self == Self::Absent
    }
}

impl FromStr for TargetScaling {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            _ => Err(UnknownWord { expected: "auto or none", found: text.to_owned() }),
        }
    }
}

/// A word that is not one of those expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found `{found}`")]
pub struct UnknownWord {
    pub(crate) expected: &'static str,
    pub(crate) found: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for word in ["auto", "none", "12"] {
            assert_eq!(word.parse::<OneHot>().unwrap().to_string(), word);
        }
        assert_eq!(("tab".parse(), ";".parse()), (Ok(Separator::Tab), Ok(Separator::Semicolon)));
        assert_eq!((",".parse(), "mean".parse()), (Ok(Decimal::Comma), Ok(Missing::Mean)));
        let message = |error: UnknownWord| error.to_string();
        assert_eq!(
            "0".parse::<OneHot>().map_err(message),
            Err("expected auto, none or a number of values from 1 to 100000, found `0`".to_owned())
        );
    }
}
