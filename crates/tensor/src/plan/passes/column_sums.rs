//! A product whose second operand is also summed over its rows does both: the bias gradient beside the weight gradient.

use crate::ir::Kernel;
use crate::ir::kernel::{Gemm, Reduce, Reduction, Sink};
use crate::plan::draft::Draft;

/// The product that can write the column sums at `place` as well, and where it stands.
pub(super) fn merge(draft: &Draft, place: usize) -> Option<(usize, Gemm)> {
    let Some(Kernel::Reduce(reduce)) = draft.kernel(place) else { return None };
    let Reduce { reduction: Reduction::Sum, input, output, outer: 1, reduced, inner } = *reduce else {
        return None;
    };
    let partner = |&reader: &usize| match draft.kernel(reader) {
        Some(Kernel::Gemm(gemm))
            if gemm.b == input && (gemm.k, gemm.n) == (reduced, inner) && gemm.column_sum.is_none() =>
        {
            Some((reader, Gemm { column_sum: Some(Sink::Store(output)), ..gemm.clone() }))
        }
        _ => None,
    };
    let (product, merged) = draft.readers(input).iter().find_map(partner)?;
    // The product may itself read the sums, as its bias or first operand.
    let is_read_by_then = draft.readers(output).first().is_some_and(|&reader| reader <= product);
    (!is_read_by_then).then_some((product, merged))
}
