//! The end of a step that took a batch: no kernel of a plan, but what makes the next step take the next batch.

use crate::backend::cuda::cpp::{Output, shared};
use crate::backend::cuda::common::Feed;
use crate::backend::cuda::lowering::{Lowering, Job};

shared! {
    /// Advances the feed by a batch.
    struct NextBatch {
        feed: Output<Feed>,
        rows: u64,
    }
}

pub(in crate::backend::cuda) fn job(rows: usize, lowering: &Lowering<'_>) -> Job {
    Job::new(NextBatch { feed: lowering.feed(), rows: rows as u64 }, 1)
}
