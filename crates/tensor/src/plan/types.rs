//! In which type each value of a plan is kept: the one place that decides. Kernels find out from the values they are given.
//!
//! What has a row for each sample takes the memory of a step, and is kept in the type of its storage: inputs, activations, their
//! gradients. Sums, losses, targets and everything of one dimension (biases, statistics, weights of classes) take little or
//! none of it and are kept in the type of sums.

use std::collections::HashSet;

use super::draft::Draft;
use crate::ir::kernel::{GatherRows, ScatterRows};
use crate::ir::{DType, Kernel, Meta, NumberTypes, Value};

/// What is kept of a result that lives within a step; `is_exact` says what the op knows of it. Whole numbers stay as they are.
pub(super) fn kept(meta: Meta, is_exact: bool, types: NumberTypes) -> Meta {
    let dtype = if is_exact || meta.shape.rank() < 2 { types.sums } else { types.storage };
    meta.kept_in(dtype)
}

/// Keeps the numbers by which rows are picked in `dtype`, and what they are made of: a rounded one would pick another row.
pub(super) fn keep_indices(draft: &mut Draft, dtype: DType) {
    let mut exact: HashSet<Value> = HashSet::new();
    let kernels: Vec<Kernel> = draft.kernels().map(|placed| placed.kernel.clone()).collect();
    for kernel in kernels.iter().rev() {
        if let Kernel::GatherRows(GatherRows { indices, .. })
        | Kernel::ScatterRows(ScatterRows { indices, .. }) = kernel
        {
            exact.insert(indices.value);
        }
        if exact.iter().any(|&value| kernel.writes(value)) {
            let accesses = kernel.accesses().into_iter();
            exact.extend(accesses.filter(|(access, _)| access.reads()).map(|(_, value)| value));
        }
    }
    for value in exact {
        let info = &mut draft.values[value.index()];
        if info.persistent.is_none() {
            info.meta = info.meta.kept_in(dtype);
        }
    }
}
