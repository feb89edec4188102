//! Class names: the official ones, and common shorter ones. (CIFAR's names are part of its format.)

use plangrad_formats::cifar::Variant;

use crate::DatasetName;

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
        DatasetName::Csv(_) => &[],
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
    fn common_names_belong_to_official_ones_and_hide_none() {
        let official: Vec<&str> = DatasetName::NAMED.iter().flat_map(official).copied().collect();
        for (alias, name) in ALIASES {
            assert!(official.contains(&name) && !official.contains(&alias), "{alias}");
        }
        assert_eq!(class_alias("airplane"), Some("plane"));
        assert_eq!(class_alias("bird"), None);
    }
}
