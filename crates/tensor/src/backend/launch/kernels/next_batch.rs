//! The end of a step that took a batch: no kernel of a plan, but what makes the next step take the next batch.

use crate::backend::launch::shared::{Output, shared};
use crate::backend::launch::common::Feed;
use crate::backend::launch::lowering::{Lowering, Job};

shared! {
    /// Advances the feed by a batch.
    struct NextBatch {
        feed: Output<Feed>,
        rows: u64,
    }
}

pub(crate) fn job(rows: usize, lowering: &Lowering<'_>) -> Job {
    Job::new(NextBatch { feed: lowering.feed(), rows: rows as u64 }, 1)
}
