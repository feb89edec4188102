//! Loads a dataset into memory by its name. Both splits are decoded in parallel; images stay `u8`.

use std::path::{Path, PathBuf};

use plangrad_formats::cifar::{self, Records, Variant};
use plangrad_formats::idx;
use rayon::prelude::*;

use crate::error::ExpectedShape;
use crate::images::ImageProgress;
use crate::locate::{CifarFiles, IdxPair, cifar_files, idx_pair};
use crate::memory::limits;
use crate::recognise::check_origin;
use crate::text::grouped;
use crate::{
    Dataset, DatasetName, Error, LoadOptions, Result, Samples, Spec, Split, Subset, Targets, digits, images,
    memory, npz, own_idx, table, validation,
};

/// Loads a dataset.
///
/// # Errors
///
/// [`Error::DatasetNotFound`] with all searched folders; any [`Error`] about a file or table with wrong contents.
pub fn load(name: &DatasetName, options: &LoadOptions) -> Result<Dataset> {
    load_observed(name, options, None, &|_| {})
}

/// Loads one split of a dataset and leaves the other one empty. Files of the other split are neither required nor opened,
/// except if one file holds both (a table, CIFAR's archive), or if the classes are numbered from the labels found.
///
/// # Errors
///
/// Those of [`load`].
pub fn load_split(name: &DatasetName, options: &LoadOptions, split: Split) -> Result<Dataset> {
    load_observed(name, options, Some(split), &|_| {})
}

/// Loads one split, or both, and tells how far it is where that takes long: with a folder of images.
///
/// # Errors
///
/// Those of [`load`].
pub fn load_observed(
    name: &DatasetName,
    options: &LoadOptions,
    only: Option<Split>,
    observe: &(dyn Fn(ImageProgress) + Sync),
) -> Result<Dataset> {
    if !(0.0..1.0).contains(&options.validation_fraction) {
        return Err(Error::ValidationFraction { found: options.validation_fraction });
    }
    let mut whole = match name {
        DatasetName::Csv(path) => table::load(path, options, only)?,
        DatasetName::Npz(path) => npz::load(path, options.memory)?,
        DatasetName::Idx(_) | DatasetName::Qmnist | DatasetName::Emnist(_) => {
            own_idx::load(name, &options.data_dir, options.memory)?
        }
        DatasetName::Folder(path) => images::load(path, options, observe)?,
        named => load_named(named, options, only.map(Split::in_files))?,
    };
    whole.notes.extend(only_class(&whole));
    validation::deal(&mut whole, options)?;
    Ok(match only {
        None => whole,
        Some(split) => validation::only(whole, split),
    })
}

fn load_named(name: &DatasetName, options: &LoadOptions, only: Option<Split>) -> Result<Dataset> {
    let spec = name.spec().expect("every dataset of known files has a spec");
    memory::check(&spec, options, only)?;
    let (train, test) = match cifar_variant(name) {
        Some(variant) => load_cifar(&spec, variant, &options.data_dir, only)?,
        None => each_split(only, |split| load_grey(&spec, &options.data_dir, split))?,
    };
    let subset = |images: Option<Images>| {
        let Images { pixels, labels } = images.unwrap_or_default();
        Subset::new(Samples::U8(pixels), Targets::Classes(labels), spec.sample_len())
    };
    let notes = partial_notes(&spec, train.as_ref(), test.as_ref());
    let (train, test) = (subset(train)?, subset(test)?);
    Ok(Dataset {
        name: name.clone(),
        sample_shape: spec.sample_shape,
        classes: spec.classes,
        validation: train.emptied(),
        train,
        test,
        notes,
        table: None,
        pixels: None,
        table_rows: None,
    })
}

/// A sentence about images of one class. A table says so by itself.
fn only_class(dataset: &Dataset) -> Option<String> {
    let is_one = dataset.table.is_none() && dataset.classes.len() == 1;
    is_one.then(|| {
        format!("every image has the label `{}`: there is nothing to tell apart", dataset.classes[0])
    })
}

/// Pixels and labels of one split.
#[derive(Default)]
struct Images {
    pixels: Vec<u8>,
    labels: Vec<u16>,
}

/// Runs `load` for the requested splits, both in parallel.
fn each_split(
    only: Option<Split>,
    load: impl Fn(Split) -> Result<Images> + Sync,
) -> Result<(Option<Images>, Option<Images>)> {
    Ok(match only {
        None => {
            let (train, test) = rayon::join(|| load(Split::Train), || load(Split::Test));
            (Some(train?), Some(test?))
        }
        Some(Split::Test) => (None, Some(load(Split::Test)?)),
        Some(split) => (Some(load(split)?), None),
    })
}

fn load_grey(spec: &Spec, data_dir: &Path, split: Split) -> Result<Images> {
    if spec.name == DatasetName::Digits {
        let is_test = split == Split::Test;
        let out_of_memory = |_| {
            let samples = if is_test { spec.test_samples } else { spec.train_samples };
            Error::OutOfMemory { dataset: spec.name.to_string(), bytes: (samples * spec.sample_len()) as u64 }
        };
        let series = if is_test { digits::TEST } else { digits::TRAIN };
        let (pixels, labels) = digits::draw(series).map_err(out_of_memory)?;
        return Ok(Images { pixels, labels: widened(&labels) });
    }
    read_idx(spec, &idx_pair(&spec.name, data_dir, split)?)
}

fn read_idx(spec: &Spec, files: &IdxPair) -> Result<Images> {
    let open = |path| idx::open_with(path, &limits(spec));
    let (images, labels) = rayon::join(|| open(&files.images), || open(&files.labels));
    let (images, labels) = (images?, labels?);
    check_origin(&spec.name, &files.labels, &labels)?;
    let (count, size) = (images.dims().first().copied().unwrap_or(0), &spec.sample_shape[1..]);
    if images.dims().get(1..) != Some(size) {
        let expected = ExpectedShape::Images { height: size[0], width: size[1] };
        return Err(Error::WrongShape {
            path: files.images.clone(),
            expected,
            found: images.dims().to_vec(),
        });
    }
    if labels.dims().len() != 1 {
        let expected = ExpectedShape::Labels;
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
    Ok(Images { pixels, labels: widened(&labels) })
}

/// Labels as files have them, in the type of all datasets.
fn widened(labels: &[u8]) -> Vec<u16> {
    labels.iter().copied().map(u16::from).collect()
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
        DatasetName::Cifar100 | DatasetName::Cifar100Coarse => Some(Variant::Cifar100),
        _ => None,
    }
}

fn load_cifar(
    spec: &Spec,
    variant: Variant,
    data_dir: &Path,
    only: Option<Split>,
) -> Result<(Option<Images>, Option<Images>)> {
    let limits = limits(spec);
    let located = |split| cifar_files(&spec.name, variant, data_dir, split);
    let wanted = only.unwrap_or(Split::Train);
    if let CifarFiles::Archive(path) = located(wanted)? {
        let archive = cifar::open_tar_gz_with(&path, variant, &limits)?;
        let train = (only != Some(Split::Test)).then(|| images_of(spec, archive.train, &path)).transpose()?;
        let test = (only != Some(Split::Train)).then(|| images_of(spec, archive.test, &path)).transpose()?;
        return Ok((train, test));
    }
    each_split(only, |split| match located(split)? {
        CifarFiles::Binaries(files) => {
            joined(spec, variant, &files, |file| Ok(cifar::open_with(file, variant, &limits)?))
        }
        CifarFiles::Pickles(files) => {
            joined(spec, variant, &files, |file| Ok(cifar::open_python_with(file, variant, &limits)?))
        }
        CifarFiles::Archive(path) => {
            let archive = cifar::open_tar_gz_with(&path, variant, &limits)?;
            images_of(spec, if split == Split::Test { archive.test } else { archive.train }, &path)
        }
    })
}

/// The records of several files, read in parallel.
fn joined(
    spec: &Spec,
    variant: Variant,
    files: &[PathBuf],
    open: impl Fn(&PathBuf) -> Result<Records> + Sync + Send,
) -> Result<Images> {
    let parts = files.par_iter().map(open).collect::<Result<Vec<_>>>()?;
    images_of(spec, Records::concat(variant, parts)?, files.first().map_or(Path::new(""), PathBuf::as_path))
}

fn images_of(spec: &Spec, records: Records, path: &Path) -> Result<Images> {
    if records.is_empty() {
        return Err(Error::NoSamples { path: path.to_path_buf() });
    }
    let is_coarse = spec.name == DatasetName::Cifar100Coarse;
    let labels = if is_coarse { records.coarse_labels } else { records.labels };
    Ok(Images { pixels: records.images, labels: widened(&labels) })
}

/// A sentence for each incomplete part.
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
