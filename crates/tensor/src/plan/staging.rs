//! Room in an arena for batches of a dataset that stays in host memory, on a device with memory of its own.
//!
//! There are two places, so that a batch can travel while the one before is computed with. They lie behind everything
//! the plans use, and hold samples and targets as the dataset does: a byte for a pixel.

use super::report::Category;
use super::state::{Extent, align};
use super::{Kernel, Plan};

/// Batches that can be there at once.
const PLACES: usize = 2;

/// Where batches are staged in an arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Staging {
    start: usize,
    sample_bytes: usize,
    target_bytes: usize,
}

impl Staging {
    /// Room for the largest batch of any of `plans`, behind all that they use.
    pub(crate) fn behind(plans: &[Plan]) -> Staging {
        let kernels = || plans.iter().flat_map(Plan::kernels);
        Staging {
            start: align(Plan::bytes_together(plans)),
            sample_bytes: kernels().map(sample_bytes).max().unwrap_or(0),
            target_bytes: kernels().map(target_bytes).max().unwrap_or(0),
        }
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

fn sample_bytes(kernel: &Kernel) -> usize {
    match kernel {
        Kernel::Gather(k) => k.rows * k.channels * k.pixels * k.dtype.size(),
        _ => 0,
    }
}

fn target_bytes(kernel: &Kernel) -> usize {
    match kernel {
        Kernel::GatherTargets(k) => k.rows * k.format.bytes(),
        _ => 0,
    }
}
