//! How products are cut.

use crate::ir::kernel::Gemm;

/// Columns of C in a panel, the same for all instruction sets so that layouts are.
pub(in super::super::super) const PANEL: usize = 64;

/// Rows of C in a unit.
pub(super) const BAND: usize = 16;

/// Most rows that are completed together.
pub(super) const CHUNK: usize = 64;

/// Bands of a product; one for its column sums where it has no rows.
pub(super) fn bands(gemm: &Gemm) -> usize {
    gemm.m.div_ceil(BAND).max(usize::from(gemm.column_sum.is_some()))
}
