//! Tensors and autograd that plan every byte before they run.
//!
//! A [`Graph`] records operations without computing anything; [`Graph::gradients`] extends it backwards; a
//! [`Plan`] turns it into fused kernels in order with one byte offset per buffer; a [`Session`] reserves exactly
//! that memory once and replays the plan.
//!
//! ```
//! use ndarray::arr2;
//! use plangrad_tensor::Graph;
//!
//! let graph = Graph::new();
//! let x = graph.variable(arr2(&[[1.0, -2.0], [3.0, 4.0]]))?;
//! let loss = x.relu()?.sum()?;
//! let gradient = graph.gradients(loss, &[x])?[0];
//! assert_eq!(plangrad_tensor::eval(gradient)?, arr2(&[[1.0, 0.0], [1.0, 1.0]]).into_dyn());
//! # Ok::<(), plangrad_tensor::Error>(())
//! ```
//!
//! Absent on purpose: strided views, a dtype matrix, type parameters in user signatures, eager execution.

mod autograd;
pub mod backend;
mod device;
mod dtype;
mod error;
mod graph;
mod ops;
mod plan;
pub mod random;
mod resident;
mod session;
mod shape;
mod source;
#[cfg(test)]
mod testing;

#[cfg(test)]
extern crate self as plangrad_tensor; // so that tests within and beside the crate can share code

pub use device::{Device, DriverMemory, MemoryReading, SystemMemory};
pub use dtype::DType;
pub use error::Error;
pub use graph::{Graph, NodeId, Parameter, ParameterId, Tensor};
pub use ops::gather::{SampleFormat, TargetFormat};
pub use ops::optimizer::{Optimizer, Schedule};
pub use plan::{BufferInfo, Category, MemoryReport, Plan, Segment, State};
pub use session::{Metrics, Session, Values, eval};
pub use shape::{MAX_RANK, Shape};
pub use source::{Batches, Samples, Source, Targets};

/// The examples of the crate's page, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
