//! Means and deviations in 64 bits, and what is standardised with them.

/// `(value − mean) / std`, rounded once to 32 bits.
pub(super) fn standardized(value: f64, mean: f64, std: f64) -> f32 {
    ((value - mean) / std) as f32
}

/// Mean and standard deviation of some numbers, in `f64`, as scikit-learn's `StandardScaler` has them; the deviation is 1
/// if all numbers are equal.
///
/// Sums are taken of differences from the first number and compensated (Neumaier), so that numbers which are large and close
/// together, as times are, lose nothing.
pub(super) fn statistics(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let Some(first) = values.clone().next() else { return (0.0, 1.0) };
    let count = values.clone().count() as f64;
    let mean = compensated_sum(values.clone().map(|x| x - first)) / count;
    let square = compensated_sum(values.map(|x| (x - first - mean).powi(2)));
    let std = (square / count).sqrt();
    (first + mean, if std as f32 == 0.0 { 1.0 } else { std })
}

/// A sum with the rounding errors added up beside it (Neumaier).
#[must_use]
pub fn compensated_sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
    }
    sum + lost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_floats_do_not_overflow() {
        let largest = f64::from(f32::MAX);
        let (mean, std) = statistics([largest, -largest, largest, -largest].into_iter());
        assert_eq!([largest, -largest].map(|x| standardized(x, mean, std)), [1.0, -1.0]);
    }

    #[test]
    fn times_in_seconds_and_milliseconds_have_the_statistics_of_their_differences() {
        for (start, step) in [(1.7e9, 1.0), (1.7e12, 1000.0)] {
            let times = (0..120).map(|i| start + step * f64::from(i));
            let (mean, std) = statistics(times.clone());
            // n consecutive numbers have the variance (n² − 1)/12.
            assert_eq!(mean, start + step * 59.5);
            assert!((std / step - (14_399.0_f64 / 12.0).sqrt()).abs() < 1e-12);
            let mut distinct: Vec<u32> = times.map(|x| standardized(x, mean, std).to_bits()).collect();
            distinct.dedup();
            assert_eq!(distinct.len(), 120);
        }
    }
}
