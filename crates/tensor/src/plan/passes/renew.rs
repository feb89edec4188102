//! A new value that is only copied into its slot is written there in the first place, where nobody touches the slot meanwhile: a
//! running statistic, or the parameter and the moments of an optimizer of one's own, which are made element by element of the
//! old ones.

use crate::ir::kernel::{Copy, InPlace};
use crate::ir::{Access, Kernel, Value};
use crate::plan::draft::Draft;
use crate::plan::schedule::conflict;

pub(super) fn run(draft: &mut Draft) {
    for place in draft.places() {
        let Some(&Kernel::Copy(Copy { input, output, .. })) = draft.kernel(place) else { continue };
        if can_be_written_there(draft, place, input, output) {
            draft.take(place);
            draft.rename(input, output);
        }
    }
}

/// Whether the kernel that makes `input` can write it to `output`, where the kernel at `place` copies it.
fn can_be_written_there(draft: &Draft, place: usize, input: Value, output: Value) -> bool {
    let [from, to] = [input, output].map(|value| &draft.values[value.index()]);
    let is_for_slot = draft.is_internal(input) && to.persistent.is_some() && from.meta.dtype == to.meta.dtype;
    let Some(writer) = draft.writer(input).filter(|&writer| is_for_slot && writer < place) else {
        return false;
    };
    let touches = |&access: &(Access, Value)| conflict(&draft.values, access, (Access::Write, output));
    let changes = |&(access, value): &(Access, Value)| access.writes() && value == input;
    let meanwhile = (writer + 1..place).filter_map(|between| draft.kernel(between));
    let is_left_alone =
        meanwhile.into_iter().all(|kernel| !kernel.accesses().iter().any(|a| touches(a) || changes(a)));
    let Some(kernel) = draft.kernel(writer).filter(|_| is_left_alone) else { return false };
    let in_place = kernel.in_place();
    let by_element = |operand: Value| in_place.contains(&InPlace { operand, result: input });
    kernel.accesses().iter().filter(|access| touches(access)).all(|&(_, value)| by_element(value))
}
