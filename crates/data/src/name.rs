//! The names of datasets, as users write them.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
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
    /// `cifar100-coarse`: the same photographs with their twenty coarse classes.
    Cifar100Coarse,
    /// `digits`: 24,000 digits drawn by plangrad itself, 28 × 28 grey; needs no files.
    Digits,
    /// `qmnist`: MNIST with its whole test part, 28 × 28 grey; from files of your own.
    Qmnist,
    /// `emnist-letters` and the other parts of EMNIST; from files of your own.
    Emnist(Emnist),
    /// `csv:FILE`: a table with a header row.
    Csv(PathBuf),
    /// `idx:DIR`: IDX files of any image size and any labels. Or two or four files, separated by commas.
    Idx(PathBuf),
    /// `npz:FILE`: arrays of numpy, as MedMNIST, Keras and KMNIST-49 have them.
    Npz(PathBuf),
    /// `folder:DIR`: image files in a folder for each class.
    Folder(PathBuf),
}

/// A part of EMNIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Emnist {
    /// 26 letters.
    Letters,
    /// 47 classes, as many samples of each.
    Balanced,
    /// Ten digits.
    Digits,
    /// Ten digits, as many as MNIST.
    Mnist,
    /// 62 classes: digits, capital and small letters.
    ByClass,
    /// 47 classes: letters that look alike merged.
    ByMerge,
}

impl Emnist {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Letters, Self::Balanced, Self::Digits, Self::Mnist, Self::ByClass, Self::ByMerge];

    /// The dataset's name, with which its files begin.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Letters => "emnist-letters",
            Self::Balanced => "emnist-balanced",
            Self::Digits => "emnist-digits",
            Self::Mnist => "emnist-mnist",
            Self::ByClass => "emnist-byclass",
            Self::ByMerge => "emnist-bymerge",
        }
    }
}

/// The forms that name a path.
type Form = (&'static str, fn(PathBuf) -> DatasetName);

const FORMS: [Form; 4] = [
    ("csv", DatasetName::Csv),
    ("idx", DatasetName::Idx),
    ("npz", DatasetName::Npz),
    ("folder", DatasetName::Folder),
];

impl DatasetName {
    /// Every dataset with a fixed name, in the order help texts list them.
    pub const NAMED: [Self; 6] =
        [Self::Mnist, Self::FashionMnist, Self::Kmnist, Self::Cifar10, Self::Cifar100, Self::Digits];

    /// Every other dataset with a name: what their files hold is read, not known in advance.
    pub(crate) fn others() -> impl Iterator<Item = Self> {
        [Self::Cifar100Coarse, Self::Qmnist].into_iter().chain(Emnist::ALL.map(Self::Emnist))
    }

    /// The file or folder in the name, if it has one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Csv(path) | Self::Idx(path) | Self::Npz(path) | Self::Folder(path) => Some(path),
            _ => None,
        }
    }

    /// The same dataset with each of its paths changed.
    ///
    /// # Errors
    ///
    /// Those of `change`.
    pub fn map_path<E>(
        &self,
        change: impl Fn(&Path) -> std::result::Result<PathBuf, E>,
    ) -> std::result::Result<Self, E> {
        Ok(match self {
            Self::Csv(path) => Self::Csv(change(path)?),
            Self::Npz(path) => Self::Npz(change(path)?),
            Self::Folder(path) => Self::Folder(change(path)?),
            Self::Idx(path) => {
                let parts = idx_paths(path)
                    .iter()
                    .map(|path| change(path))
                    .collect::<std::result::Result<Vec<_>, E>>()?;
                Self::Idx(joined(parts))
            }
            named => named.clone(),
        })
    }

    /// The name without a path: `mnist`, …, `digits`, `csv`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Kmnist => "kmnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Digits => "digits",
            Self::Cifar100Coarse => "cifar100-coarse",
            Self::Qmnist => "qmnist",
            Self::Emnist(part) => part.name(),
            Self::Csv(_) => "csv",
            Self::Idx(_) => "idx",
            Self::Npz(_) => "npz",
            Self::Folder(_) => "folder",
        }
    }
}

/// The folder of `idx:…`, or the files separated by commas.
pub(crate) fn idx_paths(path: &Path) -> Vec<PathBuf> {
    match path.to_str() {
        Some(text) if text.contains(',') && !path.exists() => text.split(',').map(PathBuf::from).collect(),
        _ => vec![path.to_path_buf()],
    }
}

/// Paths separated by commas.
fn joined(parts: Vec<PathBuf>) -> PathBuf {
    let parts: Vec<OsString> = parts.into_iter().map(PathBuf::into_os_string).collect();
    parts.join(OsStr::new(",")).into()
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            Some(path) => write!(f, "{}:{}", self.kind(), path.display()),
            None => f.write_str(self.kind()),
        }
    }
}

impl FromStr for DatasetName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        for (form, make) in FORMS {
            let path = text.strip_prefix(form).and_then(|rest| rest.strip_prefix(':'));
            if let Some(path) = path.filter(|path| !path.is_empty()) {
                let parts: Vec<_> =
                    path.split(|letter| letter == ',' && form == "idx").map(at_home).collect();
                return Ok(make(joined(parts)));
            }
        }
        let named = Self::NAMED.into_iter().chain(Self::others()).find(|name| name.kind() == text);
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
    let lower = text.to_ascii_lowercase();
    for (ending, form) in [(".csv", "csv"), (".npz", "npz")] {
        if lower.ends_with(ending) {
            return Some(format!("{form}:{text}"));
        }
    }
    if lower == "emnist" {
        return Some("emnist-balanced".to_owned());
    }
    let others: Vec<DatasetName> = DatasetName::others().collect();
    let names = DatasetName::NAMED.iter().chain(&others).map(DatasetName::kind);
    nearest(text, names).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_formatting_and_parsing() {
        let table = DatasetName::Csv("tables/iris.csv".into());
        let own = ["idx:a,b", "npz:a.npz", "folder:a b"].map(|name| name.parse::<DatasetName>().unwrap());
        for name in DatasetName::NAMED.into_iter().chain(DatasetName::others()).chain([table]).chain(own) {
            assert_eq!(name.to_string().parse::<DatasetName>().unwrap(), name);
        }
    }

    #[test]
    fn each_path_of_a_name_is_changed() {
        let under = |path: &Path| Ok::<_, ()>(Path::new("/home").join(path));
        let changed = |name: &str| name.parse::<DatasetName>().unwrap().map_path(under).unwrap().to_string();
        assert_eq!(changed("idx:a,b"), "idx:/home/a,/home/b");
        assert_eq!(changed("folder:pets"), "folder:/home/pets");
        assert_eq!(changed("qmnist"), "qmnist");
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones_and_the_most_similar() {
        let message = |text: &str| text.parse::<DatasetName>().unwrap_err().to_string();
        assert_eq!(
            message("cifar"),
            "unknown dataset `cifar`: expected mnist, fashion-mnist, kmnist, qmnist, emnist-letters (-balanced, -digits, \
             -mnist, -byclass, -bymerge), cifar10, cifar100, digits, or your own as csv:FILE, folder:DIR, idx:DIR or \
             npz:FILE; did you mean `cifar10`?"
        );
        assert!(message("iris.csv").ends_with("did you mean `csv:iris.csv`?"));
        assert!(message("imagenet").ends_with("or npz:FILE"));
        assert!(message("a.npz").ends_with("did you mean `npz:a.npz`?"));
        assert!(message("emnist").ends_with("did you mean `emnist-balanced`?"));
        assert!(message("csv:").contains("`csv:`"));
    }
}
