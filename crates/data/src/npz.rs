//! `npz:FILE`: images and labels as arrays of numpy.
//!
//! MedMNIST has one file with `train_images`, `train_labels`, `val_…` and `test_…`, Keras one with `x_train`, `y_train`,
//! `x_test`, `y_test`; KMNIST-49 has four files with `arr_0`, of which any may be named. A validation part is left out,
//! which is reported.

use std::io::Read;
use std::path::{Path, PathBuf};

use plangrad_formats::numpy::{Npz, NumpyArray};
use plangrad_formats::{Limits, open_regular_file};

use crate::assemble::{RawPart, assemble, channels_first, image_shape, label_bytes};
use crate::error::OwnFilesProblem;
use crate::memory::compare;
use crate::{Dataset, DatasetName, Error, Result};

/// Names of the arrays: images and labels to learn from and to test on.
const LAYOUTS: [[&str; 4]; 2] = [
    ["train_images", "train_labels", "test_images", "test_labels"],
    ["x_train", "y_train", "x_test", "y_test"],
];

/// The array of a file that holds only one.
const ONLY: &str = "arr_0";

pub(crate) fn load(path: &Path, memory: Option<u64>) -> Result<Dataset> {
    let name = DatasetName::Npz(path.to_path_buf());
    let mut npz = open(path)?;
    let names = npz.names();
    let has = |array: &str| names.iter().any(|name| name == array);
    let in_file = |error: plangrad_formats::Error| Error::from(error.in_file(path));
    if let Some([images, labels, test_images, test_labels]) =
        LAYOUTS.into_iter().find(|layout| has(layout[0]))
    {
        let arrays = [images, labels, test_images, test_labels];
        compare(&name, arrays.into_iter().map(|array| reading_bytes(&mut npz, array)), memory)?;
        let train = part(path, npz.array(images).map_err(in_file)?, npz.array(labels).map_err(in_file)?)?;
        let test = match has(test_images) {
            false => None,
            true => {
                let arrays =
                    (npz.array(test_images).map_err(in_file)?, npz.array(test_labels).map_err(in_file)?);
                Some(part(path, arrays.0, arrays.1)?)
            }
        };
        let notes = has("val_images").then(|| "the validation images of the file are left out".to_owned());
        return assemble(&name, path, train, test, notes.into_iter().collect());
    }
    if names == [ONLY] {
        let files = siblings(path)?;
        let bytes = |path: &PathBuf| open(path).map_or(0, |mut npz| reading_bytes(&mut npz, ONLY));
        compare(&name, files.iter().map(bytes), memory)?;
        let [images, labels, test_images, test_labels] = files;
        let train = part(&images, only(&images)?, only(&labels)?)?;
        let test = match test_images.is_file() && test_labels.is_file() {
            true => Some(part(&test_images, only(&test_images)?, only(&test_labels)?)?),
            false => None,
        };
        return assemble(&name, path, train, test, Vec::new());
    }
    let expected = format!(
        "the arrays {} (MedMNIST), or {} (Keras), or {ONLY} in a file each",
        LAYOUTS[0].join(", "),
        LAYOUTS[1].join(", ")
    );
    Err(wrong(path, OwnFilesProblem::Missing { expected, found: names }))
}

/// Bytes that an array takes until it is part of a dataset; none of one that is missing or damaged, which reading it says.
fn reading_bytes(npz: &mut Npz, array: &str) -> u64 {
    let Ok(Some(facts)) = npz.facts(array) else { return 0 };
    let is_labels = facts.dims.iter().skip(1).all(|&size| size == 1);
    let labels = if is_labels { label_bytes(facts.dims.first().copied().unwrap_or(0)) } else { 0 };
    facts.reading_bytes.saturating_add(labels)
}

fn wrong(path: &Path, problem: OwnFilesProblem) -> Error {
    Error::OwnFiles { path: path.to_path_buf(), problem }
}

fn open(path: &Path) -> Result<Npz> {
    if starts_as_array(path) {
        let expected = "arrays of images and labels together (np.savez)".to_owned();
        let found = vec!["a single array (np.save)".to_owned()];
        return Err(wrong(path, OwnFilesProblem::Missing { expected, found }));
    }
    Ok(Npz::open_with(path, &Limits::default())?)
}

/// Whether a file is an array of numpy and no archive of such. One that cannot be read is not.
fn starts_as_array(path: &Path) -> bool {
    let mut start = [0; 6];
    let read = open_regular_file(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *b"\x93NUMPY"
}

fn only(path: &Path) -> Result<NumpyArray> {
    Ok(open(path)?.array(ONLY).map_err(|error| error.in_file(path))?)
}

/// The four files of which one was named: `…-train-imgs.npz`, `…-train-labels.npz`, `…-test-imgs.npz`, `…-test-labels.npz`.
fn siblings(path: &Path) -> Result<[PathBuf; 4]> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let of = |part: &str, what: &str| {
        let of_part = replaced(&file, &["train", "test"], part)?;
        replaced(&of_part, &["imgs", "images", "labels"], what).map(|name| path.with_file_name(name))
    };
    let images = |part| {
        let candidates = [of(part, "imgs")?, of(part, "images")?];
        let there = candidates.iter().find(|path| path.is_file()).cloned();
        there.or(candidates.into_iter().next())
    };
    let all = || Some([images("train")?, of("train", "labels")?, images("test")?, of("test", "labels")?]);
    all().ok_or_else(|| {
        let expected =
            "a name such as kmnist49-train-imgs.npz, beside …-train-labels.npz, …-test-imgs.npz and \
                        …-test-labels.npz"
                .to_owned();
        wrong(path, OwnFilesProblem::Missing { expected, found: vec![file.clone()] })
    })
}

/// `text` with the first of `words` that it contains replaced.
fn replaced(text: &str, words: &[&str], by: &str) -> Option<String> {
    words.iter().find(|word| text.contains(*word)).map(|word| text.replacen(word, by, 1))
}

fn part(path: &Path, images: NumpyArray, labels: NumpyArray) -> Result<RawPart> {
    let dims = images.dims().to_vec();
    let Some((shape, is_last)) = image_shape(&dims) else {
        let expected = "images, the shape [count, height, width] or [count, height, width, 3]";
        return Err(wrong(path, OwnFilesProblem::Shape { expected, found: dims }));
    };
    let label_dims = labels.dims();
    if label_dims.first() != Some(&dims[0]) || label_dims.iter().skip(1).any(|&size| size != 1) {
        let expected = "one label for each image, the shape [count] or [count, 1] (of one-hot labels take argmax(axis=1))";
        return Err(wrong(path, OwnFilesProblem::Shape { expected, found: label_dims.to_vec() }));
    }
    let found = images.number_type().to_string();
    let pixels = images.into_u8().map_err(|_| wrong(path, OwnFilesProblem::Pixels { found }))?;
    let pixels = match is_last && shape[0] > 1 {
        true => channels_first(pixels, shape[1] * shape[2], shape[0]),
        false => pixels,
    };
    let labels = labels.to_integers().map_err(|error| Error::from(error.in_file(path)))?;
    Ok(RawPart { shape, pixels, labels })
}
