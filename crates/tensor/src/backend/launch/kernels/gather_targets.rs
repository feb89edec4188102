//! The targets of a batch, picked from the dataset.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::common::Feed;
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::kernel;

shared! {
    /// Copies a batch's targets.
    struct GatherTargets {
        feed: Input<Feed>,
        output: Output<u8>,
        rows: u64,
        bytes_per_row: u64,
    }
}

impl Lower for kernel::GatherTargets {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let bytes_per_row = self.format.bytes();
        let work = GatherTargets {
            feed: lowering.feed(),
            output: lowering.at(self.output),
            rows: self.rows as u64,
            bytes_per_row: bytes_per_row as u64,
        };
        step.push(Job::by_element(work, self.rows * bytes_per_row).gathering());
    }
}
