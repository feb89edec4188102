//! Class names: the official ones, and the text files that carry them.

use std::io::Read;
use std::path::Path;

use crate::source::{Source, reject_html};
use crate::{Error, Result};

/// No list of class names comes near this.
const MAX_TEXT_BYTES: u64 = 64 << 10;

/// Reads class names, one a line; blank lines (the official files end in some) and blanks around a name are skipped.
///
/// # Errors
///
/// [`Error::HtmlPage`], [`Error::NotText`]; [`Error::WrongClassCount`] unless there are exactly `classes` names.
pub fn parse_class_names(text: &[u8], classes: usize) -> Result<Vec<String>> {
    reject_html(text)?;
    let text = std::str::from_utf8(text).map_err(|error| Error::NotText { offset: error.valid_up_to() })?;
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|name| !name.is_empty()).map(String::from).collect();
    if names.len() != classes {
        return Err(Error::WrongClassCount { expected: classes, found: names.len() });
    }
    Ok(names)
}

/// Opens and reads `batches.meta.txt`, `fine_label_names.txt` or `coarse_label_names.txt`.
///
/// # Errors
///
/// Those of [`parse_class_names`], [`Error::Open`] and [`Error::LimitExceeded`] (64 KiB), inside an
/// [`Error::InFile`] that names the file.
pub fn open_class_names(path: impl AsRef<Path>, classes: usize) -> Result<Vec<String>> {
    let path = path.as_ref();
    Source::open(path)
        .and_then(|source| read_text(source.with_limit(MAX_TEXT_BYTES)))
        .and_then(|text| parse_class_names(&text, classes))
        .map_err(|error| error.in_file(path))
}

/// Names from an entry of an archive.
pub(super) fn read_class_names(reader: impl Read, classes: usize) -> Result<Vec<String>> {
    let text = read_text(Source::new(reader, None)?.with_limit(MAX_TEXT_BYTES))?;
    parse_class_names(&text, classes)
}

fn read_text(mut source: Source<impl Read>) -> Result<Vec<u8>> {
    let mut text = vec![0; MAX_TEXT_BYTES as usize + 1];
    let length = source.fill(&mut text)?;
    text.truncate(length);
    Ok(text)
}

pub(super) static CIFAR10: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

#[rustfmt::skip]
pub(super) static CIFAR100_COARSE: [&str; 20] = [
    "aquatic_mammals", "fish", "flowers", "food_containers", "fruit_and_vegetables",
    "household_electrical_devices", "household_furniture", "insects", "large_carnivores",
    "large_man-made_outdoor_things", "large_natural_outdoor_scenes", "large_omnivores_and_herbivores",
    "medium_mammals", "non-insect_invertebrates", "people", "reptiles", "small_mammals", "trees",
    "vehicles_1", "vehicles_2",
];

#[rustfmt::skip]
pub(super) static CIFAR100_FINE: [&str; 100] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
    "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
    "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
    "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
    "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
    "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger",
    "tractor",
    "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
];
