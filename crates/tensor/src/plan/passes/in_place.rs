//! What a kernel makes of an operand element by element takes the operand's place, if nobody needs the operand afterwards. Those
//! who read it later are moved before the kernel where nothing else speaks against that: the gradient of a layer's weight,
//! which reads the layer's activations, is made before the gradient through the activation function, which then lies there.

use crate::ir::Value;
use crate::ir::kernel::InPlace;
use crate::plan::draft::Draft;
use crate::plan::schedule::meet;

pub(super) fn run(draft: &mut Draft) {
    draft.reorder(|_, _| {}); // so that places have no gaps
    let mut place = 0;
    while let Some(kernel) = draft.kernel(place) {
        let fits = kernel.in_place().into_iter().filter(|pair| fits(draft, place, pair));
        let found = fits.filter_map(|pair| Some((pair, readers_to_move(draft, place, pair.operand)?))).next();
        let Some((InPlace { operand, result }, readers)) = found else {
            place += 1;
            continue;
        };
        draft.values[result.index()].in_place_of = Some(operand);
        // Those that are moved come next: they may have results of this kind, too.
        draft.move_before(place, &readers);
    }
}

/// Whether the result that the kernel at `place` makes of an operand can have its place, as far as the two of them go.
fn fits(draft: &Draft, place: usize, pair: &InPlace) -> bool {
    let [operand, result] = [pair.operand, pair.result].map(|value| &draft.values[value.index()]);
    let is_free = draft.is_internal(pair.operand) && result.persistent.is_none();
    let is_taken = draft.values.iter().any(|info| info.in_place_of == Some(pair.operand));
    let same_size = operand.meta.dtype == result.meta.dtype && operand.bytes() == result.bytes();
    let is_made_here = draft.writer(pair.result) == Some(place) && draft.writers(pair.result) == 1;
    is_free && !is_taken && result.in_place_of.is_none() && same_size && is_made_here
}

/// The kernels behind `place` that read `value`, with all that must be before them; `None` if these cannot go before `place`.
fn readers_to_move(draft: &Draft, place: usize, value: Value) -> Option<Vec<usize>> {
    let readers: Vec<usize> = draft.readers(value).iter().copied().filter(|&reader| reader > place).collect();
    let mut moved: Vec<usize> = Vec::new();
    for at in (place + 1..=readers.last().copied().unwrap_or(place)).rev() {
        let kernel = draft.kernel(at)?;
        let is_needed =
            || moved.iter().any(|&later| draft.kernel(later).is_some_and(|k| meet(&draft.values, kernel, k)));
        if readers.contains(&at) || is_needed() {
            moved.push(at);
        }
    }
    moved.reverse();
    let stays = draft.kernel(place)?;
    let is_free = |&at: &usize| draft.kernel(at).is_some_and(|kernel| !meet(&draft.values, stays, kernel));
    moved.iter().all(is_free).then_some(moved)
}
