//! The columns of a table as a network reads them, and how features are standardised.

use crate::{Error, Result};

/// The columns of a table, and the statistics its features were standardised with.
///
/// A trained model keeps them, so that other tables and single rows are read in the same way.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TableSchema {
    /// Names of the feature columns in the order of a sample's values.
    pub features: Vec<String>,
    /// Name of the label column.
    pub label: String,
    /// Class names in label order; empty for a regression.
    pub classes: Vec<String>,
    /// Mean of each feature over the training part; 0 if features are not standardised.
    pub mean: Vec<f32>,
    /// Standard deviation of each feature over the training part (divided by `n`, not `n − 1`); 1 if features are not
    /// standardised, and for a constant feature.
    pub std: Vec<f32>,
}

impl TableSchema {
    /// Standardises rows of features in place: `(x − mean) / std`. `rows` holds whole rows, one after another.
    pub fn standardize(&self, rows: &mut [f32]) {
        let columns = self.mean.iter().zip(&self.std).cycle();
        for (value, (&mean, &std)) in rows.iter_mut().zip(columns) {
            *value = ((f64::from(*value) - f64::from(mean)) / f64::from(std)) as f32;
        }
    }

    /// Refuses statistics that do not match the columns.
    pub(super) fn check(&self) -> Result<()> {
        let [features, means, deviations] = [self.features.len(), self.mean.len(), self.std.len()];
        if means != features || deviations != features {
            return Err(Error::TableStatistics { features, means, deviations });
        }
        Ok(())
    }

    /// The statistics that leave features unchanged.
    pub(super) fn identity_statistics(features: usize) -> (Vec<f32>, Vec<f32>) {
        (vec![0.0; features], vec![1.0; features])
    }

    /// Mean and standard deviation of each column of `rows`, computed in `f64`.
    pub(super) fn statistics(rows: &[f32], features: usize) -> (Vec<f32>, Vec<f32>) {
        let count = (rows.len() / features.max(1)).max(1) as f64;
        let mut mean = vec![0.0; features];
        for row in rows.chunks_exact(features) {
            mean.iter_mut().zip(row).for_each(|(mean, &x)| *mean += f64::from(x) / count);
        }
        let mut variance = vec![0.0; features];
        for row in rows.chunks_exact(features) {
            for ((variance, mean), &x) in variance.iter_mut().zip(&mean).zip(row) {
                *variance += (f64::from(x) - mean).powi(2) / count;
            }
        }
        let std = variance.into_iter().zip(rows).map(|(variance, &x)| deviation(variance, x)).collect();
        (mean.into_iter().map(|mean| mean as f32).collect(), std)
    }
}

/// The standard deviation to divide by, given the variance and any value of the column: 1 if the variance is only
/// rounding error.
fn deviation(variance: f64, value: f32) -> f32 {
    let std = variance.sqrt();
    let rounding = f64::from(value).abs() * 1e-9;
    if std <= rounding || std as f32 == 0.0 { 1.0 } else { std as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standardised_columns_have_mean_0_and_deviation_1_and_constants_become_0() {
        let mut rows = vec![1.0, 0.1, 10.0, 3.0, 0.1, 30.0, 5.0, 0.1, 20.0];
        let (mean, std) = TableSchema::statistics(&rows, 3);
        assert_eq!((mean[0], std[1]), (3.0, 1.0));
        assert!((std[0] - (8.0_f32 / 3.0).sqrt()).abs() < 1e-6);
        TableSchema { mean, std, ..TableSchema::default() }.standardize(&mut rows);
        for column in 0..3 {
            let values: Vec<f32> = rows.iter().skip(column).step_by(3).copied().collect();
            assert!(values.iter().sum::<f32>().abs() < 1e-5, "{values:?}");
            let square = values.iter().map(|x| x * x).sum::<f32>() / 3.0;
            assert!((square - if column == 1 { 0.0 } else { 1.0 }).abs() < 1e-5, "{values:?}");
        }
    }

    #[test]
    fn the_largest_floats_do_not_overflow() {
        let mut rows = vec![f32::MAX, f32::MIN, f32::MAX, f32::MIN];
        let (mean, std) = TableSchema::statistics(&rows, 1);
        TableSchema { mean, std, ..TableSchema::default() }.standardize(&mut rows);
        assert_eq!(rows, [1.0, -1.0, 1.0, -1.0]);
    }
}
