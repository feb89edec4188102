//! A trained model that predicts what is in arrays.

use std::path::PathBuf;

use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use plangrad::device::{self, DeviceChoice, DeviceOptions};
use plangrad::train::Stop;
use plangrad::{Model as Trained, Prediction, Result};
use plangrad_tensor::{Backend, Samples};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::error::exception;

/// A trained model on a device.
#[pyclass(frozen, module = "plangrad._native")]
pub(crate) struct Model {
    trained: Trained,
    backend: Backend,
}

#[pymethods]
impl Model {
    #[new]
    #[pyo3(signature = (path, device=None, threads=None))]
    fn load(py: Python<'_>, path: PathBuf, device: Option<&str>, threads: Option<usize>) -> PyResult<Self> {
        let choice = device.map(str::parse::<DeviceChoice>).transpose();
        let choice = choice.map_err(|problem| PyValueError::new_err(format!("device: {problem}")))?;
        if threads == Some(0) {
            return Err(PyValueError::new_err("threads: expected at least 1, found 0"));
        }
        let open = || -> Result<(Trained, Backend)> {
            let mut options = DeviceOptions::default();
            options.threads = threads;
            Ok((Trained::open(&path)?, device::open(DeviceChoice::resolve(choice)?, options)?))
        };
        let (trained, backend) = py.detach(open).map_err(|error| exception(py, &error))?;
        Ok(Self { trained, backend })
    }

    /// Its file.
    #[getter]
    fn path(&self) -> PathBuf {
        self.trained.file().to_path_buf()
    }

    /// The dataset that it learnt from.
    #[getter]
    fn dataset(&self) -> &str {
        &self.trained.description().dataset
    }

    /// Names of its classes; empty for a regression.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.trained.description().classes.clone()
    }

    /// For a table, names of the columns that it reads.
    #[getter]
    fn features(&self) -> Option<Vec<String>> {
        self.trained.table().map(|table| table.features.clone())
    }

    /// Shape of a sample.
    #[getter]
    fn sample_shape(&self) -> Vec<usize> {
        self.trained.sample_shape().to_vec()
    }

    /// Units of each layer: `784-128-10`.
    #[getter]
    fn layers(&self) -> String {
        self.trained.layers()
    }

    /// The device that computes.
    #[getter]
    fn device(&self) -> String {
        self.backend.device().to_string()
    }

    /// Predictions for images: bytes in C order, the first axis counts them.
    fn predict_images<'py>(
        &self,
        py: Python<'py>,
        images: PyReadonlyArrayDyn<'py, u8>,
    ) -> PyResult<Predicted<'py>> {
        let count = self.count(images.shape())?;
        let bytes = images.as_slice()?;
        let size = self.trained.sample_shape().iter().product::<usize>();
        let mut interrupted = Ok(());
        let stop = Stop::default();
        let mut samples = |range: std::ops::Range<usize>| {
            interrupted = Python::attach(|py| py.check_signals());
            if interrupted.is_err() {
                stop.ask();
            }
            Samples::U8(bytes[range.start * size..range.end * size].to_vec())
        };
        let found = py.detach(|| self.trained.predict_in_batches(count, &mut samples, &self.backend, &stop));
        interrupted?;
        self.put(py, found.map_err(|error| exception(py, &error))?)
    }

    /// Predictions for the rows of a table: the texts of its columns.
    fn predict_rows<'py>(&self, py: Python<'py>, rows: Vec<Vec<String>>) -> PyResult<Predicted<'py>> {
        let Some(table) = self.trained.table() else {
            return Err(PyTypeError::new_err("this model reads images: expected an array of uint8"));
        };
        let find = || -> Result<Vec<Prediction>> {
            let samples: Vec<f32> = rows
                .iter()
                .map(|row| table.sample(row))
                .collect::<std::result::Result<Vec<_>, _>>()?
                .concat();
            let size = table.inputs();
            let mut part = |range: std::ops::Range<usize>| {
                Samples::F32(samples[range.start * size..range.end * size].to_vec())
            };
            self.trained.predict_in_batches(rows.len(), &mut part, &self.backend, &Stop::default())
        };
        let found = py.detach(find).map_err(|error| exception(py, &error))?;
        self.put(py, found)
    }
}

/// Classes and probabilities, or numbers.
type Predicted<'py> =
    (Option<Bound<'py, PyArray1<i64>>>, Option<Bound<'py, PyArray2<f32>>>, Option<Bound<'py, PyArray1<f64>>>);

impl Model {
    /// How many images there are in an array of this shape.
    fn count(&self, shape: &[usize]) -> PyResult<usize> {
        let wanted = self.trained.sample_shape();
        if self.trained.table().is_some() {
            return Err(PyTypeError::new_err("this model reads the rows of a table, not images"));
        }
        let flat = [wanted.iter().product()];
        let grey = wanted.strip_prefix(&[1]).unwrap_or(wanted);
        match shape {
            [count, sample @ ..] if [wanted, grey, &flat].contains(&sample) => Ok(*count),
            _ => {
                let expected = wanted.iter().map(|size| format!(", {size}")).collect::<String>();
                Err(PyValueError::new_err(format!("expected images of shape (n{expected}), found {shape:?}")))
            }
        }
    }

    fn put<'py>(&self, py: Python<'py>, found: Vec<Prediction>) -> PyResult<Predicted<'py>> {
        let rows = found.len();
        if self.trained.description().classes.is_empty() {
            let values: Vec<f64> = found
                .into_iter()
                .map(|one| if let Prediction::Value(value) = one { value } else { f64::NAN })
                .collect();
            return Ok((None, None, Some(values.into_pyarray(py))));
        }
        let (mut classes, mut all) =
            (Vec::with_capacity(rows), Vec::with_capacity(rows * self.trained.outputs()));
        for prediction in found {
            if let Prediction::Class { class, probabilities } = prediction {
                classes.push(class as i64);
                all.extend(probabilities);
            }
        }
        let all = Array2::from_shape_vec([rows, self.trained.outputs()], all);
        let all = all.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok((Some(classes.into_pyarray(py)), Some(all.into_pyarray(py)), None))
    }
}
