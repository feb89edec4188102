//! A product, or the column sums beside it, that is only added to a slot is added to it as it is summed. The sums are then
//! exactly the sum that the whole batch gives.

use crate::ir::Kernel;
use crate::ir::kernel::{Accumulate, Gemm, Sink};
use crate::plan::draft::Draft;

/// The product that can add to the slot itself, and where it stands.
pub(super) fn merge(draft: &Draft, place: usize) -> Option<(usize, Gemm)> {
    let Some(&Kernel::Accumulate(Accumulate { input, output, .. })) = draft.kernel(place) else {
        return None;
    };
    draft.sole_reader(input)?;
    let product = draft.writer(input)?;
    let Some(Kernel::Gemm(gemm)) = draft.kernel(product) else { return None };
    let mut merged = gemm.clone();
    if gemm.c == Sink::Store(input) && gemm.epilogue.is_none() {
        merged.c = Sink::Add(output);
    } else if gemm.column_sum == Some(Sink::Store(input)) {
        merged.column_sum = Some(Sink::Add(output));
    } else {
        return None;
    }
    Some((product, merged))
}
