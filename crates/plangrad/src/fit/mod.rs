//! The largest batch that fits: found, and then proven.
//!
//! What a batch takes is known from its plan, so the largest is solved for and not searched by crashing. But a plan is a
//! claim; here it is held against the device: memory for the size found is really reserved, one whole step and one
//! evaluation batch are taken in it, and the device is asked for the next size and refuses. The way that lessons teach,
//! doubling until memory runs out, is here too and ends at the same number.
//!
//! Weights stay zero and the learning rate is 0: what is computed is of no interest, the kernels and the bytes are those of
//! training. No file is touched, and nothing stays reserved.

mod auto;
mod bench;
mod find;
mod pace;
mod rows;
mod search;
mod trial;

pub use auto::{Auto, auto};
pub use find::fit;
pub use trial::{Fit, INDEX_LIMIT, Method, Options, Outcome, Pace, StoppedBy, Trial};
pub(crate) use trial::{knee, recommended};
