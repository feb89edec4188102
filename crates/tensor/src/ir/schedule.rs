//! Learning-rate schedules, and the warm-up before them.

use std::fmt;

use super::Hyperparameter;

/// The learning rate as a function of the step.
///
/// ```
/// use plangrad_tensor::Schedule;
///
/// let cosine = Schedule::Cosine { learning_rate: 0.1, minimum: 0.0, steps: 100 };
/// assert_eq!((cosine.at(1), cosine.at(101)), (0.1, 0.0));
/// let warmed_up = cosine.after_warmup(4);
/// assert_eq!((warmed_up.at(2), warmed_up.at(5)), (0.05, 0.1));
/// ```
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
    /// Along half a cosine from `initial` up to the learning rate, then along another one down to `minimum`: PyTorch's
    /// `OneCycleLR` with two phases (Smith & Topin, [arXiv:1708.07120](https://arxiv.org/abs/1708.07120)).
    ///
    /// With s = t − 1 steps done and the peak at p = `rise` · `steps` − 1, the share of the phase that is done is s / p
    /// up to the peak, and (s − p) / (`steps` − 1 − p) behind it; constant at the minimum after `steps` steps.
    #[cfg_attr(feature = "serde", serde(rename = "one-cycle"))]
    OneCycle {
        /// η at the peak.
        learning_rate: f64,
        /// η at the first step.
        initial: f64,
        /// η at the last step, and from there on.
        minimum: f64,
        /// The share of the steps on the way up.
        rise: f64,
        /// Steps of the whole cycle.
        steps: u64,
    },
}

impl Schedule {
    /// One cycle of `steps` steps with PyTorch's defaults: from a 25th of `learning_rate` up to it in the first 30 % of the
    /// steps, and down to a 10,000th of where it began.
    #[must_use]
    pub fn one_cycle(learning_rate: f64, steps: u64) -> Schedule {
        let initial = learning_rate / 25.0;
        Schedule::OneCycle { learning_rate, initial, minimum: initial / 1e4, rise: 0.3, steps }
    }

    /// The same after a linear warm-up of so many steps.
    #[must_use]
    pub fn after_warmup(self, steps: u64) -> LearningRate {
        LearningRate { schedule: self, warmup: steps }
    }

    /// The same with all its rates times `factor`, and so that of each step.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Schedule {
        let mut schedule = self;
        schedule.rates_mut().into_iter().for_each(|rate| *rate *= factor);
        schedule
    }

    /// Its rates.
    fn rates_mut(&mut self) -> Vec<&mut f64> {
        match self {
            Schedule::Constant { learning_rate } | Schedule::Step { learning_rate, .. } => {
                vec![learning_rate]
            }
            Schedule::Cosine { learning_rate, minimum, .. } => vec![learning_rate, minimum],
            Schedule::OneCycle { learning_rate, initial, minimum, .. } => {
                vec![learning_rate, initial, minimum]
            }
        }
    }

    /// Refuses numbers that it cannot work with.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self) -> Result<(), Hyperparameter> {
        if let Schedule::OneCycle { rise, .. } = *self {
            Hyperparameter::share("rise", rise)?;
        }
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
            Schedule::OneCycle { learning_rate, initial, minimum, .. } => {
                vec![("learning_rate", learning_rate), ("initial", initial), ("minimum", minimum)]
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
                half_cosine(learning_rate, minimum, done.min(steps) as f64 / steps.max(1) as f64)
            }
            Schedule::Step { learning_rate, factor, every } => {
                learning_rate * power(factor, done / every.max(1))
            }
            Schedule::OneCycle { learning_rate, initial, minimum, rise, steps } => {
                let (done, end) = (done as f64, steps as f64 - 1.0);
                let peak = rise * steps as f64 - 1.0;
                if done < peak {
                    half_cosine(initial, learning_rate, done / peak)
                } else {
                    half_cosine(learning_rate, minimum, ((done - peak) / (end - peak)).min(1.0))
                }
            }
        }
    }
}

/// From one rate to another along half a cosine, of which this share is done.
fn half_cosine(from: f64, to: f64, share: f64) -> f64 {
    to + 0.5 * (from - to) * (1.0 + libm::cos(std::f64::consts::PI * share))
}

/// The learning rate of a run: a schedule, and the steps over which it is warmed up.
///
/// Step t of N warm-up steps has t/N of the schedule's first learning rate; the schedule begins at step N + 1.
/// PyTorch: `SequentialLR` of `LinearLR(start_factor=1/N, total_iters=N-1)` and the schedule, with milestone N.
///
/// Example: [`Schedule`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningRate {
    /// What follows the warm-up.
    pub schedule: Schedule,
    /// Steps of the warm-up; 0 for none.
    pub warmup: u64,
}

impl LearningRate {
    /// The same with the rate of each step times `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> LearningRate {
        LearningRate { schedule: self.schedule.scaled(factor), ..self }
    }

    /// The learning rate of step `t`, counted from 1.
    #[must_use]
    pub fn at(&self, t: u64) -> f64 {
        let LearningRate { schedule, warmup } = *self;
        match t.checked_sub(warmup) {
            Some(after) if warmup == 0 || after > 0 => schedule.at(after),
            _ => schedule.at(1) * (t as f64 / warmup as f64),
        }
    }
}

impl From<Schedule> for LearningRate {
    fn from(schedule: Schedule) -> LearningRate {
        schedule.after_warmup(0)
    }
}

/// The schedule, and `after 100 steps of warm-up` if there is one.
impl fmt::Display for LearningRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.schedule.fmt(f)?;
        match self.warmup {
            0 => Ok(()),
            1 => f.write_str(" after 1 step of warm-up"),
            steps => write!(f, " after {steps} steps of warm-up"),
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
            Schedule::OneCycle { learning_rate, initial, minimum, .. } => {
                let [peak, initial, minimum] = [learning_rate, initial, minimum].map(shortest);
                write!(f, "in one cycle from {initial} to {peak} to {minimum}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_exact_to_rounding() {
        assert_eq!(power(0.5, 10), 0.000_976_562_5);
        assert_eq!(power(0.9, 0), 1.0);
        assert!((power(0.999, 1000) / 0.999_f64.powf(1000.0) - 1.0).abs() < 1e-13);
    }

    #[test]
    fn schedules_by_hand() {
        let cosine = Schedule::Cosine { learning_rate: 1.0, minimum: 0.0, steps: 100 };
        assert_eq!((cosine.at(1), cosine.at(101), cosine.at(500)), (1.0, 0.0, 0.0));
        assert!((cosine.at(51) - 0.5).abs() < 1e-15);
        let step = Schedule::Step { learning_rate: 0.1, factor: 0.5, every: 10 };
        assert_eq!((step.at(1), step.at(10), step.at(11), step.at(21)), (0.1, 0.1, 0.05, 0.025));
    }

    #[test]
    fn a_scaled_schedule_has_scaled_rates_in_every_step() {
        let schedules = [
            Schedule::Constant { learning_rate: 0.5 },
            Schedule::Cosine { learning_rate: 0.5, minimum: 0.1, steps: 7 },
            Schedule::Step { learning_rate: 0.5, factor: 0.5, every: 3 },
            Schedule::one_cycle(0.5, 10),
        ];
        for rate in schedules.map(|schedule| schedule.after_warmup(3)) {
            assert!((1..20).all(|t| (rate.scaled(0.25).at(t) - 0.25 * rate.at(t)).abs() < 1e-15), "{rate}");
        }
    }

    #[test]
    fn one_cycle_rises_to_its_peak_and_falls_to_its_minimum() {
        let cycle = Schedule::one_cycle(1.0, 10);
        for (step, rate) in [(1, 0.04), (2, 0.52), (3, 1.0), (10, 4e-6), (99, 4e-6)] {
            assert!((cycle.at(step) - rate).abs() < 1e-15, "step {step}");
        }
        let one_step = Schedule::one_cycle(1.0, 1);
        assert_eq!((one_step.at(1), one_step.at(2)), (4e-6, 4e-6));
        assert!(Schedule::one_cycle(1.0, 0).at(1).is_finite());
    }

    #[test]
    fn a_schedule_begins_behind_its_warm_up() {
        let cosine = Schedule::Cosine { learning_rate: 0.8, minimum: 0.0, steps: 10 };
        let rate = cosine.after_warmup(4);
        assert_eq!([1, 2, 3, 4].map(|t| rate.at(t)), [0.2, 0.4, 0.6000000000000001, 0.8]);
        assert!(
            (1..20).all(|t| rate.at(t + 4) == cosine.at(t) && cosine.after_warmup(0).at(t) == cosine.at(t))
        );
        assert_eq!(rate.to_string(), "from 0.8 along a cosine to 0 after 4 steps of warm-up");
    }
}
