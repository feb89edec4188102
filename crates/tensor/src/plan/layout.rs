//! Layout: a byte offset for every temporary, from the stages in which it lives.
//!
//! Values are stacked in a fixed order: each is put on top of the highest one below it that lives at the same time.
//! An offset is thus a maximum of sums of sizes, and the total can never fall when a batch grows, which is what lets
//! the largest batch be solved for. Filling gaps first-fit would pack no better here and lose that. Several orders are
//! tried and the best total is taken: the minimum of monotone functions is monotone too.

use super::draft::Draft;
use super::schedule::Stage;
use crate::error::Error;
use crate::ir::{Category, Extent, MOST_BYTES, Value, align};

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

/// First and last stage in which a value is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Life {
    value: Value,
    first: usize,
    last: usize,
}

impl Life {
    fn meets(&self, other: &Life) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// The buffers of a draft and the bytes its temporaries take together.
///
/// # Errors
/// [`Error::PlanTooLarge`] if those bytes cannot be counted.
pub(super) fn place(draft: &Draft, stages: &[Stage]) -> Result<(Vec<PlacedBuffer>, usize), Error> {
    let lives = lives(draft, stages);
    let (offsets, total) = orders(&lives)
        .into_iter()
        .filter_map(|order| stack(draft, &order))
        .min_by_key(|(_, total)| *total)
        .ok_or(Error::PlanTooLarge)?;
    let mut buffers: Vec<PlacedBuffer> = draft
        .values
        .iter()
        .map(|info| {
            let extent =
                info.persistent.map_or(Place::Transient(Extent { offset: 0, bytes: 0 }), Place::Persistent);
            PlacedBuffer { place: extent, category: info.category }
        })
        .collect();
    for (value, offset) in offsets {
        let bytes = draft.values[value.index()].bytes();
        buffers[value.index()].place = Place::Transient(Extent { offset, bytes });
    }
    for value in activations(draft, stages) {
        buffers[value.index()].category = Category::Activations;
    }
    Ok((buffers, total))
}

/// The life of every temporary that some kernel touches.
fn lives(draft: &Draft, stages: &[Stage]) -> Vec<Life> {
    let mut lives: Vec<Option<Life>> = vec![None; draft.values.len()];
    for (stage, kernels) in stages.iter().enumerate() {
        for (_, value) in kernels.kernels.iter().flat_map(|kernel| kernel.accesses()) {
            let life = lives[value.index()].get_or_insert(Life { value, first: stage, last: stage });
            life.last = stage;
        }
    }
    for (output, _) in draft.outputs.values() {
        if let Some(life) = &mut lives[output.index()] {
            life.last = stages.len();
        }
    }
    lives.into_iter().flatten().filter(|life| draft.values[life.value.index()].persistent.is_none()).collect()
}

/// The orders in which values are stacked; none looks at a size.
fn orders(lives: &[Life]) -> Vec<Vec<Life>> {
    let sorted_by = |key: fn(&Life) -> (usize, usize, Value)| {
        let mut order = lives.to_vec();
        order.sort_by_key(key);
        order
    };
    vec![
        sorted_by(|l| (l.first, usize::MAX - l.last, l.value)),
        sorted_by(|l| (usize::MAX - (l.last - l.first), l.first, l.value)),
        sorted_by(|l| (usize::MAX - l.last, l.first, l.value)),
    ]
}

/// Offsets in the given order and the total, unless that is more than any memory has.
fn stack(draft: &Draft, order: &[Life]) -> Option<(Vec<(Value, usize)>, usize)> {
    let mut placed: Vec<(Life, usize)> = Vec::with_capacity(order.len());
    let mut total = 0;
    for life in order {
        let offset =
            placed.iter().filter(|(other, _)| other.meets(life)).map(|&(_, end)| end).max().unwrap_or(0);
        // Neither summand is much above `MOST_BYTES`: the sum cannot overflow before it is compared.
        let end = offset + align(draft.values[life.value.index()].bytes());
        if end > MOST_BYTES {
            return None;
        }
        placed.push((*life, end));
        total = total.max(end);
    }
    let offset =
        |(life, end): &(Life, usize)| (life.value, end - align(draft.values[life.value.index()].bytes()));
    Some((placed.iter().map(offset).collect(), total))
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
