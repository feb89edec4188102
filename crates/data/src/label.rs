//! What a label is.

/// The most classes of a dataset: labels are numbers of 16 bits.
pub const MOST_CLASSES: usize = 1 << 16;

/// Bytes of a label.
pub(crate) const LABEL: usize = size_of::<u16>();
