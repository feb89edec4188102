#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod archive;
mod error;
mod file;
mod floats;
mod gzip;
mod limits;
mod source;

pub mod cifar;
pub mod idx;
pub mod numpy;
pub mod pickle;
pub mod torch;

pub use error::{Error, Result};
pub use file::open_regular_file;
pub use limits::Limits;

/// The version whose arrays appear in this crate's signatures.
#[cfg(feature = "ndarray")]
pub use ndarray;
