//! The samples of an epoch in batches, for training loops of one's own.

use crate::sampling::Permutation;

/// The batches of each epoch over so many samples, in random order or in their own.
///
/// An epoch is an iterator over the numbers of the samples of each batch, the last of which may be smaller. Its order is a function of
/// seed and epoch ([`Permutation`]), so any epoch can be taken again.
///
/// ```
/// use plangrad_data::Batching;
///
/// let mut batching = Batching::new(10, 4).shuffled(42);
/// for epoch in 1..=2 {
///     let sizes: Vec<usize> = batching.epoch(epoch).map(|rows| rows.len()).collect();
///     assert_eq!(sizes, [4, 4, 2]);
/// }
/// let in_order: Vec<u32> = Batching::new(3, 2).epoch(1).flatten().copied().collect();
/// assert_eq!(in_order, [0, 1, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct Batching {
    order: Vec<u32>,
    batch_size: usize,
    seed: Option<u64>,
}

impl Batching {
    /// Batches of `batch_size` samples, at least 1, in the order of the samples. A `u32` cannot number more than 2³² samples; those
    /// beyond are left out.
    #[must_use]
    pub fn new(samples: usize, batch_size: usize) -> Batching {
        let order = (0..=u32::MAX).take(samples).collect();
        Batching { order, batch_size: batch_size.max(1), seed: None }
    }

    /// The same in an order that is another one in each epoch, and follows from `seed`.
    #[must_use]
    pub fn shuffled(self, seed: u64) -> Batching {
        Batching { seed: Some(seed), ..self }
    }

    /// The batches of an epoch, counted from 1.
    pub fn epoch(&mut self, epoch: u64) -> std::slice::Chunks<'_, u32> {
        if let Some(seed) = self.seed {
            Permutation::fill(&mut self.order, seed, epoch);
        }
        self.order.chunks(self.batch_size)
    }

    /// Samples of the last batch of an epoch, if it is smaller than the others.
    #[must_use]
    pub fn rest(&self) -> Option<usize> {
        Some(self.order.len() % self.batch_size).filter(|&rest| rest > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_epoch_has_every_sample_once_in_an_order_of_its_own() {
        let mut batching = Batching::new(103, 10).shuffled(7);
        let mut epoch = |number| batching.epoch(number).flatten().copied().collect::<Vec<u32>>();
        let orders = [epoch(1), epoch(2), epoch(1)];
        assert!(orders[0] == orders[2] && orders[0] != orders[1]);
        let mut expected = vec![0; 103];
        Permutation::fill(&mut expected, 7, 2);
        assert_eq!(orders[1], expected);
    }

    #[test]
    fn the_rest_is_what_no_whole_batch_has() {
        let of = |samples, batch_size| Batching::new(samples, batch_size);
        assert_eq!(
            [of(10, 4).rest(), of(8, 4).rest(), of(0, 4).rest(), of(3, 0).rest()],
            [Some(2), None, None, None]
        );
        assert_eq!(of(0, 4).epoch(1).count(), 0);
        assert_eq!(of(3, 8).epoch(1).next(), Some(&[0, 1, 2][..]));
    }
}
