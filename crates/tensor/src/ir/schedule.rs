//! Learning-rate schedules.

/// The learning rate as a function of the step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "name", rename_all = "lowercase", deny_unknown_fields))]
pub enum Schedule {
    /// The same at every step.
    Constant {
        /// η
        learning_rate: f64,
    },
    /// Half a cosine from the learning rate down to the minimum over so many steps, the minimum thereafter.
    Cosine {
        /// η at the first step.
        learning_rate: f64,
        /// η from step `steps` on.
        minimum: f64,
        /// Steps from one to the other.
        steps: u64,
    },
    /// Multiplied by `factor` every so many steps.
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
    /// The learning rate of step `t`, counted from 1.
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
