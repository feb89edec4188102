//! What lowering a kernel needs: where values lie, how work is cut, and the step that is being made.

use super::items::MOST_ITEMS;
pub(crate) use super::job::Job;
use super::orders::{Launch, Order};
use super::shared::{Address, Input};
use super::tile::Tile;
use crate::ir::Value;
use crate::ir::kernel::{ConstantData, Gemm, RowScale};

/// Most blocks of a job: enough to fill any GPU many times over.
const MOST_BLOCKS: u32 = 4096;

/// A kernel of a plan that can be lowered.
pub(crate) trait Lower {
    /// Adds what it becomes to a step: jobs, mostly one.
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder);
}

/// Where a program's values and its feed lie, and how its work is cut.
pub(crate) struct Lowering<'a> {
    pub(crate) value: &'a dyn Fn(Value) -> Address,
    pub(crate) feed: Address,
    pub(crate) sizing: Sizing,
}

impl Lowering<'_> {
    /// Where a value lies.
    pub(crate) fn at<A: From<Address>>(&self, value: Value) -> A {
        (self.value)(value).into()
    }

    /// The same; null without a value.
    pub(crate) fn at_or_null<A: From<Address>>(&self, value: Option<Value>) -> A {
        value.map_or_else(|| 0.into(), |value| self.at(value))
    }

    /// Where the feed lies.
    pub(crate) fn feed<A: From<Address>>(&self) -> A {
        self.feed.into()
    }

    /// The factor of all rows, or where those of each row lie.
    pub(crate) fn row_scale(&self, scale: RowScale) -> (f32, Input<f32>) {
        match scale {
            RowScale::Constant(scale) => (scale, 0.into()),
            RowScale::PerRow(scales) => (0.0, self.at(scales)),
        }
    }
}

/// Whether four numbers can be read at once.
pub(crate) fn on_16_bytes(address: Address) -> bool {
    address.is_multiple_of(16)
}

/// How work is cut: the same for every device. Tests choose other sizes to reach every tile and every loop with small
/// arrays.
#[derive(Clone, Copy)]
pub(crate) struct Sizing {
    pub(crate) tile: fn(&Gemm) -> Tile,
    /// Most blocks of a job.
    pub(crate) most_blocks: u32,
}

impl Sizing {
    /// For devices on which large products may be rounded to TF32.
    pub(crate) fn tf32() -> Sizing {
        Sizing { tile: Tile::of_tf32, ..Sizing::default() }
    }
}

impl Default for Sizing {
    fn default() -> Sizing {
        Sizing { tile: Tile::of, most_blocks: MOST_BLOCKS }
    }
}

/// A step in the making.
pub(crate) struct StepBuilder {
    orders: Vec<Order>,
    /// Jobs of the stage that is being lowered.
    stage: Vec<Job>,
    most_blocks: u32,
}

impl StepBuilder {
    pub(crate) fn new(sizing: Sizing) -> StepBuilder {
        StepBuilder { orders: Vec::new(), stage: Vec::new(), most_blocks: sizing.most_blocks }
    }

    /// Adds a job to the stage.
    pub(crate) fn push(&mut self, job: Job) {
        self.stage.push(Job { blocks: job.blocks.min(self.most_blocks), ..job });
    }

    /// Adds a copy of numbers that the plan carries.
    pub(crate) fn copy(&mut self, to: Address, data: ConstantData) {
        self.orders.push(Order::Constant { to, data });
    }

    /// Turns the stage's jobs into launches: one, unless they are more than it has room for, or some are apart.
    pub(crate) fn finish_stage(&mut self) {
        self.stage.retain(|job| job.blocks > 0);
        let most = self.stage.iter().map(|job| job.function).max();
        let is_apart = |job: &Job| job.only_there && Some(job.function) != most;
        let (apart, together): (Vec<Job>, Vec<Job>) = self.stage.drain(..).partition(is_apart);
        self.launch(together);
        self.launch(apart);
    }

    fn launch(&mut self, mut jobs: Vec<Job>) {
        while !jobs.is_empty() {
            let rest = jobs.split_off(jobs.len().min(MOST_ITEMS as usize));
            self.orders.push(Order::Launch(Launch { jobs }));
            jobs = rest;
        }
    }

    /// Ends the step with a job that may only run once nothing reads the feed any more: in the last launch, if that gathers
    /// nothing and has room.
    pub(crate) fn finish_with(&mut self, job: Job) {
        match self.orders.last_mut() {
            Some(Order::Launch(last)) if !last.gathers() && !last.is_full() => last.jobs.push(job),
            _ => {
                self.push(job);
                self.finish_stage();
            }
        }
    }

    pub(crate) fn into_orders(self) -> Vec<Order> {
        self.orders
    }
}
