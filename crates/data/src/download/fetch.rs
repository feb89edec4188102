//! One file: from whichever mirror has it, into a partial file, verified, then renamed.
//!
//! The partial file (`NAME.part`, beside the file) survives failures and is continued from any mirror and by any
//! later call. It is never read as data: only a file with the right sum gets the file's name.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::Event;
use super::catalog::Remote;
use super::transfer::{Client, End, Stop};
use super::verify::verify;
use crate::{Error, Result};

/// Most requests to one mirror for one file. Each but the last brought new bytes.
const MOST_REQUESTS: usize = 20;

/// Fetches `remote` to `path`, trying `mirrors` in turn, and returns the mirror it came from; `None` where the partial
/// file was complete already.
pub(super) fn fetch(
    client: &Client,
    remote: &Remote<'_>,
    mirrors: &[String],
    path: &Path,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<Option<String>> {
    let mut partial = Partial::open(path)?;
    if partial.is(remote)? {
        partial.finish(path)?;
        return Ok(None);
    }
    let mut attempts = Vec::new();
    for mirror in mirrors {
        let url = address(mirror, remote.name);
        match from_mirror(client, remote, &url, path, &mut partial, on_event)? {
            Ok(()) => {
                partial.finish(path)?;
                return Ok(Some(url));
            }
            Err(reason) => {
                on_event(Event::MirrorFailed { path, mirror: &url, reason: &reason });
                attempts.push(format!("{url}: {reason}"));
            }
        }
    }
    partial.remove_if_empty()?;
    Err(Error::Download { file: path.display().to_string(), attempts })
}

fn address(mirror: &str, name: &str) -> String {
    format!("{}/{name}", mirror.trim_end_matches('/'))
}

/// Asks one mirror again as long as each request brings the file further. The inner error is why the mirror was left.
fn from_mirror(
    client: &Client,
    remote: &Remote<'_>,
    url: &str,
    path: &Path,
    partial: &mut Partial,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<std::result::Result<(), String>> {
    let mut furthest = partial.len()?;
    let mut reason = String::new();
    for _ in 0..MOST_REQUESTS {
        let have = partial.len()?;
        on_event(Event::Started { path, mirror: url, resumed_at: have, total: remote.bytes });
        let mut progress = |bytes| on_event(Event::Received { path, bytes, total: remote.bytes });
        let end = client.transfer(url, remote, &mut partial.file, have, &mut progress);
        let there = partial.len()?;
        match end {
            Err(Stop::Disk(error)) => return Err(partial.failed("written", error)),
            Ok(_) if partial.is(remote)? => return Ok(Ok(())),
            Ok(End::Unannounced) if there < remote.bytes => {
                reason = format!("the connection ended after {there} of {} bytes", remote.bytes);
            }
            Ok(_) | Err(Stop::PastEnd) if have > 0 => {
                // What was there before may come from another wrapping of the same contents, or be damaged.
                partial.clear()?;
                furthest = 0;
                reason = "the partial file did not fit the server's".to_owned();
                continue;
            }
            Ok(_) | Err(Stop::PastEnd) => {
                let found = partial.sum(remote)?;
                partial.clear()?;
                return Ok(Err(format!("wrong checksum: expected SHA-256 {}, found {found}", remote.sha256)));
            }
            Err(Stop::Mirror(why)) => reason = why,
        }
        if there <= furthest {
            break;
        }
        furthest = there;
    }
    Ok(Err(reason))
}

/// The partial file, locked against other downloads.
struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    fn open(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|reason| failed(folder, "created", reason))?;
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".part");
        let path = path.with_file_name(name);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|reason| failed(&path, "opened", reason))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(Error::DownloadBusy { path }),
            // Some network file systems have no locks; the sum still decides.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { path, file }),
        }
    }

    fn len(&self) -> Result<u64> {
        self.file.metadata().map(|data| data.len()).map_err(|error| self.failed("read", error))
    }

    /// Whether the file is all there.
    fn is(&self, remote: &Remote<'_>) -> Result<bool> {
        Ok(self.len()? > 0 && verify(&self.path, remote).map_err(|error| self.failed("read", error))?.is_ok())
    }

    fn sum(&self, remote: &Remote<'_>) -> Result<String> {
        let verified = verify(&self.path, remote).map_err(|error| self.failed("read", error))?;
        Ok(verified.err().unwrap_or_else(|| remote.sha256.to_owned()))
    }

    fn clear(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(|error| self.failed("written", error))
    }

    /// Gives the file its name, once its bytes are on the disk.
    fn finish(self, path: &Path) -> Result<()> {
        self.file.sync_all().map_err(|error| self.failed("written", error))?;
        let Self { path: partial, file } = self;
        drop(file);
        fs::rename(&partial, path).map_err(|reason| failed(&partial, "renamed", reason))
    }

    fn remove_if_empty(self) -> Result<()> {
        if self.len()? > 0 {
            return Ok(());
        }
        let Self { path, file } = self;
        drop(file);
        fs::remove_file(&path).map_err(|reason| failed(&path, "removed", reason))
    }

    fn failed(&self, action: &'static str, reason: io::Error) -> Error {
        failed(&self.path, action, reason)
    }
}

fn failed(path: &Path, action: &'static str, reason: io::Error) -> Error {
    Error::Io { path: path.to_path_buf(), action, reason }
}
