//! Layout: a byte offset for every temporary.
//!
//! Spaces are stacked in a fixed order: each is put on top of the highest one below it that is needed at the same time. An offset
//! is thus a maximum of sums of sizes, and the total can never fall when a batch grows, which is what lets the largest batch be
//! solved for. Several orders are tried and the best total is taken: the minimum of monotone functions is monotone too.
//! `arrangement.rs` finds better ones where those tried first leave gaps.

use super::draft::Draft;
use super::schedule::Stage;
use super::space::Space;
use crate::error::Error;
use crate::ir::{Category, Extent, MOST_BYTES, Value};
use crate::packing::{Buffer, Packing, Stacks};

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// In the session's persistent part, from its start.
    Persistent(Extent),
    /// In the transient part, from its start.
    Transient(Extent),
}

/// A buffer of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PlacedBuffer {
    pub(super) place: Place,
    pub(super) category: Category,
}

/// The buffers of a draft. Temporaries have no place yet, and no bytes: those that no kernel touches get none.
pub(super) fn buffers(draft: &Draft, stages: &[Stage]) -> Vec<PlacedBuffer> {
    let nowhere = Place::Transient(Extent { offset: 0, bytes: 0 });
    let mut buffers: Vec<PlacedBuffer> = draft
        .values
        .iter()
        .map(|info| PlacedBuffer {
            place: info.persistent.map_or(nowhere, Place::Persistent),
            category: info.category,
        })
        .collect();
    for value in activations(draft, stages) {
        buffers[value.index()].category = Category::Activations;
    }
    buffers
}

/// Spaces as they are packed in the best of some orders, the first of equals. No order looks at a size.
///
/// # Errors
/// [`Error::PlanTooLarge`] if their bytes cannot be counted.
pub(super) fn pack<'o>(
    spaces: &[Space],
    orders: impl IntoIterator<Item = &'o Vec<usize>>,
) -> Result<Packing, Error> {
    let buffers: Vec<Buffer> = spaces.iter().map(Space::buffer).collect();
    let stacks = Stacks::new(&buffers).map_err(|_| Error::PlanTooLarge)?;
    let mut best: Option<Packing> = None;
    for order in orders {
        let packing = stacks.stack(order);
        if best.as_ref().is_none_or(|best| packing.total < best.total) {
            best = Some(packing);
        }
        if best.as_ref().is_some_and(Packing::is_optimal) {
            break;
        }
    }
    best.filter(|best| best.total <= MOST_BYTES).ok_or(Error::PlanTooLarge)
}

/// The orders that are tried first.
pub(super) fn simple_orders(spaces: &[Space]) -> Vec<Vec<usize>> {
    let sorted_by = |key: fn(&Space) -> (usize, usize)| {
        let mut order: Vec<usize> = (0..spaces.len()).collect();
        order.sort_by_key(|&space| key(&spaces[space]));
        order
    };
    vec![
        sorted_by(|space| (space.first, usize::MAX - space.last)),
        sorted_by(|space| (usize::MAX - (space.last - space.first), space.first)),
        sorted_by(|space| (usize::MAX - space.last, space.first)),
    ]
}

/// What the forward pass made and the backward pass reads, the batch aside.
fn activations(draft: &Draft, stages: &[Stage]) -> Vec<Value> {
    let kernels = stages.iter().flat_map(|stage| stage.kernels.iter().zip(&stage.backward));
    let read_backward = kernels.filter(|&(_, &backward)| backward).flat_map(|(kernel, _)| kernel.accesses());
    read_backward
        .filter(|&(access, value)| {
            let info = &draft.values[value.index()];
            access.reads()
                && !info.backward
                && info.persistent.is_none()
                && info.category == Category::Workspace
        })
        .map(|(_, value)| value)
        .collect()
}
