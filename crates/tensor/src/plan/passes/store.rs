//! A gradient that is only copied into its slot is written there in the first place.

use crate::ir::kernel::Copy;
use crate::ir::{Kernel, Slot};
use crate::plan::draft::Draft;

pub(super) fn run(draft: &mut Draft) {
    let stores = draft.kernels().filter(|placed| matches!(placed.writes, Some(Slot::Gradient(_))));
    let stores: Vec<Kernel> = stores.map(|placed| placed.kernel.clone()).collect();
    for store in stores {
        let Kernel::Copy(Copy { input, output, .. }) = store else { continue };
        let place = draft.readers(input).iter().copied().find(|&place| draft.kernel(place) == Some(&store));
        let Some(place) = place else { continue };
        if draft.is_internal(input) && draft.writer(input).is_some() {
            draft.take(place);
            draft.rename(input, output);
        }
    }
}
