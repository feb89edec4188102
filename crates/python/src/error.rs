//! Errors of the library as exceptions: a class of `plangrad/_errors.py` for each kind, with the library's sentence.

use std::io;

use plangrad::{Error, ErrorKind};
use plangrad_formats::Error as FormatError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The exception for an error.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    make(py, error).unwrap_or_else(|failed| failed)
}

/// The exception for what is wrong with a file.
pub(crate) fn of_file(py: Python<'_>, error: &FormatError) -> PyErr {
    let name = match error.root() {
        FormatError::Open { reason } if reason.kind() == io::ErrorKind::NotFound => "NotFoundError",
        FormatError::Open { .. } | FormatError::Io { .. } => "FileError",
        _ => "DataError",
    };
    raise(py, name, &error.to_string()).map_or_else(|failed| failed, PyErr::from_value)
}

fn make(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let figures = PyDict::new(py);
    if let Error::OutOfMemory { device, requested, free, total, .. } = error {
        figures.set_item("device", device.to_string())?;
        figures.set_item("requested_bytes", requested)?;
        figures.set_item("free_bytes", free)?;
        figures.set_item("total_bytes", total)?;
    }
    let exception = raise(py, class(error.kind()), &error.sentence())?;
    exception.getattr("__dict__")?.call_method1("update", (figures,))?;
    Ok(PyErr::from_value(exception))
}

/// An exception of this class with this sentence.
fn raise<'py>(py: Python<'py>, class: &str, sentence: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("plangrad._errors")?.getattr(class)?.call1((sentence,))
}

/// The name of the class.
fn class(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Usage => "UsageError",
        ErrorKind::Data => "DataError",
        ErrorKind::NotFound => "NotFoundError",
        ErrorKind::Download => "DownloadError",
        ErrorKind::Io => "FileError",
        ErrorKind::Image => "ImageError",
        ErrorKind::Model => "ModelError",
        ErrorKind::Run => "RunError",
        ErrorKind::Device => "DeviceError",
        ErrorKind::OutOfMemory => "OutOfMemoryError",
        ErrorKind::TooLarge => "TooLargeError",
        ErrorKind::Diverged => "DivergedError",
        ErrorKind::Interrupted => "StoppedError",
        _ => "InternalError",
    }
}
