//! Training steps as a user records them: against the f64 reference, in memory, under a budget, and when misused.

#[path = "../../src/testing/net.rs"]
mod net;

mod accelerator;
mod budget;
mod consumed;
mod errors;
mod evaluation;
mod figures;
mod floats;
mod memory;
mod oracle;
mod recompute;
