//! The order in which an epoch takes its samples.

use plangrad_data::Permutation;

/// The order of an epoch's samples: a function of seed and epoch, or that of the files.
pub(crate) struct Order {
    rows: Vec<u32>,
    /// The seed of the permutations; none if the samples are not shuffled.
    seed: Option<u64>,
}

impl Order {
    /// Samples in the order of the files, until the [first epoch begins](Order::begin).
    pub(crate) fn new(samples: usize, seed: Option<u64>) -> Order {
        Order { rows: (0..samples as u32).collect(), seed }
    }

    /// Shuffles for this epoch, counted from 0.
    pub(crate) fn begin(&mut self, epoch: u64) {
        if let Some(seed) = self.seed {
            Permutation::fill(&mut self.rows, seed, epoch);
        }
    }

    /// The samples that are left at a position in the epoch.
    pub(crate) fn left(&self, position: usize) -> &[u32] {
        &self.rows[position..]
    }

    /// Samples of an epoch.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}
