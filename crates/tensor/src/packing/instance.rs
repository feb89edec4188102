//! A packing problem as the search sees it: only the moments that matter, and who meets whom.

use std::ops::Range;

use super::buffer::Buffer;

/// Buffers over *sections*: moments behind the last of several starts, before an end. What meets anywhere meets in one of
/// them, and every other moment has only buffers that one of them has too.
#[derive(Debug)]
pub(super) struct Instance {
    /// The buffers that need a place, by their first section.
    pub(super) items: Vec<Item>,
    /// For each of them those that it meets.
    pub(super) met: Vec<Vec<usize>>,
    /// The bytes alive in each section.
    pub(super) alive: Vec<usize>,
    /// Buffers that were given.
    pub(super) given: usize,
}

/// A buffer that needs a place.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its number among those given.
    pub(super) buffer: usize,
    /// Where it lives.
    pub(super) sections: Range<usize>,
    pub(super) size: usize,
}

impl Instance {
    pub(super) fn new(buffers: &[Buffer]) -> Instance {
        let sections = sections(buffers);
        let at = |moment: usize| sections.partition_point(|&section| section < moment);
        let item = |(number, buffer): (usize, &Buffer)| Item {
            buffer: number,
            sections: at(buffer.lower)..at(buffer.upper),
            size: buffer.size,
        };
        let mut items: Vec<Item> =
            buffers.iter().enumerate().filter(|(_, buffer)| needs_place(buffer)).map(item).collect();
        items.sort_by_key(|item| (item.sections.start, item.sections.end, item.buffer));
        let mut alive = vec![0; sections.len()];
        items
            .iter()
            .for_each(|item| alive[item.sections.clone()].iter_mut().for_each(|sum| *sum += item.size));
        let met = met(&items);
        Instance { items, met, alive, given: buffers.len() }
    }

    /// The most bytes alive at once.
    pub(super) fn most_alive(&self) -> usize {
        self.alive.iter().copied().max().unwrap_or(0)
    }

    /// The most bytes alive while an item is.
    pub(super) fn most_alive_with(&self, item: &Item) -> usize {
        self.alive[item.sections.clone()].iter().copied().max().unwrap_or(0)
    }

    /// From an offset for each item to one for each buffer.
    pub(super) fn offsets(&self, of_items: &[usize]) -> Vec<usize> {
        let mut offsets = vec![0; self.given];
        for (item, &offset) in self.items.iter().zip(of_items) {
            offsets[item.buffer] = offset;
        }
        offsets
    }
}

fn needs_place(buffer: &Buffer) -> bool {
    buffer.lower < buffer.upper && buffer.size > 0
}

/// The last start before each end that follows a start.
fn sections(buffers: &[Buffer]) -> Vec<usize> {
    let living = || buffers.iter().filter(|buffer| needs_place(buffer));
    let mut events: Vec<(usize, bool)> = living().map(|buffer| (buffer.lower, true)).collect();
    events.extend(living().map(|buffer| (buffer.upper, false)));
    events.sort_unstable();
    let mut sections = Vec::new();
    let mut last_start = None;
    for (moment, starts) in events {
        if starts {
            last_start = Some(moment);
        } else {
            sections.extend(last_start.take());
        }
    }
    sections
}

/// For each of these items, which are in the order of their starts, those that share a section with it.
fn met(items: &[Item]) -> Vec<Vec<usize>> {
    let mut met = vec![Vec::new(); items.len()];
    for (i, item) in items.iter().enumerate() {
        for (j, other) in items.iter().enumerate().skip(i + 1) {
            if other.sections.start >= item.sections.end {
                break;
            }
            met[i].push(j);
            met[j].push(i);
        }
    }
    met
}
