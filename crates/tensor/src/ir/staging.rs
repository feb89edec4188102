//! Room in an arena for batches of a dataset that stays in host memory, on a device with its own memory.
//!
//! There are two places, so that a batch can travel while the one before is computed with. They lie behind everything
//! the plans use, and hold samples and targets as the dataset does: a byte for a pixel.

use super::{Category, Extent, align};

/// Batches that can be there at once.
const PLACES: usize = 2;

/// Where batches are staged in an arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Staging {
    start: usize,
    sample_bytes: usize,
    target_bytes: usize,
}

impl Staging {
    /// Room for two batches of so many bytes of samples and targets, from `start` on.
    pub(crate) fn new(start: usize, sample_bytes: usize, target_bytes: usize) -> Staging {
        Staging { start: align(start), sample_bytes, target_bytes }
    }

    /// The byte behind the last place.
    pub(crate) fn end(&self) -> usize {
        self.start + PLACES * self.stride()
    }

    /// Where in the arena samples and targets of the batch of a step have room; steps take the places in turn.
    pub(crate) fn places(&self, step: usize) -> [Extent; 2] {
        let start = self.start + step % PLACES * self.stride();
        let targets = Extent { offset: start + align(self.sample_bytes), bytes: self.target_bytes };
        [Extent { offset: start, bytes: self.sample_bytes }, targets]
    }

    /// What is there, for the memory report.
    pub(crate) fn labelled(&self) -> Vec<(Category, Extent)> {
        (0..PLACES).flat_map(|step| self.places(step)).map(|extent| (Category::Batch, extent)).collect()
    }

    fn stride(&self) -> usize {
        align(self.sample_bytes) + align(self.target_bytes)
    }
}
