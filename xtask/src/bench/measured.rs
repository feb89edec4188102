//! What one program took, over all rounds.

/// What a program reports of one run; what it cannot tell is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    /// Of each epoch but the first; of the period whose time is reported.
    pub(super) seconds: Vec<f64>,
    pub(super) first_step: Option<f64>,
    pub(super) evaluation: Option<f64>,
    pub(super) peak_mebibytes: Option<f64>,
    pub(super) accuracy: Option<f64>,
    pub(super) version: Option<String>,
}

/// Reports of all rounds together.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pub(super) seconds: Vec<f64>,
    pub(super) first_step: Vec<f64>,
    pub(super) evaluation: Vec<f64>,
    pub(super) peak_mebibytes: Vec<f64>,
    pub(super) accuracy: Vec<f64>,
    pub(super) version: Option<String>,
}

impl Measured {
    pub(super) fn add(&mut self, report: Report) {
        self.seconds.extend(report.seconds);
        self.first_step.extend(report.first_step);
        self.evaluation.extend(report.evaluation);
        self.peak_mebibytes.extend(report.peak_mebibytes);
        self.accuracy.extend(report.accuracy);
        self.version = report.version.or(self.version.take());
    }

    pub(super) fn median(&self) -> f64 {
        median(&self.seconds)
    }

    pub(super) fn best(&self) -> f64 {
        best(&self.seconds)
    }
}

/// The middle one, the upper of two; NaN of none.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The smallest; NaN of none.
pub(super) fn best(values: &[f64]) -> f64 {
    values.iter().copied().min_by(f64::total_cmp).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::{best, median};

    #[test]
    fn a_median_is_a_measured_value() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 4.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn the_best_is_the_smallest() {
        assert_eq!(best(&[3.0, 1.0, 2.0]), 1.0);
        assert!(best(&[]).is_nan());
    }
}
