#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod limits;
mod source;

pub mod cifar;
pub mod idx;

pub use error::{Error, Result};
pub use limits::Limits;
