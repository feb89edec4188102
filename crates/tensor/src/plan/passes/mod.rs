//! Passes: rewrites of the kernel list, each of which saves a pass over memory or a stage. Each walks the list once and
//! finds partners by who makes and reads a value.
//!
//! | pass | from | to |
//! | --- | --- | --- |
//! | store | kernel, copy to a gradient's slot | kernel that writes the slot |
//! | epilogue | product, bias, residual, activation, mask | product with an epilogue |
//! | column sums | product over B, column sums of B | product that writes both |
//! | loss | losses, their gradient | one kernel for both |
//! | accumulate | product, addition to a gradient's slot | product that continues the slot's sums |
//! | unread | kernel whose results nobody reads | nothing |
//! | inputs | gathered samples that only products read | products that read them where the dataset has them |
//! | consume | product or column sums that are a gradient, the update along it | product that makes the update |
//! | update | updates of neighbouring parameters | one update over the range |
//! | recompute | activation that is kept from the forward to the backward pass | the same, computed again where that reads it |
//! | hoist | the transpose of a product's second operand | the same, beside the kernel that makes the product's first operand |
//! | renew | new value that is copied into its slot | kernel that writes the slot |
//! | in place | result made element by element of an operand that nobody needs any more | the same in the operand's place |
//!
//! None depends on a size, so plans for different batch sizes have the same kernels and their memory is comparable.

mod accumulate;
mod column_sums;
mod consume;
mod epilogue;
mod hoist;
mod in_place;
mod inputs;
mod loss;
mod recompute;
mod renew;
mod store;
mod unread;
mod update;

use super::draft::Draft;
use super::state::{Gradients, State};

/// Applies each pass. Returns how many products of the forward pass could be computed again.
pub(super) fn run(draft: &mut Draft, state: &State) -> usize {
    store::run(draft);
    epilogue::run(draft);
    draft.merge_each(column_sums::merge);
    loss::run(draft);
    draft.merge_each(accumulate::merge);
    unread::run(draft);
    inputs::run(draft, state.inputs(), state.number_types().compute);
    match state.gradients() {
        Gradients::Kept => update::run(draft),
        Gradients::Consumed => {
            consume::run(draft);
            update::run(draft); // of averages
        }
    }
    let products = recompute::run(draft, state.recompute());
    hoist::run(draft);
    renew::run(draft);
    in_place::run(draft);
    products
}
