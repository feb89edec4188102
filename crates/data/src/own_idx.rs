//! IDX files of any image size and any labels: `idx:DIR`, EMNIST, QMNIST.
//!
//! Files are found by the words in their names (`train`, `test` or `t10k`; `images`, `labels`), and classes are the
//! labels found in them. Those of EMNIST begin with the name of the dataset.

use std::path::{Path, PathBuf};

use plangrad_formats::idx::{self, ElementType, IdxBuf};

use crate::assemble::{RawPart, assemble, channels_first, image_shape, label_bytes};
use crate::error::OwnFilesProblem;
use crate::locate::searched_folders;
use crate::memory::compare;
use crate::name::idx_paths;
use crate::{Dataset, DatasetName, Error, Result};

/// Images and labels of one part.
#[derive(Debug)]
struct Pair {
    images: PathBuf,
    labels: PathBuf,
}

/// Reads both parts; a dataset may have no test part.
pub(crate) fn load(name: &DatasetName, data_dir: &Path, memory: Option<u64>) -> Result<Dataset> {
    let (origin, train, test) = find(name, data_dir)?;
    if memory.is_some() {
        let pairs = [Some(&train), test.as_ref()].into_iter().flatten();
        compare(name, pairs.map(reading_bytes).collect::<Result<Vec<_>>>()?, memory)?;
    }
    let (train, test) = rayon::join(|| read(&train), || test.as_ref().map(read).transpose());
    let mut notes = Vec::new();
    if matches!(name, DatasetName::Emnist(_)) || origin.to_string_lossy().to_lowercase().contains("emnist") {
        notes.push(
            "EMNIST's files hold their images with rows and columns swapped; they are read as they are, so an image of \
             your own must be swapped, too"
                .to_owned(),
        );
    }
    assemble(name, &origin, train?, test?, notes)
}

/// Bytes that both files take until they are part of a dataset.
fn reading_bytes(pair: &Pair) -> Result<u64> {
    let [images, labels] = [idx::open_header(&pair.images)?, idx::open_header(&pair.labels)?];
    let count = labels.dims().iter().product();
    let bytes = [images.data_bytes() as u64, labels.data_bytes() as u64, label_bytes(count)];
    Ok(bytes.into_iter().fold(0, u64::saturating_add))
}

/// Whether the files to learn from are there.
pub(crate) fn available(name: &DatasetName, data_dir: &Path) -> bool {
    find(name, data_dir).is_ok()
}

/// The folder, and the files of both parts.
fn find(name: &DatasetName, data_dir: &Path) -> Result<(PathBuf, Pair, Option<Pair>)> {
    let DatasetName::Idx(path) = name else {
        let folders = searched_folders(name, data_dir);
        let prefix = format!("{}-", name.kind());
        let in_folder = |folder: &PathBuf| in_folder(folder, &prefix).ok();
        let found = folders.iter().find_map(in_folder);
        return found.ok_or_else(|| {
            let files = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
            let files = files.map(|file| format!("{prefix}{file}[.gz]")).to_vec();
            Error::LocalDatasetNotFound { dataset: name.kind(), files, folders }
        });
    };
    match idx_paths(path).as_slice() {
        [folder] if folder.is_dir() => in_folder(folder, ""),
        [images, labels] => Ok((images.clone(), pair(images, labels), None)),
        [images, labels, test_images, test_labels] => {
            Ok((images.clone(), pair(images, labels), Some(pair(test_images, test_labels))))
        }
        _ => {
            let expected = "a folder with IDX files, or two or four files separated by commas".to_owned();
            let problem = OwnFilesProblem::Missing { expected, found: Vec::new() };
            Err(Error::OwnFiles { path: path.clone(), problem })
        }
    }
}

fn pair(images: &Path, labels: &Path) -> Pair {
    Pair { images: images.to_path_buf(), labels: labels.to_path_buf() }
}

fn in_folder(folder: &Path, prefix: &str) -> Result<(PathBuf, Pair, Option<Pair>)> {
    let unreadable = |reason| Error::Io { path: folder.to_path_buf(), action: "read", reason };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        names.push(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| name.starts_with(prefix));
    names.sort();
    let file = |purpose, is_test, what| pick(folder, &names, purpose, is_test, what);
    let needed = |purpose: &'static str, what| {
        file(purpose, false, what)?.ok_or_else(|| {
            let expected = format!("a file of {purpose} (with `train` and `{what}` in its name)");
            let problem = OwnFilesProblem::Missing { expected, found: names.clone() };
            Error::OwnFiles { path: folder.to_path_buf(), problem }
        })
    };
    let train =
        Pair { images: needed("training images", "images")?, labels: needed("training labels", "labels")? };
    let test = (file("test images", true, "images")?, file("test labels", true, "labels")?);
    let test = match test {
        (Some(images), Some(labels)) => Some(Pair { images, labels }),
        _ => None,
    };
    Ok((folder.to_path_buf(), train, test))
}

/// The one file for a purpose, if there is any; compressed rather than plain.
fn pick(
    folder: &Path,
    names: &[String],
    purpose: &'static str,
    is_test: bool,
    what: &str,
) -> Result<Option<PathBuf>> {
    let fits = |name: &&String| {
        let name = name.to_lowercase();
        let tests = name.contains("t10k") || name.contains("test");
        name.contains(what) && tests == is_test && (tests || name.contains("train")) && name.contains("idx")
    };
    let mut found: Vec<&String> = names.iter().filter(fits).collect();
    let all = found.clone();
    found.retain(|name| name.ends_with(".gz") || !all.iter().any(|other| **other == format!("{name}.gz")));
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(folder.join(one))),
        many => {
            let found = many.iter().map(|name| (*name).clone()).collect();
            let problem = OwnFilesProblem::Ambiguous { purpose, found };
            Err(Error::OwnFiles { path: folder.to_path_buf(), problem })
        }
    }
}

fn read(pair: &Pair) -> Result<RawPart> {
    let (images, labels) = rayon::join(|| idx::open(&pair.images), || idx::open(&pair.labels));
    let (images, labels) = (images?, labels?);
    let wrong = |path: &Path, problem| Error::OwnFiles { path: path.to_path_buf(), problem };
    let dims = images.dims().to_vec();
    let Some((shape, is_last)) = image_shape(&dims) else {
        let expected = "images, the shape [count, height, width] or one with 1 or 3 channels";
        return Err(wrong(&pair.images, OwnFilesProblem::Shape { expected, found: dims }));
    };
    if images.header().element_type() != ElementType::U8 {
        let found = images.header().element_type().to_string();
        return Err(wrong(&pair.images, OwnFilesProblem::Pixels { found }));
    }
    let numbers = label_numbers(&pair.labels, &labels)?;
    if numbers.len() != dims[0] {
        return Err(Error::CountMismatch {
            images_path: pair.images.clone(),
            images: dims[0],
            labels_path: pair.labels.clone(),
            labels: numbers.len(),
        });
    }
    let pixels = images.into_u8().map_err(|error| error.in_file(&pair.images))?;
    let pixels = match is_last && shape[0] > 1 {
        true => channels_first(pixels, shape[1] * shape[2], shape[0]),
        false => pixels,
    };
    Ok(RawPart { shape, pixels, labels: numbers })
}

/// One number for each sample; the first column of QMNIST's eight.
fn label_numbers(path: &Path, labels: &IdxBuf) -> Result<Vec<i64>> {
    let columns = match *labels.dims() {
        [_] => 1,
        [_, columns] if columns > 0 => columns,
        _ => {
            let expected = "one label for each image, the shape [count] or [count, columns]";
            let problem = OwnFilesProblem::Shape { expected, found: labels.dims().to_vec() };
            return Err(Error::OwnFiles { path: path.to_path_buf(), problem });
        }
    };
    let fail = |error: plangrad_formats::Error| error.in_file(path);
    let numbers: Vec<i64> = match labels.header().element_type() {
        ElementType::U8 => labels.as_u8().map_err(fail)?.iter().map(|&label| label.into()).collect(),
        ElementType::I8 => labels.to_vec::<i8>().map_err(fail)?.into_iter().map(Into::into).collect(),
        ElementType::I16 => labels.to_vec::<i16>().map_err(fail)?.into_iter().map(Into::into).collect(),
        _ => labels.to_vec::<i32>().map_err(fail)?.into_iter().map(Into::into).collect(),
    };
    Ok(numbers.into_iter().step_by(columns).collect())
}
