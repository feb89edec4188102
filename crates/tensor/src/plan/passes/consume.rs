//! A gradient that a product makes, or the column sums beside it, goes straight into the update of its parameter. And every
//! update is made as early as can be, since it ends the lives of what it is made of: once nobody reads the old parameter.

use crate::ir::kernel::{Gemm, Sink, Update};
use crate::ir::{Kernel, Slot};
use crate::plan::draft::{Draft, Placed, ValueInfo};
use crate::plan::schedule::meet;

pub(super) fn run(draft: &mut Draft) {
    for place in draft.places() {
        if let Some((product, merged)) = merge(draft, place) {
            // The merged kernel stands where nobody reads the old parameter any more.
            draft.take(product);
            draft.replace(place, merged);
        }
    }
    draft.reorder(make_updates_early);
}

/// The product that can make the update at `place`, and where it stands.
fn merge(draft: &Draft, place: usize) -> Option<(usize, Gemm)> {
    let Some(Kernel::Update(Update { target, gradient, .. })) = draft.kernel(place) else { return None };
    draft.sole_reader(*gradient)?;
    let product = draft.writer(*gradient)?;
    let Some(Kernel::Gemm(gemm)) = draft.kernel(product) else { return None };
    let mut merged = gemm.clone();
    let made = |sink: &Sink| *sink == Sink::Store(*gradient);
    let update = Sink::Update(target.clone());
    if made(&gemm.c) && gemm.epilogue.is_none() {
        merged.c = update;
    } else if gemm.column_sum.as_ref().is_some_and(made) {
        merged.column_sum = Some(update);
    } else {
        return None;
    }
    moves_safely(draft, product, place).then_some((product, merged))
}

/// Whether the product still finds its operands, and whoever reads its results finds those, if it is made later.
fn moves_safely(draft: &Draft, product: usize, place: usize) -> bool {
    let Some(kernel) = draft.kernel(product) else { return false };
    let between = (product + 1..place).filter_map(|between| draft.kernel(between));
    between.into_iter().all(|other| !meet(&draft.values, kernel, other))
}

/// Moves each update up to the last kernel that must come before it.
fn make_updates_early(kernels: &mut Vec<Placed>, values: &[ValueInfo]) {
    for i in 0..kernels.len() {
        if matches!(kernels[i].writes, Some(Slot::Parameter(_))) {
            let before =
                kernels[..i].iter().rposition(|other| meet(values, &kernels[i].kernel, &other.kernel));
            let update = kernels.remove(i);
            kernels.insert(before.map_or(0, |before| before + 1), update);
        }
    }
}
