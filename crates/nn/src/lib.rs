//! Networks over [`plangrad_tensor`]: layers that record, an MLP, losses, training and evaluation plans, summaries, and
//! files that PyTorch opens.
//!
//! ```
//! use plangrad_nn::{Activation, Mlp, MlpConfig};
//!
//! let model = Mlp::new(&MlpConfig {
//!     sample_shape: vec![1, 28, 28],
//!     hidden: vec![128],
//!     outputs: 10,
//!     activation: Activation::Relu,
//!     dropout: 0.0,
//! })?;
//! assert_eq!(model.parameter_count(), 101_770);
//! assert_eq!(model.parameters()[0].name, "layer1.weight");
//! # Ok::<(), plangrad_nn::Error>(())
//! ```
//!
//! A module holds [`plangrad_tensor::Parameter`]s, which are names and shapes; the numbers live in a session. So a
//! model can be described, counted and planned before a byte of it exists.

#![forbid(unsafe_code)]

mod activation;
pub mod checkpoint;
mod error;
mod linear;
mod mlp;
mod split;
mod staged;
pub mod summary;
mod task;

pub use activation::Activation;
pub use error::Error;
pub use linear::Linear;
pub use mlp::{Mlp, MlpConfig, Mode};
pub use split::{Parts, SplitStep};
pub use task::{Loss, PredictionPlan, Task};

/// The examples of the crate's page, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
