//! From a program to launches: what the backends share whose device is fed with lists of work. What they do not share is
//! kernels and driver.
//!
//! ```text
//! Program ── lower ──► launches with every address in them ──► a GPU by CUDA or wgpu, or the tests' emulator
//! ```
//!
//! * A stage is one launch; its kernels run side by side in different blocks.
//! * Launches never change: what differs from step to step lies in device memory, in the step block and in the *feed*,
//!   which says where the batches come from and is advanced by the kernels. So a step is prepared once and replayed, and many
//!   steps are queued without communication between host and device.
//! * A kernel needs nothing but the arena: no workspace, no table of constants.
//!
//! What device code reads is defined once, in Rust, as structs whose text in C++ and in WGSL is made from there
//! ([`shared`]).

pub(crate) mod common;
pub(crate) mod formula;
pub(crate) mod function;
pub(crate) mod items;
pub(crate) mod job;
pub(crate) mod kernels;
pub(crate) mod lower;
pub(crate) mod lowering;
pub(crate) mod orders;
pub(crate) mod shared;
#[cfg(test)]
mod tests;
pub(crate) mod tile;
