//! Downloads: each file from the first mirror that has it, resumed, verified and renamed into place.
//!
//! Files stay compressed on disk, as the loaders read them. There are no parallel connections: the servers are public, and
//! one connection saturates most lines.

#[cfg(feature = "download")]
mod address;
// Without the network it still tells datasets by the checksums of their labels.
#[cfg_attr(not(feature = "download"), expect(dead_code, reason = "mirrors and sizes are for downloads"))]
mod catalog;
#[cfg(feature = "download")]
mod event;
#[cfg(feature = "download")]
mod fetch;
#[cfg(feature = "download")]
mod job;
#[cfg(feature = "download")]
mod options;
#[cfg(feature = "download")]
mod partial;
#[cfg(feature = "download")]
mod proxy;
#[cfg(all(test, feature = "download"))]
mod tests;
#[cfg(feature = "download")]
mod transfer;
#[cfg(feature = "download")]
mod verify;

pub(crate) use catalog::published_labels;
#[cfg(feature = "download")]
pub use event::{DownloadEvent, DownloadOutcome, Downloaded};
#[cfg(feature = "download")]
pub use job::download;
#[cfg(feature = "download")]
pub use options::DownloadOptions;
