//! Downloads: each file from the first mirror that has it, resumed, verified and renamed into place.
//!
//! Files stay compressed on disk, as the loaders read them. There are no parallel connections: the servers are public, and
//! one connection saturates most lines.

mod address;
mod catalog;
mod event;
mod fetch;
mod job;
mod options;
mod partial;
mod proxy;
#[cfg(test)]
mod tests;
mod transfer;
mod verify;

pub(crate) use catalog::published_labels;
pub use event::{DownloadEvent, DownloadOutcome, Downloaded};
pub use job::download;
pub use options::DownloadOptions;
