//! Files that appear whole or not at all.
//!
//! A file is written beside its place, synced, and only then renamed: at every moment the old file or the new one is
//! there. Staging and placing are two steps, so that several files can be made ready before the first of them counts.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// A file written beside its place, and put there by [`Staged::place`]. Dropped without that, it is removed.
#[derive(Debug)]
#[must_use = "a staged file is removed unless it is placed"]
pub struct Staged {
    path: PathBuf,
    temporary: PathBuf,
}

impl Staged {
    /// Lets `fill` write a file beside `path`, and syncs it.
    ///
    /// # Errors
    /// What `fill` says, or [`Error::Io`]; nothing is left beside `path` then.
    pub fn write(path: &Path, fill: impl FnOnce(&mut File) -> Result<(), Error>) -> Result<Staged, Error> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(".tmp");
        let staged = Staged { path: path.into(), temporary: path.with_file_name(name) };
        let mut file = File::create(&staged.temporary).map_err(not_written(path))?;
        fill(&mut file)?;
        file.sync_all().map_err(not_written(path))?;
        Ok(staged)
    }

    /// Stages a file with these bytes.
    ///
    /// # Errors
    /// [`Error::Io`]; nothing is left beside `path` then.
    pub fn bytes(path: &Path, bytes: &[u8]) -> Result<Staged, Error> {
        Staged::write(path, |file| file.write_all(bytes).map_err(not_written(path)))
    }

    /// Puts the file at its place, where it replaces an earlier one.
    ///
    /// # Errors
    /// [`Error::Io`]; the earlier file is untouched and nothing is left beside it.
    pub fn place(self) -> Result<(), Error> {
        fs::rename(&self.temporary, &self.path).map_err(not_written(&self.path))?;
        // The rename is durable once the directory is synced, which not every system can do.
        if let Some(directory) = self.path.parent().and_then(|directory| File::open(directory).ok()) {
            let _ = directory.sync_all();
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After `place` nothing has this name.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Names the file in an error of the system.
pub(crate) fn not_written(path: &Path) -> impl Fn(io::Error) -> Error {
    move |reason| Error::Io { action: "write", path: path.into(), reason }
}

/// Puts `bytes` at `path` so that at every moment the old file or the new one is there, whole.
///
/// # Errors
/// [`Error::Io`]; the old file is untouched and nothing is left beside it.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    Staged::bytes(path, bytes)?.place()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_staged_file_replaces_the_old_one_when_it_is_placed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        replace(&path, b"old").unwrap();
        let staged = Staged::bytes(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        staged.place().unwrap();
        assert_eq!(
            (fs::read(&path).unwrap(), names(folder.path())),
            (b"new".to_vec(), vec!["file".to_owned()])
        );
    }

    #[test]
    fn a_file_that_is_not_placed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        drop(Staged::bytes(&folder.path().join("file"), b"new").unwrap());
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn a_failed_replacement_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        let error = replace(&path, b"new").unwrap_err();
        assert!(matches!(error, Error::Io { action: "write", .. }), "{error}");
        assert_eq!(names(folder.path()), ["taken"]);
        assert!(replace(&folder.path().join("missing/file"), b"new").is_err());
    }
}
