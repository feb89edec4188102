//! What counts steps. Each clock has a step block: the number of the step, and the learning rate that follows from it.

use std::fmt;

use super::{LearningRate, Schedule};

/// One of the step blocks of a session.
///
/// ```
/// use plangrad_tensor::{Clock, Slot};
///
/// assert_eq!(Slot::StepBlock(Clock::Group(1)).to_string(), "the step block of group 1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Clock {
    /// That of a group of parameters. The first group's is that of the step itself, by which dropout draws its masks.
    Group(usize),
    /// That of the running average of the parameters.
    Average,
    /// The number of the step as a number that formulas can read.
    Number,
}

impl Clock {
    /// That of the step itself.
    pub(crate) const STEP: Clock = Clock::Group(0);

    /// The learning rate that is the number of the step: a warm-up to the last number up to which f32 can count.
    pub(crate) fn number() -> LearningRate {
        const LAST: u64 = 1 << f32::MANTISSA_DIGITS;
        Schedule::Constant { learning_rate: LAST as f64 }.after_warmup(LAST)
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Clock::Group(0) => f.write_str("the step"),
            Clock::Group(group) => write!(f, "group {group}"),
            Clock::Average => f.write_str("the average"),
            Clock::Number => f.write_str("the number of the step"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_step_is_exact_as_far_as_f32_can_count() {
        let last = 1 << 24;
        for step in [1, 2, 3, 1000, 12_345_677, last - 1, last] {
            assert_eq!(Clock::number().at(step) as f32, step as f32);
        }
        assert_eq!(Clock::number().at(last + 1), last as f64);
    }
}
