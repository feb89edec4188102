//! The bodies of the fuzz targets, one module per crate under test.
//!
//! They are ordinary functions that panic when a promise is broken, so that a stable test can replay the committed
//! corpus: each crate includes its module's file in `tests/corpus.rs`.

#![forbid(unsafe_code)]

pub mod formats;
pub mod tables;
