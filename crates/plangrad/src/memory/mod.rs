//! What a batch size costs: planned, explained, compared with what other packages say, and drawn over the stages of a step.
//!
//! The plans are those of a training run, made by the code that makes a run's, so what is reported here is what `train`
//! takes, to the byte. Nothing runs, and no memory of that size is touched.

mod blueprint;
mod compare;
mod explain;
mod levers;
mod timeline;

pub use blueprint::{BatchPlan, Blueprint};
pub use compare::{Claim, claims};
pub(crate) use explain::buffer_formula;
pub use explain::{Part, explain};
pub(crate) use levers::{Lever, Trade, levers, levers_of, trades};
pub(crate) use timeline::Timeline;
