//! The kernels of the CPU: how each is cut into units, and what computes a range of them.
//!
//! The bodies are generic over the instruction set and always inlined into [`Simd::vectorize`].

mod data;
mod gemm;
mod map;
mod reduce;
mod rows;
mod update;

use std::ops::Range;

use super::Context;
use super::simd::Simd;
use crate::plan::Kernel;

/// Elements a thread takes at a time where nothing else suggests a unit.
const BLOCK: usize = 4096;

/// Into how many units a kernel is cut. Depends on its shape only, never on the number of threads.
pub(super) fn units(kernel: &Kernel) -> usize {
    match kernel {
        Kernel::Advance(_) | Kernel::Metrics(_) | Kernel::Constant { .. } | Kernel::Copy { .. } => 1,
        Kernel::Proceed { .. } => 1,
        Kernel::Accumulate { elements, .. } => elements.div_ceil(BLOCK),
        Kernel::Gather(k) => k.rows,
        Kernel::GatherTargets(_) => 1,
        Kernel::Gemm(k) => gemm::units(k),
        Kernel::Map(k) => map::units(k),
        Kernel::Reduce(k) => reduce::units(k),
        Kernel::Softmax(k) => k.rows,
        Kernel::CrossEntropy(k) => k.rows,
        Kernel::Mse(k) => k.rows,
        Kernel::Permute(k) => data::permute_units(k),
        Kernel::ArgMax(k) => k.rows,
        Kernel::Dropout(k) => k.rows,
        Kernel::Update(k) => k.elements.div_ceil(BLOCK),
    }
}

/// Computes the units `share` of `kernel`.
///
/// # Safety
/// The processor must have the instruction set `S`; no other thread may touch the bytes that these units write, or
/// write those they read, meanwhile. The context must belong to the plan of the kernel.
pub(super) unsafe fn execute<S: Simd>(kernel: &Kernel, context: &Context<'_>, share: Range<usize>) {
    macro_rules! run {
        ($body:path, $k:expr) => {
            // SAFETY: this function's contract.
            unsafe {
                S::vectorize(
                    #[inline(always)]
                    || $body($k, context, share),
                )
            }
        };
    }
    match kernel {
        Kernel::Advance(k) => run!(data::advance, k),
        Kernel::Gather(k) => run!(data::gather::<S>, k),
        Kernel::GatherTargets(k) => run!(data::gather_targets, k),
        Kernel::Constant { output, data } => {
            // SAFETY: this function's contract.
            unsafe { data::constant(*output, data, context) }
        }
        Kernel::Copy { input, output, bytes } => {
            // SAFETY: this function's contract.
            unsafe { data::copy(*input, *output, *bytes, context) }
        }
        Kernel::Accumulate { input, output, elements } => {
            run!(data::accumulate::<S>, &(*input, *output, *elements))
        }
        Kernel::Proceed { step_block, rows } => {
            // SAFETY: this function's contract.
            unsafe { data::proceed(*step_block, *rows, context) }
        }
        Kernel::Gemm(k) => run!(gemm::gemm::<S>, k),
        Kernel::Map(k) => run!(map::map::<S>, k),
        Kernel::Reduce(k) => run!(reduce::reduce::<S>, k),
        Kernel::Softmax(k) => run!(rows::softmax::<S>, k),
        Kernel::CrossEntropy(k) => run!(rows::cross_entropy::<S>, k),
        Kernel::Mse(k) => run!(rows::mse::<S>, k),
        Kernel::Permute(k) => run!(data::permute, k),
        Kernel::ArgMax(k) => run!(rows::argmax, k),
        Kernel::Dropout(k) => run!(rows::dropout, k),
        Kernel::Metrics(k) => run!(data::metrics, k),
        Kernel::Update(k) => run!(update::update::<S>, k),
    }
}
