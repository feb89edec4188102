//! A plan as backends run it: kernels in stages, and the place of every value.

use std::sync::Arc;

use super::{DType, Kernel, Layout, Meta};

/// A plan with the place of every value known.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// Its number among those of its session.
    pub(crate) number: usize,
    /// Kernels in stages; those of one stage may run at the same time.
    pub(crate) stages: Arc<Vec<Vec<Kernel>>>,
    /// Byte offset of every value in the arena.
    pub(crate) offsets: Vec<usize>,
    /// Shape and element type of every value.
    pub(crate) metas: Arc<Vec<Meta>>,
    /// How the elements of every value lie: row-major, but where the device asked for panels.
    pub(crate) layouts: Vec<Layout>,
    /// What the factors of products are rounded to.
    pub(crate) compute: DType,
    /// Rows a step takes from the dataset.
    pub(crate) batch_size: usize,
}
