//! Learning-rate schedules.

use std::fmt;

use super::Hyperparameter;

/// The learning rate as a function of the step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "name", rename_all = "lowercase", deny_unknown_fields))]
#[non_exhaustive]
pub enum Schedule {
    /// The same at every step.
    Constant {
        /// η
        learning_rate: f64,
    },
    /// Half a cosine from the learning rate down to the minimum over `steps` steps, then constant at the minimum.
    Cosine {
        /// η at the first step.
        learning_rate: f64,
        /// η from step `steps` on.
        minimum: f64,
        /// Steps from one to the other.
        steps: u64,
    },
    /// Multiplied by `factor` every `every` steps.
    Step {
        /// η at the first step.
        learning_rate: f64,
        /// The factor.
        factor: f64,
        /// Steps between two multiplications.
        every: u64,
    },
}

impl Schedule {
    /// Refuses numbers that it cannot work with.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self) -> Result<(), Hyperparameter> {
        self.rates().into_iter().try_for_each(|(name, value)| Hyperparameter::rate(name, value))
    }

    /// Its numbers that must be finite and at least 0, with their names.
    fn rates(&self) -> Vec<(&'static str, f64)> {
        match *self {
            Schedule::Constant { learning_rate } => vec![("learning_rate", learning_rate)],
            Schedule::Cosine { learning_rate, minimum, .. } => {
                vec![("learning_rate", learning_rate), ("minimum", minimum)]
            }
            Schedule::Step { learning_rate, factor, .. } => {
                vec![("learning_rate", learning_rate), ("factor", factor)]
            }
        }
    }

    /// The learning rate of step `t`, counted from 1.
    #[must_use]
    pub fn at(&self, t: u64) -> f64 {
        let done = t.saturating_sub(1);
        match *self {
            Schedule::Constant { learning_rate } => learning_rate,
            Schedule::Cosine { learning_rate, minimum, steps } => {
                let share = done.min(steps) as f64 / steps.max(1) as f64;
                minimum + 0.5 * (learning_rate - minimum) * (1.0 + libm::cos(std::f64::consts::PI * share))
            }
            Schedule::Step { learning_rate, factor, every } => {
                learning_rate * power(factor, done / every.max(1))
            }
        }
    }
}

/// `0.001`, `from 0.001 along a cosine to 0`, `from 0.1, times 0.5 every 100 steps`.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Schedule::Constant { learning_rate } => f.write_str(&shortest(learning_rate)),
            Schedule::Cosine { learning_rate, minimum, .. } => {
                write!(f, "from {} along a cosine to {}", shortest(learning_rate), shortest(minimum))
            }
            Schedule::Step { learning_rate, factor, every } => {
                write!(f, "from {}, times {} every {every} steps", shortest(learning_rate), shortest(factor))
            }
        }
    }
}

/// `0.001`, `2.5e-7`: the shortest text that reads back as the same number.
fn shortest(rate: f64) -> String {
    if rate == 0.0 || (1e-4..1e6).contains(&rate) { rate.to_string() } else { format!("{rate:e}") }
}

/// βᵗ. `powi` would round differently on other platforms; this is exact to a few ulps everywhere.
pub(crate) fn power(base: f64, exponent: u64) -> f64 {
    let (mut result, mut square, mut rest) = (1.0, base, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            result *= square;
        }
        square *= square;
        rest >>= 1;
    }
    result
}
