//! A trained model behind HTTP, for programs and browsers on the same machine.
//!
//! One thread accepts connections, and each connection has a thread, up to a limit. Requests are read and answered on these,
//! but predicted one at a time: a prediction takes microseconds, and so the memory of the largest is needed once. Everything a
//! request can make grow has a limit that is known at the start ([`Limits`]), from which follows what the server may take
//! ([`ServingMemory`]). Nothing of a request is trusted: heads are parsed by httparse, lengths are taken from a common [`Room`]
//! before bytes are read, and whoever is slow loses the connection.
//!
//! *Absent on purpose:* TLS, authentication and other addresses than the machine's own, which a proxy has; chunked bodies; an
//! asynchronous runtime, which would be larger than the program for some dozens of connections.

mod connection;
mod head;
mod limits;
mod metrics;
mod page;
mod predictions;
mod refusal;
mod response;
mod room;
mod rows;
mod server;
mod service;
mod status;

pub(crate) use limits::{Limits, ServingMemory};
pub(crate) use predictions::Predictions;
pub(crate) use server::{Served, Server};
pub(crate) use service::Service;
