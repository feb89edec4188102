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
    /// Epochs that are to be compared, without samples to compare them by.
    #[error(
        "there is neither a validation part nor a test part to compare epochs by; set validation_fraction"
    )]
    NothingToCompareBy,
    /// Epochs of a regression that are to be compared by their accuracy.
    #[error("best_by is accuracy, which a regression does not have; expected loss")]
    AccuracyOfRegression,
    /// A number outside its range.
    #[error(transparent)]
    Range(#[from] Hyperparameter),
}
