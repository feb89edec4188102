//! The Python versions of CIFAR, which torchvision downloads: pickles of a dict with one array and lists of labels.
//!
//! ```text
//! CIFAR-10    data_batch_1 … 5, test_batch:  b'data' u8 [n, 3072], b'labels' [n ints];  batches.meta: b'label_names'
//! CIFAR-100   train, test: b'data', b'fine_labels', b'coarse_labels';  meta: b'fine_label_names', b'coarse_label_names'
//! ```
//!
//! They are read as data by [`crate::pickle`], whatever protocol they were written with; nothing of them is run.

use std::path::Path;

use super::{IMAGE_BYTES, Records, Variant};
use crate::numpy::NumberType;
use crate::pickle::{self, Globals, Item, Pickle, wrong_content};
use crate::{Error, Limits, Result};

impl Variant {
    /// The training files of the Python version, in the order of their records.
    #[must_use]
    pub const fn python_train_files(self) -> &'static [&'static str] {
        match self {
            Self::Cifar10 => {
                &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"]
            }
            Self::Cifar100 => &["train"],
        }
    }

    /// The test file of the Python version.
    #[must_use]
    pub const fn python_test_file(self) -> &'static str {
        match self {
            Self::Cifar10 => "test_batch",
            Self::Cifar100 => "test",
        }
    }

    /// The file of class names of the Python version.
    #[must_use]
    pub const fn python_meta_file(self) -> &'static str {
        match self {
            Self::Cifar10 => "batches.meta",
            Self::Cifar100 => "meta",
        }
    }
}

/// Class names and coarse class names, which CIFAR-10 does not have.
#[cfg(feature = "tar")]
pub(super) type PythonNames = (Vec<String>, Vec<String>);

/// Opens and reads a batch of the Python version, within the given limits.
///
/// # Errors
///
/// [`Error::Pickle`], [`Error::PickleContent`], [`Error::LimitExceeded`] and [`Error::Open`], inside an
/// [`Error::InFile`] that names the file.
pub fn open_python_with(path: impl AsRef<Path>, variant: Variant, limits: &Limits) -> Result<Records> {
    let path = path.as_ref();
    let pickle = pickle::open_with(path, Globals::Numpy, limits)?;
    records(&pickle, variant).map_err(|error| error.in_file(path))
}

/// The records of a batch.
pub(super) fn records(pickle: &Pickle, variant: Variant) -> Result<Records> {
    let root = pickle.root();
    let member = |key: &str| {
        let missing = || wrong_content(format!("a dict with `{key}` (a batch of {variant})"), Some(root));
        root.get(key).ok_or_else(missing)
    };
    let data = member("data")?;
    let array =
        data.array().ok_or_else(|| wrong_content("an array of numpy in `data`".to_owned(), Some(data)))?;
    let count = array.dims.first().copied().unwrap_or(0);
    let per_image: Option<usize> = array
        .dims
        .get(1..)
        .and_then(|dims| dims.iter().try_fold(1_usize, |size, &dim| size.checked_mul(dim)));
    if array.number_type != NumberType::U8 || per_image != Some(IMAGE_BYTES) {
        let found = format!("{} of shape {:?}", array.number_type, array.dims);
        return Err(Error::PickleContent { expected: "u1 of shape [n, 3072] in `data`".to_owned(), found });
    }
    let images = array.to_array()?.into_u8()?;
    let (labels, coarse_labels) = match variant {
        Variant::Cifar10 => (labels(member("labels")?, "labels", count, 10)?, Vec::new()),
        Variant::Cifar100 => (
            labels(member("fine_labels")?, "fine_labels", count, 100)?,
            labels(member("coarse_labels")?, "coarse_labels", count, 20)?,
        ),
    };
    Ok(Records { variant, labels, coarse_labels, images })
}

/// So many labels below `classes`, as a list or an array.
fn labels(item: Item<'_>, key: &str, count: usize, classes: i64) -> Result<Vec<u8>> {
    let numbers: Vec<Option<i64>> = if let Some(array) = item.array() {
        array.to_array()?.to_integers()?.into_iter().map(Some).collect()
    } else {
        let wrong = || wrong_content(format!("a list of {count} numbers in `{key}`"), Some(item));
        item.items().ok_or_else(wrong)?.map(Item::int).collect()
    };
    if numbers.len() != count {
        let expected = format!("{count} labels in `{key}`, one for each image");
        return Err(Error::PickleContent { expected, found: numbers.len().to_string() });
    }
    let label = |(place, number): (usize, Option<i64>)| {
        let fitting = number.filter(|number| (0..classes).contains(number));
        let wrong = || Error::PickleContent {
            expected: format!(
                "a label from 0 to {} at place {place} of `{key}` (counted from 0)",
                classes - 1
            ),
            found: number.map_or_else(|| "no number".to_owned(), |number| number.to_string()),
        };
        fitting.map(|number| number as u8).ok_or_else(wrong)
    };
    numbers.into_iter().enumerate().map(label).collect()
}

/// The names of the classes in the file of names.
#[cfg(feature = "tar")]
pub(super) fn class_names(pickle: &Pickle, variant: Variant) -> Result<PythonNames> {
    let names = |key: &str, count: usize| {
        let wrong = |found| wrong_content(format!("a list of {count} names in `{key}`"), found);
        let item = pickle.root().get(key).ok_or_else(|| wrong(Some(pickle.root())))?;
        let names: Option<Vec<String>> =
            item.items().and_then(|names| names.map(|name| name.text().map(str::to_owned)).collect());
        names.filter(|names| names.len() == count).ok_or_else(|| wrong(Some(item)))
    };
    Ok(match variant {
        Variant::Cifar10 => (names("label_names", 10)?, Vec::new()),
        Variant::Cifar100 => (names("fine_label_names", 100)?, names("coarse_label_names", 20)?),
    })
}
