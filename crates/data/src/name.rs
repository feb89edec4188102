//! The names of datasets, as users write them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::suggest::nearest;
use crate::{Error, Result};

/// A dataset that plangrad knows by name, or a table.
///
/// ```
/// use plangrad_data::DatasetName;
///
/// let name: DatasetName = "fashion-mnist".parse()?;
/// assert_eq!(name, DatasetName::FashionMnist);
/// let error = "mnits".parse::<DatasetName>().unwrap_err();
/// assert!(error.to_string().ends_with("did you mean `mnist`?"));
/// # Ok::<(), plangrad_data::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DatasetName {
    /// `mnist`: 70,000 handwritten digits, 28 × 28 grey.
    Mnist,
    /// `fashion-mnist`: 70,000 articles of clothing, 28 × 28 grey.
    FashionMnist,
    /// `kmnist`: 70,000 cursive Japanese characters, 28 × 28 grey.
    Kmnist,
    /// `cifar10`: 60,000 photographs in ten classes, 32 × 32 RGB.
    Cifar10,
    /// `cifar100`: 60,000 photographs in a hundred classes, 32 × 32 RGB.
    Cifar100,
    /// `digits`: 24,000 digits drawn by plangrad itself, 28 × 28 grey; needs no files.
    Digits,
    /// `csv:FILE`: a table with a header row.
    Csv(PathBuf),
}

impl DatasetName {
    /// Every dataset with a fixed name, in the order help texts list them.
    pub const NAMED: [Self; 6] =
        [Self::Mnist, Self::FashionMnist, Self::Kmnist, Self::Cifar10, Self::Cifar100, Self::Digits];

    /// The name without a table's file: `mnist`, …, `digits`, `csv`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Kmnist => "kmnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Digits => "digits",
            Self::Csv(_) => "csv",
        }
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Csv(path) => write!(f, "csv:{}", path.display()),
            named => f.write_str(named.kind()),
        }
    }
}

impl FromStr for DatasetName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(file) = text.strip_prefix("csv:").filter(|file| !file.is_empty()) {
            return Ok(Self::Csv(at_home(file)));
        }
        let named = Self::NAMED.into_iter().find(|name| name.kind() == text);
        named.ok_or_else(|| Error::UnknownDataset { found: text.to_owned(), suggestion: suggestion(text) })
    }
}

/// The path of a file, with `~/` standing for the home folder: a shell expands it only at the beginning of a word.
fn at_home(file: &str) -> PathBuf {
    match (file.strip_prefix("~/"), std::env::home_dir()) {
        (Some(inside), Some(home)) => home.join(inside),
        _ => file.into(),
    }
}

fn suggestion(text: &str) -> Option<String> {
    if text.to_ascii_lowercase().ends_with(".csv") {
        return Some(format!("csv:{text}"));
    }
    nearest(text, DatasetName::NAMED.iter().map(DatasetName::kind)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_formatting_and_parsing() {
        let table = DatasetName::Csv("tables/iris.csv".into());
        for name in DatasetName::NAMED.into_iter().chain([table]) {
            assert_eq!(name.to_string().parse::<DatasetName>().unwrap(), name);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones_and_the_most_similar() {
        let message = |text: &str| text.parse::<DatasetName>().unwrap_err().to_string();
        assert_eq!(
            message("cifar"),
            "unknown dataset `cifar`: expected mnist, fashion-mnist, kmnist, cifar10, cifar100, digits or csv:FILE; \
             did you mean `cifar10`?"
        );
        assert!(message("iris.csv").ends_with("did you mean `csv:iris.csv`?"));
        assert!(message("imagenet").ends_with("or csv:FILE"));
        assert!(message("csv:").contains("`csv:`"));
    }
}
