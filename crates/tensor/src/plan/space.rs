//! Spaces: what of the transient memory values need, and when. A value has a space of its own, or takes over that of another
//! one, in whose place it is written.

use super::draft::{Draft, place_of};
use super::schedule::Stage;
use crate::ir::{Value, align};
use crate::packing::Buffer;

/// Bytes that one value after another needs, from one stage to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Space {
    /// The values that lie there, in turn.
    pub(super) values: Vec<Value>,
    /// The first stage in which one of them is needed.
    pub(super) first: usize,
    /// The last one.
    pub(super) last: usize,
    /// As many as any of them has, aligned.
    pub(super) bytes: usize,
}

impl Space {
    /// The same as something to be packed.
    pub(super) fn buffer(&self) -> Buffer {
        Buffer { lower: self.first, upper: self.last + 1, size: self.bytes }
    }

    fn add(&mut self, value: Value, stage: usize, bytes: usize) {
        if !self.values.contains(&value) {
            self.values.push(value);
        }
        self.last = self.last.max(stage);
        self.bytes = self.bytes.max(bytes);
    }
}

/// The spaces of all temporaries that some kernel touches. Results that are read after the run are needed until then.
pub(super) fn spaces(draft: &Draft, stages: &[Stage]) -> Vec<Space> {
    let mut spaces: Vec<Option<Space>> = vec![None; draft.values.len()];
    let mut touch = |value: Value, stage: usize| {
        let info = &draft.values[value.index()];
        if info.persistent.is_none() {
            let new = || Space { values: Vec::new(), first: stage, last: stage, bytes: 0 };
            let space = &mut spaces[place_of(&draft.values, value).index()];
            space.get_or_insert_with(new).add(value, stage, align(info.bytes()));
        }
    };
    for (stage, kernels) in stages.iter().enumerate() {
        let touched = kernels.kernels.iter().flat_map(|kernel| kernel.accesses());
        touched.for_each(|(_, value)| touch(value, stage));
    }
    draft.outputs.values().for_each(|&(output, _)| touch(output, stages.len()));
    spaces.into_iter().flatten().collect()
}
