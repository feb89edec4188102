//! In which type each value of a plan is kept: the one place that decides. Kernels find out from the values they are given.
//!
//! What has a row for each sample takes the memory of a step, and is kept in the type of its storage: inputs, activations, their
//! gradients. Sums, losses, targets, new weights and everything of one dimension (biases, statistics, weights of classes) take little or
//! none of it and are kept in the type of sums.

use std::collections::HashSet;

use super::draft::{Draft, Placed};
use crate::ir::kernel::{GatherRows, ScatterRows};
use crate::ir::{DType, Kernel, Meta, NumberTypes, Slot, Value};

/// What is kept of a result that lives within a step; `is_exact` says what the op knows of it. Whole numbers stay as they are.
pub(super) fn kept(meta: Meta, is_exact: bool, types: NumberTypes) -> Meta {
    let dtype = if is_exact || meta.shape.rank() < 2 { types.sums } else { types.storage };
    meta.kept_in(dtype)
}

/// Keeps in `dtype` what must not be rounded, and what it is made of: numbers by which rows are picked, for a rounded one would
/// pick another row; and new values of what lives from step to step, up to the gradient that they follow.
pub(super) fn keep_exact(draft: &mut Draft, dtype: DType) {
    let (mut indices, mut masters) = (HashSet::new(), HashSet::new());
    let kernels: Vec<Placed> = draft.kernels().cloned().collect();
    for Placed { kernel, writes, .. } in kernels.iter().rev() {
        if let Kernel::GatherRows(GatherRows { indices: by, .. })
        | Kernel::ScatterRows(ScatterRows { indices: by, .. }) = kernel
        {
            indices.insert(by.value);
        }
        if makes(kernel, &indices) {
            indices.extend(read(kernel));
        }
        let renews = writes.is_some_and(|slot| !matches!(slot, Slot::Gradient(_)));
        let by_element = matches!(kernel, Kernel::Map(_) | Kernel::Copy(_));
        if by_element && (renews || makes(kernel, &masters)) {
            masters.extend(read(kernel));
        }
    }
    for value in indices.into_iter().chain(masters) {
        let info = &mut draft.values[value.index()];
        if info.persistent.is_none() {
            info.meta = info.meta.kept_in(dtype);
        }
    }
}

fn makes(kernel: &Kernel, values: &HashSet<Value>) -> bool {
    values.iter().any(|&value| kernel.writes(value))
}

fn read(kernel: &Kernel) -> impl Iterator<Item = Value> + use<> {
    kernel.accesses().into_iter().filter(|(access, _)| access.reads()).map(|(_, value)| value)
}
