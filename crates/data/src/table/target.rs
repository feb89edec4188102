//! The label column of a regression: what its numbers become for a network, and what a network's answers stand for.
//!
//! A network whose last layer begins near 0 learns targets of mean 0 and deviation 1 at any scale of the file. Losses and
//! answers are brought back, so that people only meet the units of the file.

use serde::{Deserialize, Serialize};

use super::statistics::standardized;

/// Statistics of a regression's label column over the training part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetStatistics {
    /// Mean.
    pub mean: f64,
    /// Standard deviation (divided by `n`, not `n − 1`); 1 if all numbers are equal.
    pub std: f64,
    /// Whether the network learns `(y − mean) / std`, and not `y`.
    pub standardized: bool,
}

impl TargetStatistics {
    /// How labels become the numbers a network learns.
    #[must_use]
    pub fn scale(&self) -> TargetScale {
        match self.standardized {
            true => TargetScale { mean: self.mean, std: self.std },
            false => TargetScale::IDENTITY,
        }
    }
}

/// From the numbers of a file to those a network learns, `(y − mean) / std`, and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TargetScale {
    /// What is subtracted, in units of the file.
    pub mean: f64,
    /// What is divided by, in units of the file.
    pub std: f64,
}

impl TargetScale {
    /// The network learns the numbers of the file.
    pub const IDENTITY: Self = Self { mean: 0.0, std: 1.0 };

    /// What the network learns for `y`, rounded once to 32 bits.
    #[must_use]
    pub fn standardize(&self, y: f64) -> f32 {
        standardized(y, self.mean, self.std)
    }

    /// What an answer of the network stands for, in units of the file.
    #[must_use]
    pub fn restore(&self, answer: f32) -> f64 {
        f64::from(answer) * self.std + self.mean
    }

    /// The squared error of the file, in its squared units, for one of the network.
    #[must_use]
    pub fn restore_squared(&self, squared_error: f64) -> f64 {
        squared_error * self.std * self.std
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_squared_errors_are_those_of_the_file() {
        let statistics = TargetStatistics { mean: 200_000.0, std: 50_000.0, standardized: true };
        let scale = statistics.scale();
        assert_eq!([250_000.0, 200_000.0].map(|y| scale.standardize(y)), [1.0, 0.0]);
        assert_eq!([scale.restore(1.0), scale.restore(-2.0)], [250_000.0, 100_000.0]);
        // An error of half a deviation.
        assert_eq!(scale.restore_squared(0.25), 25_000.0_f64.powi(2));
    }

    #[test]
    fn without_a_scale_every_number_stays_what_it_is() {
        let raw = TargetStatistics { mean: 3.0, std: 2.0, standardized: false }.scale();
        for y in [21.06_f32, -0.0, f32::MAX, 1e-40] {
            assert_eq!(raw.standardize(f64::from(y)).to_bits(), y.to_bits());
            assert_eq!(raw.restore(y), f64::from(y));
        }
        assert_eq!(raw.restore_squared(0.1), 0.1);
    }
}
