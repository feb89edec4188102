//! Numbers that a user chooses for training, and which of them make sense.

use std::fmt;

/// A hyperparameter outside its range.
///
/// ```
/// use plangrad_tensor::Hyperparameter;
///
/// let refused = Hyperparameter::share("momentum", 1.5).unwrap_err();
/// assert_eq!(refused.to_string(), "momentum is 1.5, expected at least 0 and below 1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hyperparameter {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// The range, as a noun phrase.
    pub expected: &'static str,
}

impl Hyperparameter {
    /// Refuses a share outside 0 ≤ x < 1.
    ///
    /// # Errors
    /// The hyperparameter.
    pub fn share(name: &'static str, value: f64) -> Result<(), Hyperparameter> {
        let expected = "at least 0 and below 1";
        if (0.0..1.0).contains(&value) { Ok(()) } else { Err(Hyperparameter { name, value, expected }) }
    }

    /// Refuses a number that is not above 0, or not finite in f32, in which it is used; returns it otherwise.
    ///
    /// # Errors
    /// The hyperparameter.
    pub fn positive(name: &'static str, value: f64) -> Result<f64, Hyperparameter> {
        let expected = "a finite number above 0";
        let fits = value as f32 >= f32::MIN_POSITIVE && (value as f32).is_finite();
        if fits { Ok(value) } else { Err(Hyperparameter { name, value, expected }) }
    }

    /// Refuses a rate that is negative, or not finite in f32, in which it is used.
    ///
    /// # Errors
    /// The hyperparameter.
    pub fn rate(name: &'static str, value: f64) -> Result<(), Hyperparameter> {
        let expected = "a finite number of at least 0";
        let fits = value >= 0.0 && (value as f32).is_finite();
        if fits { Ok(()) } else { Err(Hyperparameter { name, value, expected }) }
    }
}

impl fmt::Display for Hyperparameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hyperparameter { name, value, expected } = self;
        write!(f, "{name} is {}, expected {expected}", *value as f32)
    }
}

impl std::error::Error for Hyperparameter {}
