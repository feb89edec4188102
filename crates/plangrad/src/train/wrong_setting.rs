//! What is wrong with the settings of a run.

use plangrad_tensor::Hyperparameter;

/// A setting that no run can have.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WrongSetting {
    /// A count of which there must be one.
    #[error("{name} is 0, expected at least 1")]
    Zero {
        /// Which.
        name: &'static str,
    },
    /// A number outside its range.
    #[error(transparent)]
    Range(#[from] Hyperparameter),
}
