//! Losses and their gradient come from one kernel.

use crate::ir::Kernel;
use crate::ir::kernel::{CrossEntropy, Mse, RowScale};
use crate::plan::draft::Draft;

pub(super) fn run(draft: &mut Draft) {
    for place in draft.places() {
        let Some(kernel) = draft.kernel(place) else { continue };
        let (Kernel::CrossEntropy(CrossEntropy { logits: scores, .. })
        | Kernel::Mse(Mse { prediction: scores, .. })) = kernel
        else {
            continue;
        };
        let merged = draft.readers(*scores).iter().find_map(|&reader| {
            let other = draft.kernel(reader).filter(|_| reader > place)?;
            Some((reader, merge(kernel, other)?))
        });
        if let Some((gradient, merged)) = merged {
            draft.take(gradient);
            draft.replace(place, merged);
        }
    }
}

/// One kernel for the losses of `a` and the gradient of `b`, whose scale must be known where the losses are computed.
fn merge(a: &Kernel, b: &Kernel) -> Option<Kernel> {
    match (a, b) {
        (Kernel::CrossEntropy(a), Kernel::CrossEntropy(b)) => {
            let same = (a.logits, a.labels, a.share) == (b.logits, b.labels, b.share);
            let apart = a.dlogits.is_none() && b.losses.is_none() && is_known(b.scale);
            (same && apart).then(|| CrossEntropy { losses: a.losses, ..b.clone() }.into())
        }
        (Kernel::Mse(a), Kernel::Mse(b)) => {
            let same = (a.prediction, a.target) == (b.prediction, b.target);
            let apart = a.dprediction.is_none() && b.losses.is_none() && is_known(b.scale);
            (same && apart).then(|| Mse { losses: a.losses, ..b.clone() }.into())
        }
        _ => None,
    }
}

fn is_known(scale: RowScale) -> bool {
    matches!(scale, RowScale::Constant(_))
}
