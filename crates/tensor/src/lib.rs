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
mod dataset;
mod device;
mod error;
mod graph;
mod ir;
mod ops;
pub mod packing;
mod plan;
pub mod random;
pub mod reference;
mod resident;
mod session;
mod source;
#[cfg(test)]
mod testing;
mod values;

#[cfg(test)]
extern crate self as plangrad_tensor; // so that tests within and beside the crate can share code

pub use backend::Backend;
pub use dataset::{Samples, Targets};
pub use device::{SystemMemory, share_heap};
pub use error::{DataKind, DeviceFailure, Error, ShapeRequirement, SourceError};
pub use graph::{Graph, Parameters, Tensor};
pub use ir::{
    Category, Clock, DType, DatasetContent, Device, DriverMemory, FileOrder, GraphId, GraphicsApi, Groups,
    Hyperparameter, Learning, LearningRate, MAX_RANK, MemoryReading, MemoryReport, Metrics, NumberTypes,
    Optimizer, Parameter, ParameterId, Role, SampleFormat, Schedule, Shape, ShapeError, Slot, TargetFormat,
    TensorId,
};
pub use ndarray;
pub use ops::custom::{CustomGradient, CustomOp, Formula};
pub use ops::rule::{UpdateRule, UpdateStep, Updated};
pub use ops::store::Keep;
pub use ops::transpose::Transpose;
pub use plan::{Arrangements, BufferInfo, Gradients, Inputs, Plan, Recompute, Segment, State};
pub use session::{Session, eval};
pub use source::{Batches, Source};
pub use values::Values;

/// The examples of the crate's page, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use super::*;

    /// Backends, plans and what belongs to them are shared between threads; sessions move between them. Graphs stay where they
    /// are recorded.
    #[test]
    fn what_is_shared_between_threads_can_be() {
        fn shared<T: Send + Sync>() {}
        fn moved<T: Send>() {}
        shared::<Backend>();
        shared::<Plan>();
        shared::<State>();
        shared::<Source>();
        shared::<Parameters>();
        shared::<Parameter>();
        shared::<MemoryReport>();
        shared::<Error>();
        moved::<Session>();
    }
}
