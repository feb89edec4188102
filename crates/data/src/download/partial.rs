//! The partial file of a download: `NAME.part`, beside the file it will become.
//!
//! Its name has to be predictable, or no later call could resume it. So it may have been taken by somebody else: a new
//! partial file is created exclusively, and an existing one is used only if it is a regular file with this one name.
//! Links are not followed, so no other file can be written through it. A lock keeps other downloads away.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::catalog::Remote;
use super::verify;
use crate::{Error, Result};

/// An open partial file, locked against other downloads.
pub(super) struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    /// Opens or creates the partial file of `path`, and the folder if necessary.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|reason| failed(folder, "created", reason))?;
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".part");
        let path = path.with_file_name(name);
        let file = create_or_open(&path).map_err(|reason| failed(&path, "opened", reason))?;
        // Some network file systems have no locks; the checksum decides there.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(Error::DownloadBusy { path });
        }
        match check_identity(&path, &file) {
            Ok(()) => Ok(Self { path, file }),
            // Another download has just completed and renamed it.
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => Err(Error::DownloadBusy { path }),
            Err(reason) => Err(failed(&path, "opened", reason)),
        }
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    pub(super) fn len(&self) -> Result<u64> {
        self.file.metadata().map(|data| data.len()).map_err(|error| self.failed("read", error))
    }

    /// Whether the file is complete.
    pub(super) fn is(&self, remote: &Remote<'_>) -> Result<bool> {
        Ok(self.len()? > 0
            && verify::matches(&self.file, remote).map_err(|error| self.failed("read", error))?)
    }

    pub(super) fn sha256(&self) -> Result<String> {
        verify::sha256(&self.file).map_err(|error| self.failed("read", error))
    }

    pub(super) fn clear(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(|error| self.failed("written", error))
    }

    /// Renames the file to its final name once its bytes are on disk.
    pub(super) fn finish(self, path: &Path) -> Result<()> {
        self.file.sync_all().map_err(|error| self.failed("written", error))?;
        let Self { path: partial, file } = self;
        drop(file);
        fs::rename(&partial, path).map_err(|reason| failed(&partial, "renamed", reason))
    }

    pub(super) fn remove_if_empty(self) -> Result<()> {
        if self.len()? > 0 {
            return Ok(());
        }
        let Self { path, file } = self;
        drop(file);
        fs::remove_file(&path).map_err(|reason| failed(&path, "removed", reason))
    }

    pub(super) fn failed(&self, action: &'static str, reason: io::Error) -> Error {
        failed(&self.path, action, reason)
    }
}

fn create_or_open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => return created,
    }
    if !path.symlink_metadata()?.is_file() {
        return Err(foreign());
    }
    options.open(path)
}

/// Checks that `path` itself, not a link there, is the open file, and that it has no other name.
fn check_identity(path: &Path, file: &File) -> io::Result<()> {
    let (named, open) = (path.symlink_metadata()?, file.metadata()?);
    if named.is_file() && is_same(&named, &open) { Ok(()) } else { Err(foreign()) }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino()) && other.nlink() == 1
}

/// Files have no identity in the standard library there.
#[cfg(not(unix))]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    one.len() == other.len()
}

fn foreign() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "expected the regular file of a download, found a link or another file",
    )
}

fn failed(path: &Path, action: &'static str, reason: io::Error) -> Error {
    Error::Io { path: path.to_path_buf(), action, reason }
}
