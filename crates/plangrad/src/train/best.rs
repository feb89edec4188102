//! The best epoch of a run so far, and when to stop waiting for a better one.

use std::fmt;
use std::str::FromStr;

use plangrad_data::Split;
use plangrad_nn::Loss;
use plangrad_nn::checkpoint::BestEpoch;
use plangrad_tensor::Metrics;
use serde::{Deserialize, Serialize};

/// Which model a run keeps besides that of its last epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeptModel {
    /// None.
    #[default]
    Last,
    /// That of the best epoch.
    Best,
}

/// By which number epochs are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Criterion {
    /// The mean loss: the lower, the better.
    Loss,
    /// The share of right predictions: the higher, the better.
    Accuracy,
}

impl KeptModel {
    /// All of them, in the order of help texts.
    pub const ALL: [KeptModel; 2] = [KeptModel::Last, KeptModel::Best];

    pub(crate) fn is_default(&self) -> bool {
        *self == KeptModel::default()
    }
}

impl Criterion {
    /// All of them, in the order of help texts.
    pub const ALL: [Criterion; 2] = [Criterion::Loss, Criterion::Accuracy];

    /// Whether networks with this loss have such a number.
    pub(crate) fn applies_to(self, loss: Loss) -> bool {
        self == Criterion::Loss || loss == Loss::CrossEntropy
    }

    /// The number by which an evaluation is compared.
    fn value(self, metrics: &Metrics) -> f64 {
        match self {
            Criterion::Loss => metrics.mean_loss(),
            Criterion::Accuracy => metrics.accuracy(),
        }
    }

    /// Whether a value is better than that of an earlier epoch; the first of equal ones counts.
    fn is_better(self, value: f64, earlier: f64) -> bool {
        match self {
            Criterion::Loss => value < earlier,
            Criterion::Accuracy => value > earlier,
        }
    }
}

impl fmt::Display for KeptModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeptModel::Last => "last",
            KeptModel::Best => "best",
        })
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Criterion::Loss => "loss",
            Criterion::Accuracy => "accuracy",
        })
    }
}

/// A word that is none of those known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such word")]
pub struct UnknownWord;

impl FromStr for KeptModel {
    type Err = UnknownWord;

    fn from_str(name: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|kept| kept.to_string() == name).ok_or(UnknownWord)
    }
}

impl FromStr for Criterion {
    type Err = UnknownWord;

    fn from_str(name: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|criterion| criterion.to_string() == name).ok_or(UnknownWord)
    }
}

/// Compares the epochs of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection {
    pub(super) criterion: Criterion,
    /// The part of the data by which epochs are compared.
    pub(super) split: Split,
    /// Epochs without a better one after which the run ends.
    pub(super) patience: Option<u64>,
    /// The best epoch so far.
    pub(super) best: Option<BestEpoch>,
}

impl Selection {
    /// Takes note of an epoch, counted from 1. Whether it is the best so far.
    pub(super) fn record(&mut self, epoch: u64, metrics: &Metrics) -> bool {
        let value = self.criterion.value(metrics);
        let is_best = self.best.is_none_or(|best| self.criterion.is_better(value, best.value()));
        if is_best {
            self.best = Some(BestEpoch::new(epoch, value));
        }
        is_best
    }

    /// Whether so many epochs are done that a better one is not waited for any longer.
    pub(super) fn is_out_of_patience(&self, epochs: u64) -> bool {
        match (self.patience, self.best) {
            (Some(patience), Some(best)) => epochs.saturating_sub(best.epoch) >= patience,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(loss: f64, correct: u64) -> Metrics {
        let mut metrics = Metrics::default();
        (metrics.loss_sum, metrics.correct, metrics.samples) = (10.0 * loss, correct, 10);
        metrics
    }

    fn selection(criterion: Criterion, patience: u64) -> Selection {
        Selection { criterion, split: Split::Validation, patience: Some(patience), best: None }
    }

    #[test]
    fn the_first_of_equal_epochs_is_the_best() {
        let mut by_loss = selection(Criterion::Loss, 2);
        assert!(!by_loss.is_out_of_patience(0));
        let heard = [(0.5, 1), (0.5, 9), (0.4, 1), (0.6, 10)].map(|(loss, correct)| metrics(loss, correct));
        let best: Vec<bool> =
            (1..).zip(&heard).map(|(epoch, metrics)| by_loss.record(epoch, metrics)).collect();
        assert_eq!(best, [true, false, true, false]);
        assert_eq!(by_loss.best, Some(BestEpoch::new(3, 0.4)));
        assert_eq!([3, 4, 5, 6].map(|epochs| by_loss.is_out_of_patience(epochs)), [false, false, true, true]);

        let mut by_accuracy = selection(Criterion::Accuracy, 1);
        let best: Vec<bool> =
            (1..).zip(&heard).map(|(epoch, metrics)| by_accuracy.record(epoch, metrics)).collect();
        assert_eq!(best, [true, true, false, true]);
    }
}
