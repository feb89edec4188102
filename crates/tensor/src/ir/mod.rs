//! What graphs, plans and backends speak about: element types, shapes, layouts, values, kernels, the persistent state of a
//! session. Everything else in the crate stands on this; nothing here stands on anything else in it but `random`.
//!
//! ```text
//! ir ◄── graph ◄── ops ◄── plan ◄── session
//!  ▲                                   │
//!  └── device ◄── backend ◄────────────┘
//! ```

mod clock;
mod dataset;
mod device;
mod dtype;
mod groups;
mod hyperparameter;
pub(crate) mod kernel;
mod layout;
mod memory;
mod meta;
mod number_types;
mod optimizer;
mod parameter;
mod program;
mod schedule;
mod shape;
mod slot;
mod staging;
mod step;
mod value;

pub use clock::Clock;
pub use dataset::{DatasetContent, SampleFormat, TargetFormat};
pub(crate) use dataset::{DatasetNeeds, SampleNeed};
pub use device::{Device, DriverMemory, GraphicsApi, MemoryReading};
pub use dtype::DType;
pub(crate) use dtype::{bf16, from_bf16};
pub use groups::{Groups, Learning};
pub use hyperparameter::Hyperparameter;
pub(crate) use kernel::Kernel;
pub(crate) use layout::Layout;
pub(crate) use memory::{ALIGNMENT, Extent, MOST_BYTES, align};
pub use memory::{Category, MemoryReport};
pub(crate) use meta::Meta;
pub use number_types::NumberTypes;
pub use optimizer::Optimizer;
pub(crate) use optimizer::Rule;
pub use parameter::{FileOrder, Parameter, ParameterId, Role};
pub(crate) use program::Program;
pub(crate) use schedule::power;
pub use schedule::{LearningRate, Schedule};
pub use shape::{MAX_RANK, Shape, ShapeError};
pub use slot::Slot;
pub(crate) use staging::Staging;
pub use step::Metrics;
pub(crate) use step::{MetricBlock, Numbers, StepBlock};
pub(crate) use value::{Access, Value};
pub use value::{GraphId, TensorId};
