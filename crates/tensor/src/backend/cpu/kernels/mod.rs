//! The kernels of the CPU, a file each: how it is cut into units, and what computes a range of them.
//!
//! The bodies are generic over the instruction set and always inlined into [`Simd::vectorize`].

mod accumulate;
mod advance;
mod argmax;
mod constant;
mod copy;
mod cross_entropy;
mod dropout;
mod exponentials;
mod gather;
mod gather_rows;
mod gather_targets;
mod gemm;
mod join;
mod map;
mod metrics;
mod mse;
#[cfg_attr(
    not(any(test, all(target_arch = "x86_64", target_os = "linux"))),
    expect(dead_code, reason = "no processor has tiles there")
)]
pub(super) mod on_tiles;
mod permute;
mod pick;
mod proceed;
mod reduce;
mod samples;
mod scatter_rows;
mod softmax;
mod update;

use std::ops::Range;

pub(super) use gemm::PANEL;

use super::Context;
use super::simd::Simd;
use crate::ir::kernel::dispatch;
use crate::ir::{Kernel, Program, Value};

/// Elements a thread takes at a time where nothing else suggests a unit.
const BLOCK: usize = 4096;

/// How the CPU computes a kernel.
trait Compute {
    /// Into how many units it is cut. Depends on its shape only, never on the number of threads.
    fn units(&self) -> usize;

    /// Which elements of an operand, as they lie in memory, the units `share` touch; `None` for all of them. `share` is
    /// not empty.
    fn part(&self, _: &Program, _share: &Range<usize>, _operand: Value) -> Option<Range<usize>> {
        None
    }

    /// Computes the units `share`.
    ///
    /// # Safety
    /// As [`execute`]. Must be inlined into [`Simd::vectorize`].
    unsafe fn compute<S: Simd>(&self, context: &Context<'_>, share: Range<usize>);
}

/// Into how many units a kernel is cut.
pub(super) fn units(kernel: &Kernel) -> usize {
    dispatch!(kernel, k => k.units())
}

/// Which elements of an operand the units `share` of `kernel` touch: see [`Compute::part`].
pub(super) fn part(
    kernel: &Kernel,
    program: &Program,
    share: &Range<usize>,
    operand: Value,
) -> Option<Range<usize>> {
    dispatch!(kernel, k => k.part(program, share, operand))
}

/// Elements of the rows `share` of an operand with so many columns.
fn rows(share: &Range<usize>, columns: usize) -> Option<Range<usize>> {
    Some(share.start * columns..share.end * columns)
}

/// Computes the units `share` of `kernel`.
///
/// # Safety
/// The processor must have the instruction set `S`; no other thread may touch the bytes that these units write, or
/// write those they read, meanwhile. The context must belong to the plan of the kernel.
pub(super) unsafe fn execute<S: Simd>(kernel: &Kernel, context: &Context<'_>, share: Range<usize>) {
    // SAFETY: this function's contract.
    dispatch!(kernel, k => unsafe {
        S::vectorize(
            #[inline(always)]
            || k.compute::<S>(context, share),
        )
    });
}
