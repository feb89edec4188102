//! Kernels whose results nobody reads are dropped, the last first, so that what only they read goes too.

use crate::plan::draft::Draft;

pub(super) fn run(draft: &mut Draft) {
    for place in draft.places().into_iter().rev() {
        let is_unread = draft.kernel(place).is_some_and(|kernel| {
            let written = kernel.accesses().into_iter().filter(|(access, _)| access.writes());
            written.map(|(_, value)| value).all(|v| draft.is_internal(v) && draft.readers(v).is_empty())
        });
        if is_unread {
            draft.take(place);
        }
    }
}
