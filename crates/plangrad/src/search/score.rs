//! How good a trial is, from what its log says.

use std::cmp::Ordering;

use serde::Serialize;

use crate::history::{Epoch, History};

/// The figures of an epoch by which trials are compared: those of the validation part, else of the test part.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Score {
    /// The epoch, counted from 1.
    pub(crate) epoch: u64,
    /// Share of samples whose class was predicted; null for a regression.
    pub(crate) accuracy: Option<f64>,
    /// Mean loss.
    pub(crate) loss: f64,
}

impl Score {
    /// At the last epoch up to this one; `None` if there is none, or its loss is no number.
    pub(crate) fn at(history: &History, epoch: u64) -> Option<Score> {
        let reached = history.epochs.iter().rev().find(|one| one.epoch <= epoch)?;
        let &Epoch { validation_loss, test_loss, validation_accuracy, test_accuracy, .. } = reached;
        let loss = validation_loss.or(test_loss).filter(|loss| loss.is_finite())?;
        Some(Score { epoch: reached.epoch, accuracy: validation_accuracy.or(test_accuracy), loss })
    }

    /// The better first: more accurate, and of equals the one of less loss.
    fn compare(&self, other: &Score) -> Ordering {
        let [a, b] = [self, other].map(|score| score.accuracy.unwrap_or(0.0));
        b.total_cmp(&a).then(self.loss.total_cmp(&other.loss))
    }
}

/// The better first; trials without a score last.
pub(super) fn better_first(one: &Option<Score>, other: &Option<Score>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => one.compare(other),
        (one, other) => other.is_some().cmp(&one.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_accurate_is_better_then_the_one_of_less_loss_and_what_diverged_comes_last() {
        let score = |accuracy, loss| Some(Score { epoch: 1, accuracy: Some(accuracy), loss });
        let mut all = [score(0.9, 0.3), None, score(0.95, 0.5), score(0.9, 0.2)];
        all.sort_by(better_first);
        assert_eq!(all, [score(0.95, 0.5), score(0.9, 0.2), score(0.9, 0.3), None]);
    }

    #[test]
    fn a_score_is_that_of_the_last_epoch_up_to_the_one_asked_for() {
        let epoch = |epoch, loss| Epoch { epoch, test_loss: Some(loss), ..Epoch::default() };
        let history = History { epochs: vec![epoch(1, 0.5), epoch(2, 0.25)], ..History::default() };
        assert_eq!(Score::at(&history, 1).unwrap().loss, 0.5);
        assert_eq!(Score::at(&history, 9).unwrap().epoch, 2);
        assert_eq!(Score::at(&History::default(), 1), None);
    }
}
