//! Which classes are taken for which: how often each label was given each answer.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The most classes whose matrix is written out: of more, nearly all entries are 0.
const LARGEST_MATRIX: usize = 256;

/// How often a label was predicted as a class. Only what happened is kept, so many classes take no more memory than few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: BTreeMap<(usize, usize), u64>,
}

/// A label, another class that was the answer, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confused {
    /// The label.
    pub label: usize,
    /// The answer.
    pub answer: usize,
    /// How often.
    pub times: u64,
}

impl Confusion {
    /// None yet, of so many classes.
    pub(crate) fn new(classes: usize) -> Self {
        Self { classes, counts: BTreeMap::new() }
    }

    /// Adds a sample by its label and its answer.
    pub(crate) fn add(&mut self, label: usize, answer: usize) {
        *self.counts.entry((label, answer)).or_default() += 1;
    }

    /// A row for each label, a column for each answer; `None` of more than 256 classes.
    #[must_use]
    pub fn matrix(&self) -> Option<Vec<Vec<u64>>> {
        (self.classes <= LARGEST_MATRIX).then(|| {
            let mut matrix = vec![vec![0; self.classes]; self.classes];
            self.counts.iter().for_each(|(&(label, answer), &times)| matrix[label][answer] = times);
            matrix
        })
    }

    /// The wrong predictions, the most frequent first.
    #[must_use]
    pub fn confused(&self) -> Vec<Confused> {
        let wrong = self.counts.iter().filter(|((label, answer), _)| label != answer);
        let mut all: Vec<Confused> =
            wrong.map(|(&(label, answer), &times)| Confused { label, answer, times }).collect();
        all.sort_by_key(|confused| Reverse(confused.times));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_predictions_come_by_frequency_and_of_many_classes_no_matrix_is_made() {
        for (classes, has_matrix) in [(256, true), (257, false), (65_536, false)] {
            let mut confusion = Confusion::new(classes);
            [(3, 3), (7, 2), (5, 9), (5, 9)]
                .into_iter()
                .for_each(|(label, answer)| confusion.add(label, answer));
            let all = confusion.confused();
            let found: Vec<_> = all.iter().map(|found| (found.label, found.answer, found.times)).collect();
            assert_eq!(found, [(5, 9, 2), (7, 2, 1)]);
            let matrix = confusion.matrix();
            assert_eq!(matrix.is_some(), has_matrix);
            assert!(matrix.is_none_or(|rows| rows.len() == classes && rows[5][9] == 2 && rows[3][3] == 1));
        }
    }
}
