//! Weights of classes, from how many training samples each has.

use plangrad_data::Targets;

/// How many of `targets` each of the classes has; nothing for a regression.
pub(crate) fn class_counts(targets: &Targets, classes: usize) -> Vec<u64> {
    let Targets::Classes(labels) = targets else { return Vec::new() };
    let mut counts = vec![0; classes];
    for &label in labels {
        if let Some(count) = counts.get_mut(usize::from(label)) {
            *count += 1;
        }
    }
    counts
}

/// The weights, scaled so that the training samples weigh 1 on average. That changes no step, since losses are divided by what
/// they weigh together, and makes the loss of an epoch, which is divided by its samples, the weighted mean. They are all 0 if
/// no training sample weighs anything.
pub(super) fn with_mean_one(weights: &[f64], counts: &[u64]) -> Vec<f64> {
    let total: f64 = weights.iter().zip(counts).map(|(weight, &count)| weight * count as f64).sum();
    let samples: u64 = counts.iter().sum();
    let scale = if total > 0.0 { samples as f64 / total } else { 0.0 };
    weights.iter().map(|weight| weight * scale).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_weigh_one_on_average() {
        assert_eq!(with_mean_one(&[1.0, 3.0], &[3, 1]), [1.0 / 1.5, 2.0]);
        assert_eq!(with_mean_one(&[0.0, 1.0], &[3, 0]), [0.0, 0.0]);
    }

    #[test]
    fn labels_are_counted_by_class() {
        assert_eq!(class_counts(&Targets::Classes(vec![2, 0, 2]), 4), [1, 0, 2, 0]);
        assert!(class_counts(&Targets::Values(vec![1.0]), 4).is_empty());
    }
}
