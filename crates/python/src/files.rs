//! Datasets and their files as arrays. An array takes over the memory that its file was read into.

use std::path::PathBuf;

use numpy::ndarray::{ArrayD, IxDyn};
use numpy::{Element as NumpyElement, IntoPyArray, PyArrayDyn};
use plangrad::device::default_budget;
use plangrad_data::{Dataset, LoadOptions, Samples, Split, Targets, load_split};
use plangrad_formats::Error as FormatError;
use plangrad_formats::cifar::{self, CHANNELS, IMAGE_SIDE, Records, Variant};
use plangrad_formats::idx::{self, Element, ElementType, IdxBuf};
use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;

use crate::error::{exception, of_file};

/// An array of any number of dimensions.
type Array<'py, T> = Bound<'py, PyArrayDyn<T>>;

/// The array in an IDX file, gzipped or not, in its own element type.
#[pyfunction]
pub(crate) fn read_idx(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyAny>> {
    let file = py.detach(|| idx::open(path)).map_err(|error| raised(py, error))?;
    match file.header().element_type() {
        ElementType::U8 => {
            let dims = file.dims().to_vec();
            let elements = file.into_u8().map_err(|error| raised(py, error))?;
            Ok(array(py, &dims, elements)?.into_any())
        }
        ElementType::I8 => converted::<i8>(py, &file),
        ElementType::I16 => converted::<i16>(py, &file),
        ElementType::I32 => converted::<i32>(py, &file),
        ElementType::F32 => converted::<f32>(py, &file),
        ElementType::F64 => converted::<f64>(py, &file),
    }
}

/// Images, labels and coarse labels of a binary batch of CIFAR.
#[pyfunction]
pub(crate) fn read_cifar<'py>(py: Python<'py>, path: PathBuf, variant: &str) -> PyResult<Columns<'py>> {
    let variant = named(variant)?;
    let records = py.detach(|| cifar::open(path, variant)).map_err(|error| raised(py, error))?;
    columns(py, records)
}

/// Training and test records of an archive of CIFAR, names of classes and of coarse classes.
#[pyfunction]
pub(crate) fn read_cifar_archive<'py>(
    py: Python<'py>,
    path: PathBuf,
    variant: &str,
) -> PyResult<Archive<'py>> {
    let variant = named(variant)?;
    let archive = py.detach(|| cifar::open_tar_gz(path, variant)).map_err(|error| raised(py, error))?;
    let (train, test) = (columns(py, archive.train)?, columns(py, archive.test)?);
    Ok((train, test, archive.class_names, archive.coarse_class_names))
}

/// Samples, targets and names of classes of a part of a dataset, with the options that the program has by default.
#[pyfunction]
pub(crate) fn load_dataset<'py>(
    py: Python<'py>,
    name: &str,
    split: &str,
    data_dir: PathBuf,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>, Vec<String>)> {
    let named = |part: &Split| part.name() == split;
    let Some(split) = Split::IN_FILES.into_iter().find(named) else {
        return Err(PyValueError::new_err(format!("split: expected 'train' or 'test', found '{split}'")));
    };
    let load = || -> plangrad::Result<Dataset> {
        let memory = default_budget();
        Ok(load_split(&name.parse()?, &LoadOptions { data_dir, memory, ..LoadOptions::default() }, split)?)
    };
    let dataset = py.detach(load).map_err(|error| exception(py, &error))?;
    let subset = match split {
        Split::Test => dataset.test,
        _ => dataset.train,
    };
    let shape = [&[subset.len()], dataset.sample_shape.as_slice()].concat();
    let targets = match subset.targets {
        Targets::Classes(labels) => array(py, &[labels.len()], labels)?.into_any(),
        Targets::Values(values) => array(py, &[values.len()], values)?.into_any(),
    };
    let samples = match subset.samples {
        Samples::U8(bytes) => array(py, &shape, bytes)?.into_any(),
        Samples::F32(values) => array(py, &shape, values)?.into_any(),
    };
    Ok((samples, targets, dataset.classes))
}

/// Images `[n, 3, 32, 32]`, labels, and for CIFAR-100 coarse labels.
type Columns<'py> = (Array<'py, u8>, Array<'py, u8>, Option<Array<'py, u8>>);

type Archive<'py> = (Columns<'py>, Columns<'py>, Vec<String>, Vec<String>);

fn columns(py: Python<'_>, records: Records) -> PyResult<Columns<'_>> {
    let count = records.len();
    let images = array(py, &[count, CHANNELS, IMAGE_SIDE, IMAGE_SIDE], records.images)?;
    let labels = array(py, &[count], records.labels)?;
    let coarse = match records.variant {
        Variant::Cifar100 => Some(array(py, &[count], records.coarse_labels)?),
        _ => None,
    };
    Ok((images, labels, coarse))
}

fn named(variant: &str) -> PyResult<Variant> {
    match variant {
        "cifar10" => Ok(Variant::Cifar10),
        "cifar100" => Ok(Variant::Cifar100),
        other => {
            Err(PyValueError::new_err(format!("variant: expected 'cifar10' or 'cifar100', found '{other}'")))
        }
    }
}

fn converted<'py, T: Element + NumpyElement>(py: Python<'py>, file: &IdxBuf) -> PyResult<Bound<'py, PyAny>> {
    let elements = file.to_vec::<T>().map_err(|error| raised(py, error))?;
    Ok(array(py, file.dims(), elements)?.into_any())
}

/// An array over the memory of `elements`.
fn array<'py, T: NumpyElement>(py: Python<'py>, dims: &[usize], elements: Vec<T>) -> PyResult<Array<'py, T>> {
    let array = ArrayD::from_shape_vec(IxDyn(dims), elements);
    // The header's sizes were compared with the elements that are there.
    let array = array.map_err(|error| PyMemoryError::new_err(error.to_string()))?;
    Ok(array.into_pyarray(py))
}

fn raised(py: Python<'_>, error: FormatError) -> PyErr {
    of_file(py, &error)
}
