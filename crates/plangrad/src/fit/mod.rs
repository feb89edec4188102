//! The largest batch that fits: found, and then proven.
//!
//! The memory of a batch is known from its plan, so the largest is solved for instead of searched by crashing. But a plan
//! is a claim, which is then held against the device: memory for that size is really reserved, one whole step and one
//! evaluation batch run in it, and the device must refuse the next size. The way that lessons teach, doubling until memory
//! runs out, ends at the same number.
//!
//! Weights stay zero and the learning rate is 0: the results do not matter, the kernels and the bytes are those of
//! training. No file is touched, and nothing stays reserved.

mod auto;
mod bench;
mod find;
mod rows;
mod search;
mod throughput;
mod trial;

pub use auto::{Auto, auto};
pub use find::fit;
pub use trial::{Fit, FitOptions, INDEX_LIMIT, Method, StoppedBy, Throughput, Trial, TrialOutcome};
pub(crate) use trial::{knee, recommended};
