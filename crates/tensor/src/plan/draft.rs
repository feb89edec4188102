//! A plan in the making: kernels over values that have no place yet, and who makes and reads each value.

use std::collections::HashMap;

use crate::ir::{Category, Extent, Kernel, Meta, Slot, TensorId, Value};

/// A value before it has a place.
#[derive(Clone, Debug)]
pub(super) struct ValueInfo {
    pub(super) meta: Meta,
    /// Where it lies, if in persistent memory.
    pub(super) persistent: Option<Extent>,
    /// Whether the backward pass made it.
    pub(super) backward: bool,
    pub(super) category: Category,
    /// The value in whose place it is written, which nobody needs from then on.
    pub(super) in_place_of: Option<Value>,
}

impl ValueInfo {
    /// A value that lives within one run.
    pub(super) fn temporary(meta: Meta, backward: bool) -> ValueInfo {
        let category = Category::Workspace;
        ValueInfo { meta, persistent: None, backward, category, in_place_of: None }
    }

    /// Bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.persistent.map_or_else(|| self.meta.bytes(), |extent| extent.bytes)
    }
}

/// Whose place a value has: that of the first of those that are written in one another's, or its own.
pub(super) fn place_of(values: &[ValueInfo], value: Value) -> Value {
    values[value.index()].in_place_of.map_or(value, |before| place_of(values, before))
}

/// A kernel, the pass it belongs to, and the slot it gives a new value, if that is what it is for.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) kernel: Kernel,
    pub(super) backward: bool,
    pub(super) writes: Option<Slot>,
}

/// Kernels in order, values, and outputs. A kernel that was merged into another leaves an empty place behind, so that
/// places keep their numbers.
#[derive(Debug, Default)]
pub(super) struct Draft {
    kernels: Vec<Option<Placed>>,
    pub(super) values: Vec<ValueInfo>,
    /// For each value the kernels that read it, in order.
    readers: Vec<Vec<usize>>,
    /// For each value the kernel that writes it first.
    writers: Vec<Option<usize>>,
    pub(super) outputs: HashMap<TensorId, (Value, Meta)>,
}

impl Draft {
    pub(super) fn add_value(&mut self, info: ValueInfo) -> Value {
        let value = Value(u32::try_from(self.values.len()).expect("a graph has at most u32::MAX values"));
        self.values.push(info);
        self.readers.push(Vec::new());
        self.writers.push(None);
        value
    }

    pub(super) fn push(&mut self, placed: Placed) {
        self.kernels.push(None);
        self.set(self.kernels.len() - 1, placed);
    }

    /// The places of kernels, in order.
    pub(super) fn places(&self) -> Vec<usize> {
        (0..self.kernels.len()).filter(|&place| self.kernels[place].is_some()).collect()
    }

    /// The kernel at a place; `None` if it was merged into another.
    pub(super) fn kernel(&self, place: usize) -> Option<&Kernel> {
        self.kernels[place].as_ref().map(|placed| &placed.kernel)
    }

    /// All kernels, in order.
    pub(super) fn kernels(&self) -> impl Iterator<Item = &Placed> {
        self.kernels.iter().flatten()
    }

    /// Puts another kernel at a place.
    pub(super) fn replace(&mut self, place: usize, kernel: impl Into<Kernel>) {
        if let Some(placed) = self.take(place) {
            self.set(place, Placed { kernel: kernel.into(), ..placed });
        }
    }

    /// Takes a kernel away.
    pub(super) fn take(&mut self, place: usize) -> Option<Placed> {
        let placed = self.kernels[place].take()?;
        for (_, value) in placed.kernel.accesses() {
            self.readers[value.index()].retain(|&reader| reader != place);
            if self.writers[value.index()] == Some(place) {
                self.writers[value.index()] = None;
            }
        }
        Some(placed)
    }

    fn set(&mut self, place: usize, placed: Placed) {
        for (access, value) in placed.kernel.accesses() {
            let readers = &mut self.readers[value.index()];
            if access.reads() && !readers.contains(&place) {
                let at = readers.partition_point(|&reader| reader < place);
                readers.insert(at, place);
            }
            if access.writes() {
                let writer = self.writers[value.index()].map_or(place, |writer| writer.min(place));
                self.writers[value.index()] = Some(writer);
            }
        }
        self.kernels[place] = Some(placed);
    }

    /// Merges the kernel at each place into another one, whose place `merge` names with the kernel that both become.
    pub(super) fn merge_each<K: Into<Kernel>>(&mut self, merge: fn(&Draft, usize) -> Option<(usize, K)>) {
        for place in self.places() {
            if let Some((partner, merged)) = merge(self, place) {
                self.take(place);
                self.replace(partner, merged);
            }
        }
    }

    /// Puts `new` in the place of `old` in every kernel.
    pub(super) fn rename(&mut self, old: Value, new: Value) {
        let touching = self.readers[old.index()].iter().chain(&self.writers[old.index()]);
        for place in touching.copied().collect::<Vec<_>>() {
            if let Some(mut placed) = self.take(place) {
                placed.kernel.replace(old, new);
                self.set(place, placed);
            }
        }
    }

    /// Changes the order of the kernels.
    pub(super) fn reorder(&mut self, order: impl FnOnce(&mut Vec<Placed>, &[ValueInfo])) {
        let mut kernels: Vec<Placed> = std::mem::take(&mut self.kernels).into_iter().flatten().collect();
        order(&mut kernels, &self.values);
        self.readers.iter_mut().for_each(Vec::clear);
        self.writers.fill(None);
        kernels.into_iter().for_each(|placed| self.push(placed));
    }

    /// The kernels that read `value`, in order.
    pub(super) fn readers(&self, value: Value) -> &[usize] {
        &self.readers[value.index()]
    }

    /// The first kernel that writes `value`.
    pub(super) fn writer(&self, value: Value) -> Option<usize> {
        self.writers[value.index()]
    }

    /// The only kernel that reads `value`, which is a temporary and no output.
    pub(super) fn sole_reader(&self, value: Value) -> Option<usize> {
        match self.readers(value) {
            [reader] if self.is_internal(value) => Some(*reader),
            _ => None,
        }
    }

    /// Whether nobody outside the plan sees `value`.
    pub(super) fn is_internal(&self, value: Value) -> bool {
        self.values[value.index()].persistent.is_none() && !self.is_output(value)
    }

    fn is_output(&self, value: Value) -> bool {
        self.outputs.values().any(|&(output, _)| output == value)
    }
}
