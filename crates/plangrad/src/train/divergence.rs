//! What helps a training that has diverged.

use std::fmt;

use crate::numbers::short;

/// What would have kept the loss finite, by what the run did not do. Prints as a clause.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum DivergenceRemedy {
    /// Smaller steps.
    SmallerSteps {
        /// Whether gradients were clipped.
        is_clipped: bool,
    },
    /// Inputs that are normalised.
    Normalize,
    /// Numbers to predict that are standardised. As they are, they have this mean and standard deviation.
    ScaleTarget {
        /// Mean, in units of the file.
        mean: f64,
        /// Standard deviation, in units of the file.
        std: f64,
    },
}

impl fmt::Display for DivergenceRemedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SmallerSteps { is_clipped: true } => f.write_str("try a smaller --lr"),
            Self::SmallerSteps { is_clipped: false } => f.write_str("try a smaller --lr, or --clip-norm 1"),
            Self::Normalize => f.write_str("try a smaller --lr, or --normalize dataset"),
            Self::ScaleTarget { mean, std } => write!(
                f,
                "the numbers to predict, of mean {} and standard deviation {}, were learnt as they are: try --target-scale auto, or a \
                 smaller --lr",
                short(*mean),
                short(*std)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_was_not_scaled_is_named_with_its_size() {
        let remedy = DivergenceRemedy::ScaleTarget { mean: 200_000.0, std: 59_160.8 };
        let sentence = remedy.to_string();
        assert!(sentence.contains("mean 200000 and standard deviation 59160.8"), "{sentence}");
        assert!(sentence.contains("--target-scale auto"), "{sentence}");
    }
}
