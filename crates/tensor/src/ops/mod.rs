//! The operations of the graph, one file per family.
//!
//! Each file holds everything there is to know about its ops: formula and source, shape rule, gradient rule, meaning
//! in f64, the kernel it lowers to, and its tests. Adding an op touches its own file and the list below; a kernel is
//! added only if none here serves.

pub(crate) mod activation;
pub(crate) mod argmax;
pub(crate) mod arithmetic;
mod average;
mod batched_matmul;
mod clip;
mod compare;
mod concat;
pub(crate) mod custom;
pub(crate) mod dropout;
mod elementwise;
mod extremes;
pub(crate) mod gather;
mod gather_rows;
pub(crate) mod leaf;
pub(crate) mod losses;
mod magnitude;
mod matmul;
pub(crate) mod metrics;
pub(crate) mod moments;
pub(crate) mod optimizer;
pub(crate) mod permute;
pub(crate) mod pick;
pub(crate) mod reduce;
pub(crate) mod rule;
mod rules;
pub(crate) mod softmax;
mod step;
pub(crate) mod store;
pub(crate) mod transpose;
pub(crate) mod view;
