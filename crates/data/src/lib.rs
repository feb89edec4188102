//! Datasets for plangrad, as plain `u8` and `f32` arrays: known ones by name, CSV tables, and generated digits.
//!
//! ```
//! use plangrad_data::{DatasetName, LoadOptions, Normalize, load};
//!
//! let digits = load(&DatasetName::Digits, &LoadOptions::default())?; // needs no files
//! assert_eq!(digits.sample_shape, [1, 28, 28]);
//! assert_eq!((digits.train.len(), digits.test.len()), (20_000, 4_000));
//!
//! let affine = digits.affine(Normalize::Half); // x = pixel * scale + shift
//! assert_eq!(affine.shift, [-1.0]);
//! # Ok::<(), plangrad_data::Error>(())
//! ```
//!
//! * [`DatasetName`] and [`Spec`]: the facts that need no file, enough to plan a run.
//! * [`load`] and [`load_split`]: files in official or torchvision layout, CSV tables, and the built-in `digits`.
//! * [`Normalize`] and [`Affine`]: images stay `u8`, and the first kernel of a step normalises them.
//! * [`Permutation`]: the order of an epoch, a function of seed and epoch alone.
//! * `download`, with the feature of this name: files fetched from mirrors, resumed, verified.
//!
//! Tensors are out of scope, and batches are not copied together: training reads samples in place.

#![forbid(unsafe_code)]

mod assemble;
mod available;
mod batching;
mod classes;
mod dataset;
mod digits;
mod download;
mod error;
mod hash_split;
mod images;
mod label;
mod load;
mod locate;
mod memory;
mod name;
mod normalize;
mod npz;
mod options;
mod own_idx;
mod recognise;
mod sampling;
mod spec;
mod split;
mod suggest;
mod table;
mod text;
mod validation;

pub use available::available;
pub use batching::Batching;
pub use classes::class_alias;
pub use dataset::{Dataset, PixelStatistics, Sample, Samples, Subset, Target, Targets};
#[cfg(feature = "download")]
pub use download::{DownloadEvent, DownloadOptions, DownloadOutcome, Downloaded, download};
pub use error::{
    Error, ExpectedCell, ExpectedShape, FailedMirror, HeaderProblem, OwnFilesProblem, QuoteProblem, Result,
    RowProblem,
};
#[cfg(feature = "images")]
pub use images::{DecodedImage, brightness, decode_image, has_image_name};
pub use images::{Fit, ImageOptions, ImageProgress, Resizer};
pub use label::MOST_CLASSES;
pub use load::{load, load_observed, load_split};
pub use name::{DatasetName, Emnist};
pub use normalize::{Affine, Normalize};
pub use options::{LabelUse, LoadOptions, TargetKind};
pub use plangrad_formats::open_regular_file;
pub use sampling::Permutation;
pub use spec::Spec;
pub use split::Split;
pub use suggest::nearest;
pub use table::{
    Decimal, FeatureKind, Missing, OneHot, RowFacts, Separator, SplitRule, TableOptions, TableRows,
    TableSchema, TargetScale, TargetScaling, TargetStatistics, UnknownWord, compensated_sum, read_table,
};
pub use text::{grouped, hexadecimal};

/// Compiles and runs the examples of the crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
