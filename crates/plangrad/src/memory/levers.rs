//! The same training with one lever after another that saves memory: its bytes, the largest batch within a budget, and what it
//! costs in arithmetic.

use plangrad_tensor::{Device, Recompute};
use serde::Serialize;

use super::{BatchPlan, Blueprint};
use crate::device::Precision;
use crate::error::Result;
use crate::fit::INDEX_LIMIT;
use crate::train::plans::largest_that_fits;
use crate::train::{Recomputing, StepMemory};

/// Parts of a batch that the last lever takes.
const PARTS: usize = 8;

/// A step as other programs take it.
const PLAIN: StepMemory = StepMemory {
    keep_gradients: true,
    keep_inputs: true,
    recompute: Recomputing::None,
    precision: Precision::F32,
};

/// One that computes again what it can.
const RECOMPUTING: StepMemory =
    StepMemory { keep_gradients: false, keep_inputs: false, recompute: Recomputing::All, ..PLAIN };

/// The levers on a whole batch, each with those before it.
const LEVERS: [(&str, StepMemory); 5] = [
    ("gradients and inputs kept", PLAIN),
    ("+ update within the product", StepMemory { keep_gradients: false, ..PLAIN }),
    ("+ samples read in place", StepMemory { keep_gradients: false, keep_inputs: false, ..PLAIN }),
    ("+ recomputation", RECOMPUTING),
    ("+ bf16", StepMemory { precision: Precision::Bf16, ..RECOMPUTING }),
];

/// The levers that a device has.
pub(crate) fn levers_of(device: Device) -> impl Iterator<Item = (&'static str, StepMemory)> {
    LEVERS.into_iter().filter(move |(_, memory)| memory.precision.is_for(device))
}

/// What a step takes with a lever, and those before it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Lever {
    pub(crate) name: &'static str,
    /// Every byte of training on one batch size.
    pub(crate) total_bytes: u64,
    /// Arithmetic of a step on it, as [`plangrad_tensor::Plan::operations`] counts.
    pub(crate) operations: u64,
    /// The largest batch within the budget, if there is one; 0 if no batch fits.
    pub(crate) largest_batch_size: Option<usize>,
}

/// A way to take less memory by more arithmetic.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Trade {
    pub(crate) total_bytes: u64,
    pub(crate) operations: u64,
}

/// The levers one after another, from a step as other programs take it.
pub(crate) fn levers(blueprint: &Blueprint, batch_size: usize, budget: Option<u64>) -> Result<Vec<Lever>> {
    let splits = !blueprint.task.model().weights().has_statistics();
    let whole = levers_of(blueprint.device).map(|(name, memory)| (name, memory, 1));
    let mut levers: Vec<(&str, StepMemory, usize)> = whole.collect();
    if let Some(&(_, memory, _)) = levers.last().filter(|_| splits) {
        levers.push(("+ parts: 8 a batch, gradients kept", memory, PARTS));
    }
    let row = |(name, memory, accumulate)| {
        let blueprint = Blueprint { memory, accumulate, ..blueprint.clone() };
        let BatchPlan { report, operations, .. } = blueprint.row(batch_size)?;
        let largest_batch_size = budget.map(|budget| largest(&blueprint, budget));
        Ok(Lever { name, total_bytes: report.total(), operations, largest_batch_size })
    };
    levers.into_iter().map(row).collect()
}

/// The largest batch within a budget; 0 if none fits.
fn largest(blueprint: &Blueprint, budget: u64) -> usize {
    let most = blueprint.samples.map_or(INDEX_LIMIT, |samples| samples.train);
    let fits = |size| blueprint.row(size).is_ok_and(|row| row.report.total() <= budget);
    largest_that_fits(most, fits).unwrap_or(0)
}

/// How few bytes a step can take with how much arithmetic: what can be computed again, without what costs more and saves nothing.
pub(crate) fn trades(blueprint: &Blueprint, batch_size: usize) -> Result<Vec<Trade>> {
    let none = StepMemory { recompute: Recomputing::None, ..blueprint.memory };
    let blueprint = Blueprint { memory: none, ..blueprint.clone() };
    let products = blueprint.row(batch_size)?.step().products();
    let mut trades = Vec::new();
    for choice in Recompute::choices(products) {
        let row = blueprint.row_computing_again(batch_size, choice)?;
        trades.push(Trade { total_bytes: row.report.total(), operations: row.operations });
    }
    trades.sort_by_key(|trade| (trade.operations, trade.total_bytes));
    let mut least = u64::MAX;
    trades.retain(|trade| {
        let saves = trade.total_bytes < least;
        least = least.min(trade.total_bytes);
        saves
    });
    Ok(trades)
}
