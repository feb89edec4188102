//! What is packed, and what a packing is.

/// Something that needs `size` bytes from moment `lower` on, until just before moment `upper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Buffer {
    /// The first moment at which it is needed.
    pub lower: usize,
    /// The first moment from which on it is not. One that is not above `lower` means that it never is.
    pub upper: usize,
    /// Its bytes.
    pub size: usize,
}

impl Buffer {
    /// Whether both are needed at some moment.
    #[must_use]
    pub fn meets(&self, other: &Buffer) -> bool {
        self.lower.max(other.lower) < self.upper.min(other.upper)
    }
}

/// Places for buffers, and how good they are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packing {
    /// The first byte of each buffer.
    pub offsets: Vec<usize>,
    /// The bytes that hold them all.
    pub total: usize,
    /// Proven: no packing has fewer bytes.
    pub bound: usize,
}

impl Packing {
    /// Whether it is proven that there is no smaller one.
    #[must_use]
    pub fn is_optimal(&self) -> bool {
        self.total == self.bound
    }

    /// By how many bytes a smaller one might be smaller at most.
    #[must_use]
    pub fn gap(&self) -> usize {
        self.total - self.bound
    }

    /// The buffers from the lowest offset to the highest.
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.offsets.len()).collect();
        order.sort_by_key(|&buffer| self.offsets[buffer]);
        order
    }
}

/// The buffers together have more bytes than can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sizes of the buffers add up to more bytes than can be counted; take fewer or smaller ones")]
pub struct TooLarge;

/// Whether sums of sizes can be counted; twice over, so that none has to be looked at again.
pub(super) fn check(buffers: &[Buffer]) -> Result<(), TooLarge> {
    let sum = buffers.iter().try_fold(0usize, |sum, buffer| sum.checked_add(buffer.size));
    if sum.is_some_and(|sum| sum <= usize::MAX / 4) { Ok(()) } else { Err(TooLarge) }
}
