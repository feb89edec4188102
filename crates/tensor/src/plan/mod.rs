//! From a recorded graph to something executable: fused kernels in order, and a byte offset for every buffer.
//!
//! ```text
//! graph ── sketch ──► what is needed, constants folded ── lower ──► kernels over values ── passes ──► fewer kernels
//!       ── schedule ──► stages ── layout ──► offsets
//! ```
//!
//! * **sketch** folds constants and keeps what outputs and effects need.
//! * **lower** turns each op into kernels.
//! * **passes** merge epilogues, loss and gradient, neighbouring updates.
//! * **schedule** groups kernels that may run side by side into stages; between stages threads wait for one another.
//! * **layout** gives each temporary a place, from the stages in which it lives; **arrangement** a better one.
//!
//! A plan borrows no graph and knows no device memory: it can be made for any batch size without allocating a byte.

mod arrangement;
mod buffers;
mod draft;
mod layout;
mod lower;
mod needs;
mod panels;
mod passes;
mod schedule;
mod sketch;
mod space;
mod state;
#[cfg(test)]
mod tests;
mod types;

use std::collections::HashMap;
use std::sync::Arc;

pub use arrangement::Arrangements;
pub use buffers::{BufferInfo, Segment};
use layout::{Place, PlacedBuffer};
pub(crate) use panels::Layouts;
use space::Space;
pub(crate) use state::SlotEntry;
pub use state::{Gradients, Inputs, Recompute, State};

use crate::error::Error;
use crate::graph::{Graph, Tensor};
use crate::ir::{
    Category, DatasetNeeds, Extent, GraphId, Kernel, MOST_BYTES, MemoryReport, Meta, Staging, TensorId, Value,
};
use crate::packing::Packing;

/// A graph made executable for one batch size.
///
/// ```
/// use plangrad_tensor::{Graph, Parameters, Plan, Shape, State};
///
/// let graph = Graph::new();
/// let x = graph.full(2.0, Shape::new(&[1000])?)?;
/// let plan = Plan::new(&graph, &State::inference(&Parameters::new())?, &[x.exp()?])?;
/// // Known before anything runs: its kernels, stage by stage, and its bytes.
/// assert_eq!(plan.describe().len(), 2);
/// assert!(plan.bytes() >= 4000 && plan.bytes() == plan.report().total() as usize);
/// # Ok::<(), plangrad_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    state: State,
    stages: Arc<Vec<Vec<Kernel>>>,
    buffers: Vec<PlacedBuffer>,
    /// Shape and type of each of them.
    metas: Arc<Vec<Meta>>,
    /// The parts of the transient memory that its temporaries need.
    spaces: Arc<Vec<Space>>,
    transient_bytes: usize,
    /// It is proven that they need as many: they do at once, or no layout has fewer.
    least_transient_bytes: usize,
    /// Products of the forward pass that could be computed again.
    products: usize,
    outputs: HashMap<TensorId, (Value, Meta)>,
    needs: DatasetNeeds,
    graph: GraphId,
}

impl Plan {
    /// Plans `graph` over `state`: everything that has an effect, and `outputs`, which can be read after each run.
    ///
    /// # Errors
    /// [`Error::NotKept`] if the graph uses a parameter, or a gradient, that `state` does not keep; [`Error::Optimizer`],
    /// [`Error::UpdatedTwice`], [`Error::BatchSizes`] or [`Error::TwoDatasets`] if the graph is not one step;
    /// [`Error::PlanTooLarge`] if the sizes together overflow.
    pub fn new(graph: &Graph, state: &State, outputs: &[Tensor<'_>]) -> Result<Plan, Error> {
        let mut draft = lower::lower(graph, state, outputs)?;
        let products = passes::run(&mut draft, state);
        schedule::check_operands(&draft);
        let stages = schedule::stages(&draft);
        let (buffers, spaces) = (layout::buffers(&draft, &stages), space::spaces(&draft, &stages));
        let stages: Vec<Vec<Kernel>> = stages.into_iter().map(|stage| stage.kernels).collect();
        let needs = needs::of(stages.iter().flatten())?;
        let metas = Arc::new(draft.values.iter().map(|info| info.meta).collect());
        let packing = layout::pack(&spaces, &layout::simple_orders(&spaces))?;
        if state.bytes() + packing.total > MOST_BYTES {
            return Err(Error::PlanTooLarge);
        }
        let plan = Plan {
            state: state.clone(),
            stages: Arc::new(stages),
            buffers,
            metas,
            spaces: Arc::new(spaces),
            transient_bytes: 0,
            least_transient_bytes: packing.bound,
            products,
            outputs: draft.outputs,
            needs,
            graph: graph.id(),
        };
        Ok(plan.placed(&packing))
    }

    /// Whether no other layout takes less.
    fn has_least_bytes(&self) -> bool {
        self.transient_bytes == self.least_transient_bytes
    }

    /// The same, of which it is proven that its temporaries take at least so many bytes.
    fn proven(self, bytes: usize) -> Plan {
        Plan { least_transient_bytes: self.least_transient_bytes.max(bytes), ..self }
    }

    /// The same with its temporaries stacked in an order, if that takes less memory.
    fn stacked(self, order: &Vec<usize>) -> Plan {
        match layout::pack(&self.spaces, [order]) {
            Ok(packing) if packing.total < self.transient_bytes => self.placed(&packing),
            _ => self,
        }
    }

    /// The same with its temporaries in these places.
    fn placed(self, packing: &Packing) -> Plan {
        let Plan { spaces, metas, mut buffers, .. } = self;
        for (space, &offset) in spaces.iter().zip(&packing.offsets) {
            for value in &space.values {
                let bytes = metas[value.index()].bytes();
                buffers[value.index()].place = Place::Transient(Extent { offset, bytes });
            }
        }
        let plan = Plan { spaces, metas, buffers, transient_bytes: packing.total, ..self };
        #[cfg(test)]
        tests::assert_sound(&plan);
        plan
    }

    /// What the plan keeps from run to run.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The graph it was made of.
    #[must_use]
    pub fn graph(&self) -> GraphId {
        self.graph
    }

    /// Samples each run takes from a dataset; 0 if it takes none.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.needs.batch_size
    }

    /// What it reads of a dataset.
    pub(crate) fn needs(&self) -> &DatasetNeeds {
        &self.needs
    }

    /// Room behind all of `plans` for the largest batch of any of them, on a device that brings batches to its memory.
    pub(crate) fn staging(plans: &[Plan]) -> Staging {
        let most = |bytes: fn(&DatasetNeeds) -> usize| plans.iter().map(|plan| bytes(&plan.needs)).max();
        let (samples, targets) = (most(DatasetNeeds::sample_bytes), most(DatasetNeeds::target_bytes));
        Staging::new(Plan::bytes_together(plans), samples.unwrap_or(0), targets.unwrap_or(0))
    }

    /// The names of its kernels, in stages: those of one stage may run at the same time.
    #[must_use]
    pub fn describe(&self) -> Vec<Vec<String>> {
        self.stages.iter().map(|stage| stage.iter().map(Kernel::to_string).collect()).collect()
    }

    /// Products of its forward pass that [`Recompute`] can choose among.
    #[must_use]
    pub fn products(&self) -> usize {
        self.products
    }

    /// Arithmetic of a run: 2 m n k for a product of `[m, k]` and `[k, n]`, and one for each number that any other kernel reads or
    /// writes.
    ///
    /// ```
    /// use plangrad_tensor::{Graph, Parameters, Plan, Shape, State};
    ///
    /// let graph = Graph::new();
    /// let (a, b) = (graph.full(1.0, Shape::new(&[2, 3])?)?, graph.full(1.0, Shape::new(&[3, 5])?)?);
    /// let plan = Plan::new(&graph, &State::inference(&Parameters::new())?, &[a.matmul(b)?])?;
    /// assert_eq!(plan.operations(), 2 * 2 * 3 * 5 + 6 + 15); // and two operands are filled
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.stages.iter().flatten().map(Kernel::operations).sum()
    }

    /// Bytes a session with this plan alone takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.state.bytes() + self.transient_bytes
    }

    /// Bytes that any layout of its buffers takes: what persists, and of the rest what is needed at once, or what a search has
    /// proven. If that is [`Plan::bytes`], its layout is the best there is.
    #[must_use]
    pub fn least_bytes(&self) -> usize {
        self.state.bytes() + self.least_transient_bytes
    }

    /// Every byte of a session with this plan alone, by category.
    #[must_use]
    pub fn report(&self) -> MemoryReport {
        Plan::report_together(std::slice::from_ref(self))
    }

    /// Every byte of a session with all of `plans`: the persistent part once, and the largest transient part. A byte is
    /// counted as the first plan that reaches it uses it, so a plan that fits into the arena of those before it adds
    /// nothing, and changes nothing of what they are said to take.
    #[must_use]
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
    #[must_use]
    pub fn bytes_together(plans: &[Plan]) -> usize {
        let transient = plans.iter().map(|plan| plan.transient_bytes).max().unwrap_or(0);
        plans.first().map_or(0, |plan| plan.state.bytes()) + transient
    }

    /// Offset of every value from the start of the arena.
    fn offsets(&self) -> Vec<usize> {
        let persistent = self.state.bytes();
        let offset = |buffer: &PlacedBuffer| match buffer.place {
            Place::Persistent(extent) => extent.offset,
            Place::Transient(extent) => persistent + extent.offset,
        };
        self.buffers.iter().map(offset).collect()
    }

    /// Where an output lies in the arena, and what it is.
    pub(crate) fn output(&self, id: TensorId) -> Result<(Extent, Meta), Error> {
        let &(value, meta) = self.outputs.get(&id).ok_or(Error::NotAnOutput(id))?;
        let extent = match self.buffers[value.index()].place {
            Place::Persistent(extent) => extent,
            Place::Transient(extent) => Extent { offset: self.state.bytes() + extent.offset, ..extent },
        };
        Ok((Extent { bytes: meta.bytes(), ..extent }, meta))
    }
}
