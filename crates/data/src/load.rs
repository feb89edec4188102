//! From a name to a dataset in memory. The two parts are decoded at the same time; images stay `u8`.

use std::path::{Path, PathBuf};

use plangrad_formats::cifar::{self, Records, Variant};
use plangrad_formats::idx;
use rayon::prelude::*;

use crate::locate::{CifarFiles, IdxPair, cifar_files, idx_pair};
use crate::{
    Dataset, DatasetName, Error, Normalize, Result, Samples, Spec, Split, TableSchema, Targets, digits, table,
};

/// What to load a dataset with. [`Options::default`] is what the command line does without options.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Folder with the datasets; default `data`. Tables are named by their own path.
    pub data_dir: PathBuf,
    /// Normalisation; on loading it matters to tables only, see [`Dataset::affine`] for images.
    pub normalize: Normalize,
    /// Tables: name of the label column; default the last column.
    pub label: Option<String>,
    /// Tables: whether labels are classes or numbers.
    pub task: Task,
    /// Tables: share of the rows that become the test part, at least 0 and below 1; default 0.2. Any share above 0 gives at
    /// least one row to each part if there are two.
    pub test_fraction: f64,
    /// Tables: seed that decides which rows become the test part; default 42.
    pub seed: u64,
    /// Tables: the columns, classes and statistics of the model the table is for, instead of the table's own.
    pub schema: Option<TableSchema>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            normalize: Normalize::Dataset,
            label: None,
            task: Task::Classification,
            test_fraction: 0.2,
            seed: 42,
            schema: None,
        }
    }
}

/// What is to be learned from a table. Images are always classified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Task {
    /// The label column names classes.
    #[default]
    Classification,
    /// The label column holds numbers.
    Regression,
}

/// Which parts of a dataset to load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Part {
    /// The training part and the test part.
    #[default]
    Both,
    /// The training part; the other one stays empty.
    Train,
    /// The test part; the other one stays empty.
    Test,
}

/// Loads a dataset.
///
/// # Errors
///
/// [`Error::DatasetNotFound`] with all places looked at; any [`Error`] about a file that is not what it should be.
pub fn load(name: &DatasetName, options: &Options) -> Result<Dataset> {
    load_part(name, options, Part::Both)
}

/// Loads one part of a dataset and leaves the other one empty. Files of the other part are neither needed nor
/// opened, except where both parts are in one file: tables, and CIFAR's archives.
///
/// # Errors
///
/// Those of [`load`].
pub fn load_part(name: &DatasetName, options: &Options, part: Part) -> Result<Dataset> {
    if let DatasetName::Csv(path) = name {
        return load_table(path, options, part);
    }
    let spec = name.spec().expect("every dataset but a table has fixed facts");
    let (train, test) = match cifar_variant(name) {
        Some(variant) => load_cifar(name, variant, &options.data_dir, part)?,
        None => each_part(part, |part| load_grey(&spec, &options.data_dir, part))?,
    };
    let split = |images: Option<Images>| {
        let Images { pixels, labels } = images.unwrap_or_default();
        Split::new(Samples::U8(pixels), Targets::Classes(labels), spec.sample_len())
    };
    let notes = partial_notes(&spec, train.as_ref(), test.as_ref());
    let (train, test) = (split(train)?, split(test)?);
    Ok(Dataset {
        name: name.clone(),
        sample_shape: spec.sample_shape,
        classes: spec.classes,
        train,
        test,
        notes,
        table: None,
    })
}

/// Pixels and labels of one part.
#[derive(Default)]
struct Images {
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

/// Runs `load` for the parts wanted, both at the same time.
fn each_part(
    part: Part,
    load: impl Fn(Part) -> Result<Images> + Sync,
) -> Result<(Option<Images>, Option<Images>)> {
    Ok(match part {
        Part::Both => {
            let (train, test) = rayon::join(|| load(Part::Train), || load(Part::Test));
            (Some(train?), Some(test?))
        }
        Part::Train => (Some(load(Part::Train)?), None),
        Part::Test => (None, Some(load(Part::Test)?)),
    })
}

fn load_table(path: &Path, options: &Options, part: Part) -> Result<Dataset> {
    let mut dataset = table::load(path, options)?;
    match part {
        Part::Both => {}
        Part::Train => dataset.test = dataset.test.emptied(),
        Part::Test => dataset.train = dataset.train.emptied(),
    }
    Ok(dataset)
}

fn load_grey(spec: &Spec, data_dir: &Path, part: Part) -> Result<Images> {
    if spec.name == DatasetName::Digits {
        let (pixels, labels) = digits::draw(if part == Part::Test { digits::TEST } else { digits::TRAIN });
        return Ok(Images { pixels, labels });
    }
    read_idx(spec, &idx_pair(&spec.name, data_dir, part)?)
}

fn read_idx(spec: &Spec, files: &IdxPair) -> Result<Images> {
    let (images, labels) = rayon::join(|| idx::open(&files.images), || idx::open(&files.labels));
    let (images, labels) = (images?, labels?);
    let (count, size) = (images.dims().first().copied().unwrap_or(0), &spec.sample_shape[1..]);
    if images.dims().get(1..) != Some(size) {
        let expected = format!("images of {} × {} pixels, the shape [count, {0}, {1}]", size[0], size[1]);
        return Err(Error::WrongShape {
            path: files.images.clone(),
            expected,
            found: images.dims().to_vec(),
        });
    }
    if labels.dims().len() != 1 {
        let expected = "one label for each image, the shape [count]".to_owned();
        return Err(Error::WrongShape {
            path: files.labels.clone(),
            expected,
            found: labels.dims().to_vec(),
        });
    }
    if labels.dims() != [count] {
        return Err(Error::CountMismatch {
            images_path: files.images.clone(),
            images: count,
            labels_path: files.labels.clone(),
            labels: labels.dims()[0],
        });
    }
    if count == 0 {
        return Err(Error::NoSamples { path: files.images.clone() });
    }
    let in_file = |path: &PathBuf| {
        let path = path.clone();
        move |error: plangrad_formats::Error| error.in_file(path)
    };
    let pixels = images.into_u8().map_err(in_file(&files.images))?;
    let labels = labels.into_u8().map_err(in_file(&files.labels))?;
    check_labels(&files.labels, &labels, spec.classes.len())?;
    Ok(Images { pixels, labels })
}

fn check_labels(path: &Path, labels: &[u8], classes: usize) -> Result<()> {
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        None => Ok(()),
        Some(index) => {
            Err(Error::LabelOutOfRange { path: path.to_path_buf(), index, label: labels[index], classes })
        }
    }
}

fn cifar_variant(name: &DatasetName) -> Option<Variant> {
    match name {
        DatasetName::Cifar10 => Some(Variant::Cifar10),
        DatasetName::Cifar100 => Some(Variant::Cifar100),
        _ => None,
    }
}

fn load_cifar(
    name: &DatasetName,
    variant: Variant,
    data_dir: &Path,
    part: Part,
) -> Result<(Option<Images>, Option<Images>)> {
    let located = |part| cifar_files(name, variant, data_dir, part);
    let wanted = if part == Part::Both { Part::Train } else { part };
    if let CifarFiles::Archive(path) = located(wanted)? {
        let archive = cifar::open_tar_gz(&path, variant)?;
        let train = (part != Part::Test).then(|| images(archive.train, &path)).transpose()?;
        let test = (part != Part::Train).then(|| images(archive.test, &path)).transpose()?;
        return Ok((train, test));
    }
    each_part(part, |part| match located(part)? {
        CifarFiles::Binaries(files) => read_binaries(variant, &files),
        CifarFiles::Archive(path) => {
            let archive = cifar::open_tar_gz(&path, variant)?;
            images(if part == Part::Test { archive.test } else { archive.train }, &path)
        }
    })
}

fn read_binaries(variant: Variant, files: &[PathBuf]) -> Result<Images> {
    let parts = files.par_iter().map(|file| Ok(cifar::open(file, variant)?)).collect::<Result<Vec<_>>>()?;
    images(Records::concat(variant, parts)?, files.first().map_or(Path::new(""), PathBuf::as_path))
}

fn images(records: Records, path: &Path) -> Result<Images> {
    if records.is_empty() {
        return Err(Error::NoSamples { path: path.to_path_buf() });
    }
    Ok(Images { pixels: records.images, labels: records.labels })
}

/// A sentence for each part that is not the complete one.
fn partial_notes(spec: &Spec, train: Option<&Images>, test: Option<&Images>) -> Vec<String> {
    let parts = [(train, spec.train_samples, "training"), (test, spec.test_samples, "test")];
    let incomplete = parts.into_iter().filter_map(|(images, expected, which)| {
        let found = images?.labels.len();
        (found != expected).then(|| {
            format!("{} is partial: {} of {} {which} images", spec.name, grouped(found), grouped(expected))
        })
    });
    incomplete.collect()
}

/// A number with its thousands apart: `50,000`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            [0, 999, 5_084, 50_000, 1_234_567].map(grouped),
            ["0", "999", "5,084", "50,000", "1,234,567"]
        );
    }
}
