//! From a recorded graph to something executable: fused kernels in order, and a byte offset for every buffer.
//!
//! ```text
//! graph ── lower ──► kernels over values ── fuse ──► fewer kernels ── schedule ──► stages ── layout ──► offsets
//! ```
//!
//! * **lower** keeps what the outputs and effects need, and turns each op into one kernel.
//! * **fuse** merges epilogues, loss and gradient, neighbouring updates.
//! * **schedule** groups kernels that may run side by side into stages; between stages threads wait for one another.
//! * **layout** gives each temporary a place, from the stages in which it lives.
//!
//! A plan borrows no graph and knows no device memory: it can be made for any batch size without allocating a byte.

mod buffers;
mod fuse;
mod kernel;
mod layout;
mod lower;
mod report;
mod schedule;
mod staging;
mod state;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

pub use buffers::{BufferInfo, Segment};
pub(crate) use kernel::{
    Advance, ArgMax, CrossEntropy, Data, Dropout, Epilogue, Gather, GatherTargets, Gemm, Kernel, Map,
    MapInput, MapOp, MetricSums, Mse, Permute, Reduce, Reduction, RowScale, Softmax, Update, Value,
};
pub use report::{Category, MemoryReport};
pub use staging::Staging;
use state::MOST_BYTES;
pub use state::State;
pub(crate) use state::{ALIGNMENT, Extent, MetricBlock, Slot, StepBlock, align};

use crate::graph::Meta;
use crate::{Error, Graph, NodeId, Tensor};

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// In the session's persistent part, from its start.
    Persistent(Extent),
    /// In the transient part, from its start.
    Transient(Extent),
}

/// A buffer of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Buffer {
    pub(crate) place: Place,
    pub(crate) category: Category,
}

/// A graph made executable for one batch size.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    state: State,
    stages: Vec<Vec<Kernel>>,
    buffers: Vec<Buffer>,
    transient_bytes: usize,
    outputs: HashMap<NodeId, (Value, Meta)>,
    batch_size: usize,
}

impl Plan {
    /// Plans `graph` over `state`: everything that has an effect, and `outputs`, which can be read after each run.
    ///
    /// # Errors
    /// [`Error::Unknown`] if the graph uses a parameter, or a gradient, that `state` does not keep, [`Error::Shapes`] if
    /// it has another shape there; [`Error::Optimizer`], [`Error::UpdatedTwice`] or [`Error::BatchSizes`] if the graph is
    /// no one step; [`Error::PlanTooLarge`] if the sizes together overflow.
    pub fn new(graph: &Graph, state: &State, outputs: &[Tensor<'_>]) -> Result<Plan, Error> {
        let mut draft = lower::lower(graph, state, outputs)?;
        fuse::fuse(&mut draft);
        let stages = schedule::stages(&mut draft);
        let (buffers, transient_bytes) = layout::place(&draft, &stages)?;
        if state.bytes() + transient_bytes > MOST_BYTES {
            return Err(Error::PlanTooLarge);
        }
        let kernels: Vec<Vec<Kernel>> = stages.into_iter().map(|s| s.kernels).collect();
        let batch_size = common_batch_size(kernels.iter().flatten())?;
        let (state, outputs) = (state.clone(), draft.outputs);
        let plan = Plan { state, stages: kernels, buffers, transient_bytes, outputs, batch_size };
        #[cfg(test)]
        tests::assert_sound(&plan);
        Ok(plan)
    }

    /// What the plan keeps from run to run.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Samples each run takes from a dataset; 0 if it takes none.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// The kernels in stages: those of one stage may run at the same time.
    pub(crate) fn stages(&self) -> &[Vec<Kernel>] {
        &self.stages
    }

    /// The same for reading: the kernels' names, in stages.
    pub fn describe(&self) -> Vec<Vec<String>> {
        self.stages.iter().map(|stage| stage.iter().map(Kernel::to_string).collect()).collect()
    }

    /// Bytes a session with this plan alone takes.
    pub fn bytes(&self) -> usize {
        self.state.bytes() + self.transient_bytes
    }

    /// Every byte of a session with this plan alone, by category.
    pub fn report(&self) -> MemoryReport {
        Plan::report_together(std::slice::from_ref(self))
    }

    /// Every byte of a session with all of `plans`: the persistent part once, and the largest transient part. A byte is
    /// counted as the first plan that reaches it uses it, so a plan that fits into the arena of those before it adds
    /// nothing, and changes nothing of what they are said to take.
    pub fn report_together(plans: &[Plan]) -> MemoryReport {
        let mut report = MemoryReport::default();
        let mut reached = 0;
        for plan in plans.iter() {
            report.count(&plan.labelled(), reached..plan.bytes());
            reached = reached.max(plan.bytes());
        }
        report
    }

    /// Every buffer with its place in the arena and what it is for.
    fn labelled(&self) -> Vec<(Category, Extent)> {
        let persistent = self.state.bytes();
        let transient = self.buffers.iter().filter_map(|buffer| match buffer.place {
            Place::Transient(extent) => {
                Some((buffer.category, Extent { offset: persistent + extent.offset, ..extent }))
            }
            Place::Persistent(_) => None,
        });
        self.state.labelled().into_iter().chain(transient).collect()
    }

    /// Bytes of a session with all of `plans`.
    pub fn bytes_together(plans: &[Plan]) -> usize {
        let transient = plans.iter().map(|plan| plan.transient_bytes).max().unwrap_or(0);
        plans.first().map_or(0, |plan| plan.state.bytes()) + transient
    }

    pub(crate) fn kernels(&self) -> impl Iterator<Item = &Kernel> {
        self.stages.iter().flatten()
    }

    /// Offset of every value from the start of the arena.
    pub(crate) fn offsets(&self) -> Vec<usize> {
        let persistent = self.state.bytes();
        let offset = |buffer: &Buffer| match buffer.place {
            Place::Persistent(extent) => extent.offset,
            Place::Transient(extent) => persistent + extent.offset,
        };
        self.buffers.iter().map(offset).collect()
    }

    /// Where output `node` lies in the arena, and what it is.
    pub(crate) fn output(&self, node: NodeId) -> Result<(Extent, Meta), Error> {
        let &(value, meta) =
            self.outputs.get(&node).ok_or_else(|| Error::Unknown(format!("output node {}", node.0)))?;
        let extent = match self.buffers[value.index()].place {
            Place::Persistent(extent) => extent,
            Place::Transient(extent) => Extent { offset: self.state.bytes() + extent.offset, ..extent },
        };
        Ok((Extent { bytes: meta.bytes(), ..extent }, meta))
    }
}

/// The batch size on which all gathers agree; 0 if there are none.
fn common_batch_size<'k>(kernels: impl Iterator<Item = &'k Kernel>) -> Result<usize, Error> {
    let mut sizes = kernels.filter_map(batch_rows);
    let first = sizes.next().unwrap_or(0);
    match sizes.find(|&size| size != first) {
        Some(second) => Err(Error::BatchSizes { first, second }),
        None => Ok(first),
    }
}

fn batch_rows(kernel: &Kernel) -> Option<usize> {
    match kernel {
        Kernel::Gather(k) => Some(k.rows),
        Kernel::GatherTargets(k) => Some(k.rows),
        _ => None,
    }
}
