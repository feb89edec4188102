//! The binary and the Python versions of CIFAR-10 and CIFAR-100: records, archives, class names.
//!
//! ```text
//! CIFAR-10    3,073 bytes a record:  label (0..10), image
//! CIFAR-100   3,074 bytes a record:  coarse label (0..20), fine label (0..100), image
//! image       3,072 bytes: 1,024 red, 1,024 green, 1,024 blue, each 32 rows of 32 pixels (channel, row, column)
//! ```
//!
//! Source: "The CIFAR-10 dataset", A. Krizhevsky. Files have no header, so any whole number of records is a valid file,
//! files may be concatenated, and the range of the labels is all that can be checked. The Python versions are pickles, which
//! are read as data: nothing of them is run.

#[cfg(feature = "tar")]
mod archive;
mod class_names;
mod names;
mod python;
mod read;
mod records;
mod variant;
mod write;

#[cfg(feature = "tar")]
pub use archive::{Archive, open_tar_gz, open_tar_gz_with, read_tar_gz};
pub use class_names::{open_class_names, parse_class_names};
pub use python::open_python_with;
pub use read::{open, open_with, read};
pub use records::Records;
pub use variant::{CHANNELS, IMAGE_BYTES, IMAGE_SIDE, Variant};
pub use write::{write, write_gz};
