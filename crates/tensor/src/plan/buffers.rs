//! A plan read out for people and pictures: every buffer by name, where it lies, and in which stages it is needed.
//!
//! Names and sizes come from the kernels that write the buffers, not from the layout: what a reader multiplies out here
//! must be what the layout has given room to.

use super::Plan;
use super::layout::Place;
use super::state::Group;
use crate::ir::kernel::Content;
use crate::ir::{Category, Extent, Kernel, Role, Value};

/// One buffer of a plan.
///
/// Example: [`MemoryReport`](crate::MemoryReport).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BufferInfo {
    /// What it holds: `inputs`, `relu(product + bias)`, `first moments`.
    pub name: String,
    /// How many numbers, dimension by dimension: `[64, 784]`.
    pub shape: Vec<usize>,
    /// Bytes of each number.
    pub element_bytes: usize,
    /// What it is for.
    pub category: Category,
    /// What changes the parameters it holds, or is kept for; `None` if it belongs to no parameters.
    pub role: Option<Role>,
    /// Its first byte in the arena.
    pub offset: usize,
    /// Its size: shape and element multiplied out, without alignment.
    pub bytes: usize,
    /// The first stage in which it is needed, counted from 0.
    pub first_stage: usize,
    /// The last one. A result that is read after the run is needed up to the last stage of all. A buffer whose place the next
    /// stage's result takes element by element, as it is read, is needed up to the stage before.
    pub last_stage: usize,
    /// Whether it outlives the run: parameters, gradients, moments, the step block, the metric sums.
    pub is_persistent: bool,
}

/// A run of bytes of the arena that are counted together.
///
/// Example: [`MemoryReport`](crate::MemoryReport).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segment {
    /// Its first byte.
    pub offset: usize,
    /// How many.
    pub bytes: usize,
    /// Under what they are counted.
    pub category: Category,
    /// The number, in [`Plan::buffers`], of the buffer for which they are counted; `None` for alignment and gaps.
    pub buffer: Option<usize>,
}

impl Plan {
    /// Every buffer: what persists first, then the rest in the order in which they come to life.
    #[must_use]
    pub fn buffers(&self) -> Vec<BufferInfo> {
        let mut buffers = self.persistent_buffers();
        let mut lives: Vec<Option<BufferInfo>> = vec![None; self.buffers.len()];
        for (stage, kernels) in self.stages.iter().enumerate() {
            for kernel in kernels {
                for (access, value) in kernel.accesses() {
                    self.touch(&mut lives[value.index()], stage, kernel, access.writes(), value);
                }
            }
        }
        for taken_over in self.spaces.iter().flat_map(|space| space.values.windows(2)) {
            let next = lives[taken_over[1].index()].as_ref().map(|life| life.first_stage);
            if let (Some(life), Some(next)) = (&mut lives[taken_over[0].index()], next) {
                life.last_stage = next - 1;
            }
        }
        let last = self.stages.len().saturating_sub(1);
        for &(value, _) in self.outputs.values() {
            if let Some(life) = &mut lives[value.index()] {
                life.last_stage = last;
            }
        }
        let mut transient: Vec<BufferInfo> = lives.into_iter().flatten().collect();
        transient.sort_by_key(|buffer| (buffer.first_stage, buffer.offset));
        buffers.extend(transient);
        buffers
    }

    /// The arena cut where what is counted changes: the [report](Plan::report) piece by piece. Of several buffers of one
    /// category that ever lie at a byte the first in [`Plan::buffers`] is the one it is counted for.
    #[must_use]
    pub fn segments(&self) -> Vec<Segment> {
        let buffers = self.buffers();
        let extents: Vec<Extent> =
            buffers.iter().map(|b| Extent { offset: b.offset, bytes: b.bytes }).collect();
        let mut cuts: Vec<usize> =
            extents.iter().flat_map(|e| [e.offset, e.end()]).chain([0, self.bytes()]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let piece = |ends: &[usize]| {
            let extent = Extent { offset: ends[0], bytes: ends[1] - ends[0] };
            let covering = (0..buffers.len()).filter(|&i| extents[i].overlaps(&extent));
            let buffer = covering.min_by_key(|&i| (buffers[i].category, i));
            let category = buffer.map_or(Category::Workspace, |i| buffers[i].category);
            Segment { offset: extent.offset, bytes: extent.bytes, category, buffer }
        };
        cuts.windows(2).map(piece).collect()
    }

    fn persistent_buffers(&self) -> Vec<BufferInfo> {
        let last_stage = self.stages.len().saturating_sub(1);
        let buffer = |group: &Group| BufferInfo {
            name: group.name.to_owned(),
            shape: vec![group.extent.bytes / group.dtype.size()],
            element_bytes: group.dtype.size(),
            category: group.category,
            role: group.role,
            offset: group.extent.offset,
            bytes: group.extent.bytes,
            first_stage: 0,
            last_stage,
            is_persistent: true,
        };
        self.state.groups().iter().map(buffer).collect()
    }

    /// Notes that a kernel of `stage` touches `value`, unless that persists. The first that does writes it.
    fn touch(
        &self,
        life: &mut Option<BufferInfo>,
        stage: usize,
        kernel: &Kernel,
        writes: bool,
        value: Value,
    ) {
        let buffer = &self.buffers[value.index()];
        let Place::Transient(extent) = buffer.place else { return };
        if let Some(life) = life {
            life.last_stage = stage;
        } else if writes {
            let Content { name, shape } = kernel.result(value);
            *life = Some(BufferInfo {
                name: name.to_owned(),
                shape,
                element_bytes: self.metas[value.index()].dtype.size(),
                category: buffer.category,
                role: None,
                offset: self.state.bytes() + extent.offset,
                bytes: extent.bytes,
                first_stage: stage,
                last_stage: stage,
                is_persistent: false,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::net::{Net, nets};

    fn size(buffer: &BufferInfo) -> usize {
        buffer.shape.iter().product::<usize>() * buffer.element_bytes
    }

    proptest! {
        #[test]
        fn what_is_read_out_is_what_is_planned(net in nets(), batch_size in 1usize..70) {
            for plan in [net.training_plan(batch_size), net.evaluation_plan(batch_size).0] {
                let buffers = plan.buffers();
                for buffer in &buffers {
                    prop_assert_eq!(size(buffer), buffer.bytes, "{:?}", buffer);
                    prop_assert!(!buffer.name.is_empty() && buffer.first_stage <= buffer.last_stage);
                    prop_assert!(buffer.offset + buffer.bytes <= plan.bytes());
                }
                let report = plan.report();
                for category in Category::ALL {
                    let counted = plan.segments().into_iter().filter(|s| s.category == category);
                    prop_assert_eq!(counted.map(|s| s.bytes as u64).sum::<u64>(), report.get(category));
                }
                let transient = buffers.iter().filter(|b| !b.is_persistent).count();
                prop_assert_eq!(transient, plan.values_written());
            }
        }

        #[test]
        fn two_buffers_that_are_needed_at_the_same_time_share_no_byte(net in nets(), batch_size in 1usize..70) {
            let buffers = net.training_plan(batch_size).buffers();
            for (i, a) in buffers.iter().enumerate() {
                for b in &buffers[..i] {
                    let meet = a.first_stage <= b.last_stage && b.first_stage <= a.last_stage;
                    let apart = a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
                    prop_assert!(!meet || apart, "{:?} {:?}", a, b);
                }
            }
        }
    }

    impl Plan {
        /// How many temporaries some kernel writes.
        fn values_written(&self) -> usize {
            let written = self.stages.iter().flatten().flat_map(|kernel| kernel.accesses());
            let written = written.filter(|(access, value)| {
                access.writes() && matches!(self.buffers[value.index()].place, Place::Transient(_))
            });
            written.map(|(_, value)| value).collect::<std::collections::HashSet<_>>().len()
        }
    }

    #[test]
    fn the_buffers_of_the_lessons_step_have_the_names_of_what_they_hold() {
        let net = Net::classifier(&[1, 28, 28], &[128], 10);
        let plan = net.training_plan(64);
        let held: Vec<(String, Vec<usize>, usize)> =
            plan.buffers().into_iter().map(|b| (b.name, b.shape, b.bytes)).collect();
        for (name, shape, bytes) in [
            ("parameters", vec![101_770], 407_080),
            ("inputs", vec![64, 784], 200_704),
            ("labels", vec![64], 64),
            ("relu(product + bias)", vec![64, 128], 32_768),
            ("product + bias", vec![64, 10], 2_560),
            ("gradient by logits", vec![64, 10], 2_560),
            ("gradient through relu", vec![64, 128], 32_768),
        ] {
            assert!(held.contains(&(name.to_owned(), shape, bytes)), "{name} in {held:?}");
        }
    }
}
