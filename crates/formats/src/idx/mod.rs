//! IDX: the format of the MNIST files, from bytes to arrays and back.
//!
//! ```text
//! offset  bytes  content
//! 0       2      00 00
//! 2       1      element type: 08 u8, 09 i8, 0b i16, 0c i32, 0d f32, 0e f64
//! 3       1      rank r, the number of dimensions
//! 4       4 r    the size of each dimension, big-endian
//! 4 + 4r  …      the elements, big-endian, the last dimension fastest
//! ```
//!
//! Source: "The IDX file format", Y. LeCun, C. Cortes, C. Burges, the MNIST database. Rank 0, which that page does not
//! mention, is one element. There are three ways to read: [`Idx::from_bytes`] borrows a slice, [`read`] and [`open`]
//! return owned elements, and [`Items`] holds one item at a time. Scaling and shuffling are absent on purpose: they
//! belong to training.

mod buffer;
mod element;
mod header;
mod items;
#[cfg(feature = "ndarray")]
mod ndarray;
mod view;
mod write;

pub use buffer::{IdxBuf, open, open_header, open_with, read};
pub use element::{Element, ElementType};
pub use header::Header;
pub use items::Items;
pub use view::Idx;
pub use write::{write, write_gz};
