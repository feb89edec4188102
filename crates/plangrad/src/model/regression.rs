//! How good answers are that are numbers: errors in units of the file, and the share of the variance that they explain.
//!
//! Everything is computed in 64 bits from the numbers of the file, with sums whose rounding errors are added up beside them.
//! Definitions are those of scikit-learn's `mean_absolute_error`, `root_mean_squared_error` and `r2_score`.

use plangrad_data::compensated_sum;

/// How good answers are that are numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Regression {
    /// Root of the mean squared error, in units of the file.
    pub rmse: f64,
    /// Mean of the absolute errors, in units of the file.
    pub mae: f64,
    /// R² = 1 − Σ(y − answer)² / Σ(y − mean of y)², at most 1, and 0 for always answering the mean of these very samples. Where
    /// all y are equal, 1 if every answer is right and else 0; `None` for fewer than two samples.
    pub r2: Option<f64>,
    /// The RMSE of always answering the mean of the samples learnt from, if that is known.
    pub baseline_rmse: Option<f64>,
}

impl Regression {
    /// Compares answers with the true values; `mean` is that of the samples learnt from.
    #[must_use]
    pub fn of(values: &[f64], answers: &[f64], mean: Option<f64>) -> Self {
        let errors = || values.iter().zip(answers).map(|(y, answer)| y - answer);
        let count = values.len() as f64;
        let squares = compensated_sum(errors().map(|error| error * error));
        let about = |middle: f64| compensated_sum(values.iter().map(move |y| (y - middle).powi(2)));
        // The mean of differences from the first value: numbers that are large and close together lose nothing.
        let first = values.first().copied().unwrap_or(0.0);
        let of_variance = about(first + compensated_sum(values.iter().map(|y| y - first)) / count);
        let r2 = match of_variance {
            _ if values.len() < 2 => None,
            0.0 if squares == 0.0 => Some(1.0),
            0.0 => Some(0.0),
            variance => Some(1.0 - squares / variance),
        };
        Self {
            rmse: (squares / count).sqrt(),
            mae: compensated_sum(errors().map(f64::abs)) / count,
            r2,
            baseline_rmse: mean.map(|mean| (about(mean) / count).sqrt()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_by_hand() {
        let found = Regression::of(&[1.0, 2.0, 3.0, 6.0], &[1.0, 4.0, 3.0, 4.0], Some(2.0));
        // Squared errors 0 + 4 + 0 + 4; about the mean of 3: 4 + 1 + 0 + 9; about 2: 1 + 0 + 1 + 16.
        assert_eq!((found.rmse, found.mae), (2.0_f64.sqrt(), 1.0));
        assert_eq!(found.r2, Some(1.0 - 8.0 / 14.0));
        assert_eq!(found.baseline_rmse, Some(4.5_f64.sqrt()));
    }

    #[test]
    fn always_answering_the_mean_explains_nothing() {
        let values = [4.0, 8.0, 15.0, 16.0, 23.0, 42.0];
        let found = Regression::of(&values, &[18.0; 6], Some(18.0));
        assert_eq!((found.r2, found.baseline_rmse), (Some(0.0), Some(found.rmse)));
    }

    #[test]
    fn equal_values_leave_nothing_to_explain_and_one_value_says_nothing() {
        assert_eq!(Regression::of(&[5.0; 3], &[5.0; 3], None).r2, Some(1.0));
        assert_eq!(Regression::of(&[5.0; 3], &[5.0, 5.0, 6.0], None).r2, Some(0.0));
        let one = Regression::of(&[5.0], &[4.0], None);
        assert_eq!((one.r2, one.rmse, one.baseline_rmse), (None, 1.0, None));
    }
}
