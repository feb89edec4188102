//! A trained model behind HTTP, for programs and browsers on the same machine.
//!
//! Requests are read and answered on the threads of their connections, but predicted one at a time: a prediction takes
//! microseconds, and so the memory of the largest is needed once. From the limits on requests follows what the server may take
//! ([`ServingMemory`]).

mod memory;
mod page;
mod predictions;
mod rows;
mod service;

pub(crate) use memory::ServingMemory;
pub(crate) use predictions::Predictions;
pub(crate) use service::Service;
