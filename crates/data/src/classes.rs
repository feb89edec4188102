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

/// The label of the class called `name`: its official name or a common one. Case is ignored.
///
/// ```
/// use plangrad_data::{DatasetName, class_index};
///
/// let cifar = DatasetName::Cifar10.spec().unwrap();
/// assert_eq!(class_index(&cifar.classes, "automobile"), Some(1));
/// assert_eq!(class_index(&cifar.classes, "car"), Some(1));
/// assert_eq!(class_index(&cifar.classes, "bicycle"), None);
/// ```
#[must_use]
pub fn class_index(classes: &[String], name: &str) -> Option<usize> {
    let position = |name: &str| classes.iter().position(|class| class.eq_ignore_ascii_case(name));
    position(name).or_else(|| {
        let (_, official) = ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name))?;
        position(official)
    })
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
    fn every_official_name_resolves_to_its_label() {
        for name in DatasetName::NAMED {
            let classes = name.spec().unwrap().classes;
            for (label, class) in classes.iter().enumerate() {
                assert_eq!(class_index(&classes, class), Some(label), "{class}");
                assert_eq!(class_index(&classes, &class.to_uppercase()), Some(label), "{class}");
            }
        }
    }

    #[test]
    fn common_names_resolve() {
        let label = |name: DatasetName, class| class_index(&name.spec().unwrap().classes, class);
        assert_eq!(label(DatasetName::Cifar10, "plane"), Some(0));
        assert_eq!(label(DatasetName::Cifar10, "Car"), Some(1));
        assert_eq!(label(DatasetName::Mnist, "seven"), Some(7));
        assert_eq!(label(DatasetName::FashionMnist, "t-shirt"), Some(0));
        assert_eq!(label(DatasetName::Cifar100, "car"), None);
        assert_eq!(class_alias("airplane"), Some("plane"));
        assert_eq!(class_alias("bird"), None);
    }
}
