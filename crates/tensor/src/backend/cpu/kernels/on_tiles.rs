//! Kernels where the processor has tiles: products that fit them are made there, all others as ever.

use std::ops::Range;

use super::super::context::Context;
use super::super::simd::Simd;
use super::super::tiles::Tiles;
use super::gemm::tiled;
use crate::ir::Kernel;

/// Computes the units `share` of `kernel`, on tiles where it is a product for them.
///
/// # Safety
/// As [`super::execute`]; besides, the processor must have the tiles, and the system must have allowed their use.
pub(in super::super) unsafe fn execute<S: Simd, T: Tiles>(
    kernel: &Kernel,
    context: &Context<'_>,
    share: Range<usize>,
) {
    match kernel {
        Kernel::Gemm(gemm) if tiled::fits(gemm) => {
            // SAFETY: this function's contract.
            unsafe {
                S::vectorize(
                    #[inline(always)]
                    || tiled::compute::<S, T>(gemm, context, share),
                );
            }
        }
        // SAFETY: this function's contract.
        kernel => unsafe { super::execute::<S>(kernel, context, share) },
    }
}
