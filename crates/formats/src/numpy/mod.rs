//! numpy's files: `.npy`, one array, and `.npz`, a zip archive of several.
//!
//! ```text
//! 93 'NUMPY'   magic
//! 2 bytes      version: 1.0, 2.0 or 3.0
//! 2 or 4 bytes length of the header, little-endian
//! header       a dict of Python as text: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
//! …            the numbers
//! ```
//!
//! Source: `numpy.lib.format`. Read are bool, signed and unsigned integers of 1, 2, 4 and 8 bytes, and f4 and f8, in both
//! byte orders and both orders of the dimensions; text, dates and records are refused by name. Arrays of Python objects are
//! absent on purpose: reading them would run code.

mod array;
mod header;
mod npy;
mod npz;
mod number_type;
mod problem;
mod write;

pub use array::NumpyArray;
pub use npy::{open_npy_with, read_npy};
pub use npz::{ArrayFacts, Npz};
pub use number_type::NumberType;
pub use problem::NumpyProblem;
pub use write::npz_bytes;
