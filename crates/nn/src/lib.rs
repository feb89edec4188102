//! Networks over [`plangrad_tensor`]: modules that record, an MLP, losses, training and evaluation plans, summaries, and
//! files that PyTorch opens.
//!
//! ```
//! use plangrad_nn::{Mlp, MlpConfig, Module};
//!
//! let model = Mlp::new(&MlpConfig::new(&[1, 28, 28], 10).hidden(&[128]))?;
//! assert_eq!(model.weights().trained_elements(), 101_770);
//! assert_eq!(model.weights().parameters()[0].name(), "layer1.weight");
//! # Ok::<(), plangrad_nn::Error>(())
//! ```
//!
//! A [`Module`] holds [`plangrad_tensor::Parameter`]s, which are names and shapes; the numbers live in a session. So a
//! model can be described, counted and planned before a byte of it exists. [`Mlp`] is a module like one of your own:
//! [`Task`], [`checkpoint`] and [`summary`] know the trait only.
//!
//! Networks are built of [`Block`]s: [`Linear`], [`BatchNorm`], [`LayerNorm`], [`Activation`], [`Dropout`], [`Flatten`], and
//! [`Sequential`], [`Residual`] and [`Parallel`], which compose others. [`Network`] is the module that a list of layers describes.

#![forbid(unsafe_code)]

mod activation;
mod architecture;
mod architectures;
mod block;
pub mod checkpoint;
mod compose;
mod dropout;
mod embedding;
mod error;
mod flatten;
mod folder;
mod layer;
mod layer_config;
mod linear;
mod mlp;
mod module;
mod network;
mod norm;
mod split;
mod staged;
pub mod summary;
mod task;
mod weights;

pub use activation::Activation;
pub use architecture::Architecture;
pub use architectures::Architectures;
pub use block::Block;
pub use compose::{Parallel, Residual, Sequential};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use error::{Error, LayerError};
pub use flatten::Flatten;
pub use layer_config::{GroupConfig, LayerConfig, LinearConfig, TiedConfig, Units};
pub use linear::Linear;
pub use mlp::{Mlp, MlpConfig};
pub use module::{Mode, Module};
pub use network::{Network, NetworkConfig};
pub use norm::{BatchNorm, LayerNorm, NORM_EPSILON};
pub use plangrad_tensor;
pub use serde_json;
pub use split::{Parts, SplitStep};
pub use task::{Decayed, Loss, PredictionPlan, Task};
pub use weights::{Initial, Weights};

/// The examples of the crate's page, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    #[test]
    fn public_types_can_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<crate::Error>();
        shared::<crate::Task>();
        shared::<crate::Architectures>();
        shared::<crate::SplitStep>();
        shared::<crate::PredictionPlan>();
        shared::<crate::checkpoint::Loaded>();
        shared::<crate::checkpoint::Staged>();
        shared::<std::sync::Arc<dyn crate::Module>>();
    }
}
