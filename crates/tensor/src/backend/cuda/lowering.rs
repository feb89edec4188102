//! What lowering a kernel needs: where values lie, how work is cut, and the step that is being made.

use super::common::{THREADS, WARPS};
use super::cpp::{Address, Input};
use super::function::Function;
use super::items::{Item, Items, KernelParameters, MOST_ITEMS, Work};
use super::runtime::{Launch, Order};
use super::tile::Tile;
use crate::ir::Value;
use crate::ir::kernel::{ConstantData, Gemm, RowScale};

/// Most blocks of an item: enough to fill any GPU many times over.
const MOST_BLOCKS: u64 = 4096;

/// A kernel of a plan that can be lowered.
pub(super) trait Lower {
    /// Adds what it becomes to a step: jobs, mostly one.
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder);
}

/// Where a program's values and its feed lie, and how its work is cut.
pub(super) struct Lowering<'a> {
    pub(super) value: &'a dyn Fn(Value) -> Address,
    pub(super) feed: Address,
    pub(super) sizing: Sizing,
}

impl Lowering<'_> {
    /// Where a value lies.
    pub(super) fn at<A: From<Address>>(&self, value: Value) -> A {
        (self.value)(value).into()
    }

    /// The same; null without a value.
    pub(super) fn at_or_null<A: From<Address>>(&self, value: Option<Value>) -> A {
        value.map_or_else(|| 0.into(), |value| self.at(value))
    }

    /// Where the feed lies.
    pub(super) fn feed<A: From<Address>>(&self) -> A {
        self.feed.into()
    }

    /// The factor of all rows, or where those of each row lie.
    pub(super) fn row_scale(&self, scale: RowScale) -> (f32, Input<f32>) {
        match scale {
            RowScale::Constant(scale) => (scale, 0.into()),
            RowScale::PerRow(scales) => (0.0, self.at(scales)),
        }
    }
}

/// Whether four numbers can be read at once.
pub(super) fn on_16_bytes(address: Address) -> bool {
    address.is_multiple_of(16)
}

/// How work is cut: the same for every device. Tests choose other sizes to reach every tile and every loop with small
/// arrays.
#[derive(Clone, Copy)]
pub(super) struct Sizing {
    pub(super) tile: fn(&Gemm) -> Tile,
    /// Most blocks of an item.
    pub(super) most_blocks: u64,
}

impl Sizing {
    /// For devices on which large products may be rounded to TF32.
    pub(super) fn tf32() -> Sizing {
        Sizing { tile: Tile::of_tf32, ..Sizing::default() }
    }
}

impl Default for Sizing {
    fn default() -> Sizing {
        Sizing { tile: Tile::of, most_blocks: MOST_BLOCKS }
    }
}

/// Work of one kind that has no place in a launch yet.
pub(super) struct Job {
    kind: u32,
    work: Work,
    /// How many it is worth.
    blocks: u64,
    /// Shared memory of a block.
    shared_bytes: u32,
    function: Function,
    /// Whether no other function has its kernel.
    only_there: bool,
    /// Whether it reads the feed.
    gathers: bool,
}

impl Job {
    /// For so many blocks.
    pub(super) fn new<P: KernelParameters>(parameters: P, blocks: u64) -> Job {
        Job {
            kind: P::KIND,
            work: Work::new(parameters),
            blocks,
            shared_bytes: 0,
            function: Function::Stage,
            only_there: false,
            gathers: false,
        }
    }

    /// With elements as units, a thread for each.
    pub(super) fn by_element<P: KernelParameters>(parameters: P, elements: usize) -> Job {
        Job::new(parameters, (elements as u64).div_ceil(THREADS.into()))
    }

    /// With rows as units, a warp for each.
    pub(super) fn by_row<P: KernelParameters>(parameters: P, rows: usize) -> Job {
        Job::new(parameters, (rows as u64).div_ceil(WARPS.into()))
    }

    pub(super) fn with_shared_memory(self, bytes: u32) -> Job {
        Job { shared_bytes: bytes, ..self }
    }

    /// In a launch of this function, or of one that can do more.
    pub(super) fn in_function(self, function: Function) -> Job {
        Job { function, ..self }
    }

    /// In launches of its function alone: others have no registers left for its kernel.
    pub(super) fn only_there(self) -> Job {
        Job { only_there: true, ..self }
    }

    /// Reading the feed.
    pub(super) fn gathering(self) -> Job {
        Job { gathers: true, ..self }
    }

    fn item(&self, most_blocks: u64) -> Item {
        Item { kind: self.kind, blocks: self.blocks.min(most_blocks) as u32, work: self.work }
    }
}

/// A step in the making.
pub(super) struct StepBuilder {
    orders: Vec<Order>,
    /// Tasks of the stage that is being lowered.
    stage: Vec<Job>,
    most_blocks: u64,
}

impl StepBuilder {
    pub(super) fn new(sizing: Sizing) -> StepBuilder {
        StepBuilder { orders: Vec::new(), stage: Vec::new(), most_blocks: sizing.most_blocks }
    }

    /// Adds a job to the stage.
    pub(super) fn push(&mut self, job: Job) {
        self.stage.push(job);
    }

    /// Adds a copy of numbers that the plan carries.
    pub(super) fn copy(&mut self, to: Address, data: ConstantData) {
        self.orders.push(Order::Constant { to, data });
    }

    /// Turns the stage's jobs into launches: one, unless they are more than it has room for, or some are apart.
    pub(super) fn finish_stage(&mut self) {
        self.stage.retain(|job| job.blocks > 0);
        let most = self.stage.iter().map(|job| job.function).max();
        let is_apart = |job: &Job| job.only_there && Some(job.function) != most;
        let (apart, together): (Vec<Job>, Vec<Job>) = self.stage.drain(..).partition(is_apart);
        self.launch(&together);
        self.launch(&apart);
    }

    fn launch(&mut self, jobs: &[Job]) {
        for part in jobs.chunks(MOST_ITEMS as usize) {
            let mut items = Box::new(Items::new());
            part.iter().for_each(|job| items.push(job.item(self.most_blocks)));
            self.orders.push(Order::Launch(Launch {
                function: part.iter().map(|job| job.function).max().unwrap_or(Function::Stage),
                shared_bytes: part.iter().map(|job| job.shared_bytes).max().unwrap_or(0),
                items,
                gathers: part.iter().any(|job| job.gathers),
            }));
        }
    }

    /// Ends the step with a job that may only run once nothing reads the feed any more: in the last launch, if that gathers
    /// nothing and has room.
    pub(super) fn finish_with(&mut self, job: Job) {
        match self.orders.last_mut() {
            Some(Order::Launch(last)) if !last.gathers && !last.items.is_full() => {
                last.items.push(job.item(self.most_blocks));
            }
            _ => {
                self.push(job);
                self.finish_stage();
            }
        }
    }

    pub(super) fn into_orders(self) -> Vec<Order> {
        self.orders
    }
}
