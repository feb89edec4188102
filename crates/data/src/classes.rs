//! Class names: the official ones, and common shorter ones. (CIFAR's names are part of its format.)

use plangrad_formats::cifar::Variant;

use crate::{DatasetName, Emnist};

/// The digits of MNIST and `digits`.
const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Fashion-MNIST, in label order (<https://github.com/zalandoresearch/fashion-mnist>).
const FASHION: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// KMNIST, in label order, in the usual romanisation (<https://github.com/rois-codh/kmnist>).
const KMNIST: [&str; 10] = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"];

/// The small letters that EMNIST does not merge with their capitals, from label 36 on.
const MERGED: [&str; 11] = ["a", "b", "d", "e", "f", "g", "h", "n", "q", "r", "t"];

/// Common names, each with the official one.
const ALIASES: [(&str, &str); 13] = [
    ("plane", "airplane"),
    ("car", "automobile"),
    ("T-shirt", "T-shirt/top"),
    ("zero", "0"),
    ("one", "1"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
];

/// The official class names of a named dataset in label order; none for a table.
pub(crate) fn official(name: &DatasetName) -> &'static [&'static str] {
    match name {
        DatasetName::Mnist | DatasetName::Digits => &DIGITS,
        DatasetName::FashionMnist => &FASHION,
        DatasetName::Kmnist => &KMNIST,
        DatasetName::Cifar10 => Variant::Cifar10.class_names(),
        DatasetName::Cifar100 => Variant::Cifar100.class_names(),
        DatasetName::Cifar100Coarse => Variant::Cifar100.coarse_class_names(),
        _ => &[],
    }
}

/// The name of a label in a dataset whose labels are read from its files.
pub(crate) fn label_name(name: &DatasetName, label: i64) -> String {
    let letter = |first: u8, place: i64| char::from(first + place as u8).to_string();
    match (name, label) {
        (DatasetName::Emnist(Emnist::Letters), 1..=26) => letter(b'A', label - 1),
        (DatasetName::Emnist(Emnist::ByClass), 36..=61) => letter(b'a', label - 36),
        (DatasetName::Emnist(Emnist::Balanced | Emnist::ByMerge), 36..=46) => {
            MERGED[label as usize - 36].to_owned()
        }
        (DatasetName::Emnist(Emnist::Balanced | Emnist::ByMerge | Emnist::ByClass), 10..=35) => {
            letter(b'A', label - 10)
        }
        _ => label.to_string(),
    }
}

/// The common name of the class with this official name, if it differs: `car` for `automobile`.
#[must_use]
pub fn class_alias(official: &str) -> Option<&'static str> {
    ALIASES.iter().find(|(_, name)| *name == official).map(|(alias, _)| *alias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_of_emnist_have_letters() {
        let name = |part, label| label_name(&DatasetName::Emnist(part), label);
        assert_eq!((name(Emnist::Letters, 1), name(Emnist::Letters, 26)), ("A".into(), "Z".into()));
        assert_eq!((name(Emnist::ByClass, 9), name(Emnist::ByClass, 61)), ("9".into(), "z".into()));
        assert_eq!((name(Emnist::Balanced, 35), name(Emnist::Balanced, 46)), ("Z".into(), "t".into()));
        assert_eq!(name(Emnist::Digits, 7), "7");
    }

    #[test]
    fn common_names_belong_to_official_ones_and_hide_none() {
        let official: Vec<&str> = DatasetName::NAMED.iter().flat_map(official).copied().collect();
        for (alias, name) in ALIASES {
            assert!(official.contains(&name) && !official.contains(&alias), "{alias}");
        }
        assert_eq!(class_alias("airplane"), Some("plane"));
        assert_eq!(class_alias("bird"), None);
    }
}
