//! The statistics of earlier versions, so that a run of theirs is resumed to the bits it would have had.

/// Mean and standard deviation of a column of 32-bit numbers, rounded to 32 bits.
pub(super) fn statistics(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().fold(0.0, |mean, x| mean + x / count);
    let variance = values.clone().fold(0.0, |variance, x: f64| variance + (x - mean).powi(2) / count);
    let (std, first) = (variance.sqrt(), values.clone().next().unwrap_or(0.0));
    let is_rounding_error = std <= first.abs() * 1e-9 || std as f32 == 0.0;
    let std = if is_rounding_error { 1.0 } else { std as f32 };
    (f64::from(mean as f32), f64::from(std))
}
