//! How good predicted numbers are: errors in units of the file, and the share of the variance that they explain.
//!
//! Everything is computed in 64 bits from the numbers of the file, with sums whose rounding errors are added up beside them.
//! Definitions are those of scikit-learn's `mean_absolute_error`, `root_mean_squared_error` and `r2_score`.

use plangrad_data::compensated_sum;

/// How good predicted numbers are.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Regression {
    /// Root of the mean squared error, in units of the file.
    pub rmse: f64,
    /// Mean of the absolute errors, in units of the file.
    pub mae: f64,
    /// R² = 1 − Σ(y − prediction)² / Σ(y − mean of y)², at most 1, and 0 for always predicting the mean of these very samples. Where
    /// all y are equal, 1 if every answer is right and else 0; `None` for fewer than two samples.
    pub r2: Option<f64>,
    /// The RMSE of always predicting the mean of the samples learnt from, if that is known.
    pub baseline_rmse: Option<f64>,
}

impl Regression {
    /// Compares predictions with the true values; `mean` is that of the samples learnt from.
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

/// What `tests/golden/quality.py` wrote under this key.
#[cfg(test)]
pub(super) fn quality_golden(key: &str) -> Vec<serde_json::Value> {
    use std::path::{Path, PathBuf};
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let folder = std::env::var_os("PLANGRAD_GOLDEN").map_or(committed, PathBuf::from);
    let text = std::fs::read_to_string(folder.join("quality.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    golden[key].as_array().unwrap().clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_r2_are_scikit_learns_to_1e_12() {
        for golden in quality_golden("regressions") {
            let numbers = |key: &str| serde_json::from_value::<Vec<f64>>(golden[key].clone()).unwrap();
            let found = Regression::of(&numbers("values"), &numbers("answers"), None);
            for (key, ours) in [("rmse", found.rmse), ("mae", found.mae), ("r2", found.r2.unwrap())] {
                let theirs = golden[key].as_f64().unwrap();
                assert!((ours - theirs).abs() <= 1e-12 * theirs.abs().max(1.0), "{key}: {ours} and {theirs}");
            }
        }
    }

    #[test]
    fn errors_by_hand() {
        let found = Regression::of(&[1.0, 2.0, 3.0, 6.0], &[1.0, 4.0, 3.0, 4.0], Some(2.0));
        // Squared errors 0 + 4 + 0 + 4; about the mean of 3: 4 + 1 + 0 + 9; about 2: 1 + 0 + 1 + 16.
        assert_eq!((found.rmse, found.mae), (2.0_f64.sqrt(), 1.0));
        assert_eq!(found.r2, Some(1.0 - 8.0 / 14.0));
        assert_eq!(found.baseline_rmse, Some(4.5_f64.sqrt()));
    }

    #[test]
    fn always_predicting_the_mean_explains_nothing() {
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
