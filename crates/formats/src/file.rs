//! Opening paths that may lead anywhere.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

/// Opens a regular file for reading, and nothing else.
///
/// Opening a named pipe blocks until somebody writes to it, and a device such as `/dev/zero` never ends. So both are
/// refused, as are folders: whatever is opened has a length, which bounds the time and the memory that reading takes.
///
/// # Errors
///
/// Those of the operating system, and [`io::ErrorKind::InvalidInput`] for anything but a regular file.
pub fn open_regular_file(path: impl AsRef<Path>) -> io::Result<File> {
    let path = path.as_ref();
    check_regular(&path.metadata()?)?;
    let file = File::open(path)?;
    // The path may have been given to something else in between.
    check_regular(&file.metadata()?)?;
    Ok(file)
}

fn check_regular(metadata: &Metadata) -> io::Result<()> {
    let found = match () {
        () if metadata.is_file() => return Ok(()),
        () if metadata.is_dir() => "a folder",
        () => "a pipe or a device",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("expected a regular file, found {found}")))
}
