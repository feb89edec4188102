//! From a plan's stages to launches: the one place where kernels become items, and where grids are sized.
//!
//! A stage is one launch, unless it has more kernels than a launch has room for. How many blocks an item gets depends on
//! its shape alone; kernels walk their units in strides of the grid, so no size is too large.

mod work;

use super::items::{self, Feed, Items, THREADS, Work};
use super::runtime::{Address, Function, Launch, Order};
use super::tile::Tile;
use crate::plan::{Data, Gemm, Kernel, Value};

/// Most blocks of an item: enough to fill any GPU many times over.
const MOST_BLOCKS: u64 = 4096;
/// Warps of a block.
const WARPS: u64 = THREADS as u64 / 32;

/// Shared memory of the kernels that use it.
pub(super) const TRANSPOSE_BYTES: usize = 4 * 32 * 33;
pub(super) const METRICS_BYTES: usize = 4 * (1024 + 8);
pub(super) const REDUCE_BYTES: usize = 16 * THREADS as usize;

/// Where a program's values and its feed lie, and how its work is cut.
pub(super) struct Lowering<'a> {
    pub(super) value: &'a dyn Fn(Value) -> Address,
    pub(super) feed: Address,
    pub(super) sizing: Sizing,
}

/// How work is cut: the same for every device. Tests take other sizes to reach every tile and every loop with small
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

/// An item before it has its place in a launch.
struct Planned {
    work: Work,
    blocks: u64,
    shared_bytes: usize,
    function: Function,
}

/// The launches of one step. `batch_size` is how far the feed moves on after it, 0 if it takes no batch.
pub(super) fn step(stages: &[Vec<Kernel>], batch_size: usize, lowering: &Lowering<'_>) -> Vec<Order> {
    let mut orders = Vec::new();
    for stage in stages {
        let mut planned = Vec::new();
        for kernel in stage {
            lowering.lower(kernel, &mut planned, &mut orders);
        }
        launch(planned, lowering.sizing, &mut orders);
    }
    if batch_size > 0 {
        move_on(batch_size, lowering, &mut orders);
    }
    orders
}

/// Cuts a stage's items into launches.
fn launch(planned: Vec<Planned>, sizing: Sizing, orders: &mut Vec<Order>) {
    let planned: Vec<Planned> = planned.into_iter().filter(|item| item.blocks > 0).collect();
    for part in planned.chunks(items::MOST_ITEMS) {
        let mut items = Box::new(Items::new());
        for item in part {
            items.push(item.work, item.blocks.min(sizing.most_blocks) as u32);
        }
        let function = part.iter().map(|item| item.function).max().unwrap_or(Function::Stage);
        let shared_bytes = part.iter().map(|item| item.shared_bytes).max().unwrap_or(0) as u32;
        let gathers = part.iter().any(|item| matches!(item.work, Work::Gather(_) | Work::GatherTargets(_)));
        orders.push(Order::Launch(Launch { function, shared_bytes, items, gathers }));
    }
}

/// Moves the feed on once nobody reads it any more: beside the last launch, if that gathers nothing and has room.
fn move_on(rows: usize, lowering: &Lowering<'_>, orders: &mut Vec<Order>) {
    let next = Work::NextBatch(items::NextBatch { feed: lowering.feed, rows: rows as u64 });
    match orders.last_mut() {
        Some(Order::Launch(last)) if !last.gathers && !last.items.is_full() => {
            last.items.push(next, 1);
        }
        _ => launch(vec![one_block(next, 0)], lowering.sizing, orders),
    }
}

fn one_block(work: Work, shared_bytes: usize) -> Planned {
    Planned { work, blocks: 1, shared_bytes, function: Function::Stage }
}

/// An item whose units are elements.
fn by_element(work: Work, elements: usize) -> Planned {
    Planned {
        work,
        blocks: (elements as u64).div_ceil(THREADS.into()),
        shared_bytes: 0,
        function: Function::Stage,
    }
}

/// An item whose units are rows, a warp for each.
fn by_row(work: Work, rows: usize) -> Planned {
    Planned { work, blocks: (rows as u64).div_ceil(WARPS), shared_bytes: 0, function: Function::Stage }
}

impl Lowering<'_> {
    fn at(&self, value: Value) -> Address {
        (self.value)(value)
    }

    fn at_or_null(&self, value: Option<Value>) -> Address {
        value.map_or(0, |value| self.at(value))
    }

    /// Adds what `kernel` becomes: items, or a copy of numbers that the plan carries.
    fn lower(&self, kernel: &Kernel, planned: &mut Vec<Planned>, orders: &mut Vec<Order>) {
        match kernel {
            Kernel::Advance(k) => planned.push(self.advance(k)),
            Kernel::Gather(k) => planned.extend(self.gather(k)),
            Kernel::GatherTargets(k) => planned.push(self.gather_targets(k)),
            Kernel::Constant { output, data: Data::Fill(value, elements) } => {
                planned.push(self.fill(*output, *value, *elements));
            }
            Kernel::Constant { data, .. } if data.is_empty() => {}
            Kernel::Constant { output, data } => {
                orders.push(Order::Constant { to: self.at(*output), data: data.clone() });
            }
            Kernel::Accumulate { input, output, elements } => {
                let (input, output) = (self.at(*input), self.at(*output));
                let work = items::Accumulate { input, output, elements: *elements as u64 };
                planned.push(by_element(Work::Accumulate(work), *elements));
            }
            Kernel::Proceed { step_block, rows } => {
                let work = items::Proceed { step_block: self.at(*step_block), rows: *rows as u64 };
                planned.push(one_block(Work::Proceed(work), 0));
            }
            Kernel::Copy { input, output, bytes } => {
                let (input, output) = (self.at(*input), self.at(*output));
                let work = items::Copying { input, output, bytes: *bytes as u64 };
                planned.push(by_element(Work::Copy(work), bytes.div_ceil(4)));
            }
            Kernel::Gemm(k) => planned.push(self.gemm(k)),
            Kernel::Map(k) => planned.push(self.map(k)),
            Kernel::Reduce(k) => planned.push(self.reduce(k)),
            Kernel::Softmax(k) => planned.push(self.softmax(k)),
            Kernel::CrossEntropy(k) => planned.push(self.cross_entropy(k)),
            Kernel::Mse(k) => planned.push(self.mse(k)),
            Kernel::Permute(k) => planned.push(self.permute(k)),
            Kernel::ArgMax(k) => planned.push(self.arg_max(k)),
            Kernel::Dropout(k) => planned.push(self.dropout(k)),
            Kernel::Metrics(k) => planned.push(self.metrics(k)),
            Kernel::Update(k) => planned.push(self.update(k)),
        }
    }
}

/// A feed as the bytes that the device reads.
pub(super) fn feed_bytes(feed: Feed) -> [u8; size_of::<Feed>()] {
    let words = [feed.samples, feed.targets, feed.order, feed.cursor].map(u64::to_ne_bytes);
    words.as_flattened().try_into().expect("four words")
}
