//! `cargo xtask bench`: speed and memory compared with other frameworks, written to docs/benchmarks.md.
//!
//! Rounds are interleaved (the peak of the processor, each peer and plangrad in turn, then all again), so that drift of the machine
//! affects all alike. What is measured is a list ([`parts`]); whom it is measured of is another ([`programs`]).

mod charts;
mod document;
mod measured;
mod options;
mod outcome;
mod parts;
mod peak;
mod peers;
mod programs;
mod records;
mod rounds;
mod tables;
mod work;

pub(crate) use document::{machine, replace_between};
pub(crate) use options::Options;
pub(crate) use rounds::run;
