//! The native part of the Python package `plangrad`: commands, files and models, with arrays of numpy.
//!
//! It is thin on purpose: options become words of the command line and results stay JSON, so that everything has the names that
//! it has there. `python/plangrad/` makes types, docstrings and exceptions of that. The only unsafe code is what PyO3's macros
//! write.

#![deny(unsafe_code)]

mod command;
mod error;
mod files;
mod model;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::command::{call, main, options};
    #[pymodule_export]
    use super::files::{load_dataset, read_cifar, read_cifar_archive, read_idx};
    #[pymodule_export]
    use super::model::Model;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
