//! One file: from the first mirror that has it, into a partial file, verified, then renamed.
//!
//! The partial file survives failures and is continued from any mirror and by any later call. It is never read as data:
//! only a file with the right checksum gets the final name.

use std::path::Path;

use super::address;
use super::catalog::Remote;
use super::event::DownloadEvent;
use super::partial::Partial;
use super::transfer::{Client, End, TransferError};
use crate::error::{Error, FailedMirror, Result};

/// The most requests to one mirror for one file. Each but the last has brought new bytes.
const MOST_REQUESTS: usize = 20;

/// Fetches `remote` to `path`, trying `mirrors` in turn. Returns the address it came from, as messages show it; `None` if
/// the partial file was already complete.
pub(super) fn fetch(
    client: &Client,
    remote: &Remote<'_>,
    mirrors: &[String],
    path: &Path,
    on_event: &mut dyn FnMut(DownloadEvent<'_>),
) -> Result<Option<String>> {
    let mut partial = Partial::open(path)?;
    if partial.is(remote)? {
        partial.finish(path)?;
        return Ok(None);
    }
    let mut attempts = Vec::new();
    for mirror in mirrors {
        let url = address::of_file(mirror, remote.name);
        let shown = address::shown(&url);
        let source = Source { client, remote, url: &url, shown: &shown, path };
        match source.fetch(&mut partial, on_event)? {
            Ok(()) => {
                partial.finish(path)?;
                return Ok(Some(shown));
            }
            Err(reason) => {
                on_event(DownloadEvent::MirrorFailed { path, mirror: &shown, reason: &reason });
                attempts.push(FailedMirror::new(shown, reason));
            }
        }
    }
    partial.remove_if_empty()?;
    Err(Error::Download { path: path.to_path_buf(), attempts })
}

/// A file on one mirror.
struct Source<'a> {
    client: &'a Client,
    remote: &'a Remote<'a>,
    url: &'a str,
    /// The address without secrets.
    shown: &'a str,
    path: &'a Path,
}

impl Source<'_> {
    /// Sends requests as long as each one brings new bytes. The inner error is the reason for giving up the mirror.
    fn fetch(
        &self,
        partial: &mut Partial,
        on_event: &mut dyn FnMut(DownloadEvent<'_>),
    ) -> Result<std::result::Result<(), String>> {
        let Self { remote, path, .. } = *self;
        let mut furthest = partial.len()?;
        let mut reason = String::new();
        for _ in 0..MOST_REQUESTS {
            let have = partial.len()?;
            on_event(DownloadEvent::Started {
                path,
                mirror: self.shown,
                resumed_at: have,
                total: remote.bytes,
            });
            let mut progress = |bytes| on_event(DownloadEvent::Received { path, bytes, total: remote.bytes });
            let end = self.client.transfer(self.url, remote, partial.file(), have, &mut progress);
            let there = partial.len()?;
            match end {
                Err(TransferError::Disk(error)) => return Err(partial.failed("written", error)),
                Err(TransferError::Slow(why)) => return Ok(Err(why)),
                Ok(_) if partial.is(remote)? => return Ok(Ok(())),
                Ok(End::Unannounced) if there < remote.bytes => {
                    reason = format!("the connection ended after {there} of {} bytes", remote.bytes);
                }
                Ok(_) | Err(TransferError::PastEnd) if have > 0 => {
                    // What was there before may belong to another gzip wrapping of the same contents, or be damaged.
                    partial.clear()?;
                    furthest = 0;
                    reason = "the partial file did not match the server's file".to_owned();
                    continue;
                }
                Ok(_) | Err(TransferError::PastEnd) => {
                    let found = partial.sha256()?;
                    partial.clear()?;
                    let expected = remote.sha256;
                    return Ok(Err(format!("wrong checksum: expected SHA-256 {expected}, found {found}")));
                }
                Err(TransferError::Mirror(why)) => reason = why,
            }
            if there <= furthest {
                break;
            }
            furthest = there;
        }
        Ok(Err(reason))
    }
}
