//! A server of HTTP on this machine's own address, whatever it serves.
//!
//! One thread accepts connections, and each connection has a thread, up to a limit. Everything a request can make grow has a
//! limit that is known at the start ([`Limits`]). Nothing of a request is trusted: heads are parsed by httparse, lengths are
//! taken from a common room before bytes are read, and whoever is slow loses the connection. What is answered is the
//! business of a [`Site`]: responses, or events sent one by one as long as the connection lasts.
//!
//! *Absent on purpose:* TLS, authentication and other addresses than the machine's own, which a proxy has; chunked bodies; an
//! asynchronous runtime, which would be larger than the program for some dozens of connections.

mod connection;
mod head;
mod refusal;
mod response;
mod room;
mod server;
mod site;
mod status;
mod traffic;

pub(crate) use head::{Head, MOST_HEAD};
pub(crate) use refusal::Refusal;
pub(crate) use response::Response;
pub(crate) use room::Taken;
pub(crate) use server::Server;
pub(crate) use site::{Answer, Events, Limits, Site, SiteState};
pub(crate) use status::Status;
pub(crate) use traffic::{line, section};
