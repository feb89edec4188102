//! What a step consists of: launches, and copies of numbers that the plan carries.

use super::common::THREADS;
use super::function::Function;
use super::items::{Items, MOST_ITEMS};
use super::job::Job;
use super::shared::Address;
use crate::ir::kernel::ConstantData;

/// One launch, a stage of a plan or a part of one: jobs side by side. Blocks have [`Launch::THREADS`] threads.
pub(crate) struct Launch {
    pub(crate) jobs: Vec<Job>,
}

impl Launch {
    pub(crate) const THREADS: u32 = THREADS;

    /// Blocks, in one dimension.
    pub(crate) fn blocks(&self) -> u32 {
        self.jobs.iter().map(|job| job.blocks).sum()
    }

    /// The first function that has all its tiles.
    pub(crate) fn function(&self) -> Function {
        self.jobs.iter().map(|job| job.function).max().unwrap_or(Function::Stage)
    }

    /// Dynamic shared memory of a block.
    pub(crate) fn shared_bytes(&self) -> u32 {
        self.jobs.iter().map(|job| job.shared_bytes).max().unwrap_or(0)
    }

    /// Whether it reads the feed, which must not be advanced beside it.
    pub(crate) fn gathers(&self) -> bool {
        self.jobs.iter().any(|job| job.gathers)
    }

    /// Whether it has no room for another job.
    pub(crate) fn is_full(&self) -> bool {
        self.jobs.len() == MOST_ITEMS as usize
    }

    /// A CUDA kernel's one argument, by value.
    pub(crate) fn items(&self) -> Box<Items> {
        let mut items = Box::new(Items::new());
        self.jobs.iter().for_each(|job| items.push(job.item()));
        items
    }
}

/// One thing to do in a step.
pub(crate) enum Order {
    /// Run kernels.
    Launch(Launch),
    /// Copy numbers that the plan carries to the device.
    Constant {
        /// Where to.
        to: Address,
        /// What.
        data: ConstantData,
    },
}
