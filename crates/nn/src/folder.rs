//! A folder that is held open.
//!
//! Its files are reached through the open folder, not through its path: whatever becomes of the path meanwhile (a link that
//! leads elsewhere, another folder of that name), they stay in one place.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;

use crate::Error;
use crate::staged::{self, Staged, is_leftover};

/// A folder that is held open, and the path under which people know it.
#[derive(Debug)]
pub struct Folder {
    dir: Dir,
    path: PathBuf,
}

impl Folder {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open(path: &Path) -> Result<Folder, Error> {
        let failed = |reason| Error::Io { action: "open", path: path.into(), reason };
        Ok(Folder { dir: staged::open(path).map_err(failed)?, path: path.into() })
    }

    /// The folder `name` in it, known under the path of this one: for files that will be moved there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn within(&self, name: &str) -> Result<Folder, Error> {
        let failed = |reason| Error::Io { action: "open", path: self.path.join(name), reason };
        let synced = self.dir.open(name).map(|file| Dir::from_std_file(file.into_std()));
        let dir = synced.or_else(|_| self.dir.open_dir(name)).map_err(failed)?;
        Ok(Folder { dir, path: self.path.clone() })
    }

    /// Makes renames in it durable, where the system can do that with folders.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync(&self) -> Result<(), Error> {
        staged::sync(&self.dir).map_err(staged::not_written(&self.path))
    }

    /// Opens its file `name` for reading. A pipe or a device, which may never end, is refused.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn open_file(&self, name: &str) -> Result<File, Error> {
        let failed = |reason| Error::Io { action: "read", path: self.path.join(name), reason };
        // Before it is opened: opening a pipe waits for a writer.
        if !self.dir.metadata(name).map_err(failed)?.is_file() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
        }
        Ok(self.dir.open(name).map_err(failed)?.into_std())
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open folder.
    #[must_use]
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Lets `fill` write the file `name`, to be placed later.
    ///
    /// # Errors
    /// As [`Staged::write`].
    pub fn stage(
        &self,
        name: &str,
        fill: impl FnOnce(&mut File) -> Result<(), Error>,
    ) -> Result<Staged, Error> {
        Staged::write_in(&self.dir, &self.path.join(name), fill)
    }

    /// Replaces the file `name` by one with these bytes: at every moment the old or the new one is there, whole.
    ///
    /// # Errors
    /// [`Error::Io`]; the old file is untouched then and nothing is left beside it.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path.join(name);
        self.stage(name, |file| file.write_all(bytes).map_err(staged::not_written(&path)))?.place()
    }

    /// Removes what writers of these files left behind when they were killed. Only for whoever keeps other writers out.
    pub fn remove_leftovers(&self, names: &[&str]) {
        let Ok(entries) = self.dir.entries() else { return };
        for entry in entries.flatten().map(|entry| entry.file_name()) {
            if names.iter().any(|name| is_leftover(&entry, OsStr::new(name))) {
                let _ = self.dir.remove_file(&entry);
            }
        }
    }

    /// Whether its path still leads to it.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        let Ok(there) = staged::open(&self.path) else { return false };
        let held = self.dir.try_clone().map(Dir::into_std_file);
        held.is_ok_and(|held| is_same(&held, &there.into_std_file()))
    }

    /// Whether its entry `name` is still this open file.
    #[must_use]
    pub fn holds(&self, name: &str, file: &File) -> bool {
        self.dir.open(name).is_ok_and(|there| is_same(file, &there.into_std()))
    }
}

#[cfg(unix)]
fn is_same(one: &File, other: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |file: &File| file.metadata().map(|data| (data.dev(), data.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

/// Files have no identity in the standard library there.
#[cfg(not(unix))]
fn is_same(one: &File, other: &File) -> bool {
    one.metadata().is_ok() && other.metadata().is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[cfg(unix)]
    #[test]
    fn files_stay_in_the_open_folder_when_its_path_leads_elsewhere() {
        let root = tempfile::tempdir().unwrap();
        let [first, second, link] = ["first", "second", "link"].map(|name| root.path().join(name));
        fs::create_dir(&first).unwrap();
        fs::create_dir(&second).unwrap();
        std::os::unix::fs::symlink(&first, &link).unwrap();
        let folder = Folder::open(&link).unwrap();
        assert!(folder.is_in_place());
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&second, &link).unwrap();
        assert!(!folder.is_in_place());
        folder.stage("file", |_| Ok(())).unwrap().place().unwrap();
        assert!(first.join("file").exists() && !second.join("file").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_made_anew_is_another_one_and_nothing_is_written_to_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("folder");
        fs::create_dir(&path).unwrap();
        let folder = Folder::open(&path).unwrap();
        fs::remove_dir(&path).unwrap();
        assert!(!folder.is_in_place());
        fs::create_dir(&path).unwrap();
        assert!(!folder.is_in_place());
        assert!(folder.stage("file", |_| Ok(())).is_err());
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_was_removed_or_replaced_is_no_longer_held() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        let folder = Folder::open(root.path()).unwrap();
        let file = File::create(&path).unwrap();
        assert!(folder.holds("file", &file));
        fs::remove_file(&path).unwrap();
        assert!(!folder.holds("file", &file));
        fs::write(&path, "").unwrap();
        assert!(!folder.holds("file", &file));
    }

    #[test]
    fn only_leftovers_of_the_files_named_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let kept = [".a.0123456789abcdef.txt", ".a.tmp", ".b.0123456789abcdef.tmp", "b.tmp"];
        for name in kept.iter().chain(&[".a.0123456789abcdef.tmp", "a.tmp"]) {
            fs::write(root.path().join(name), "").unwrap();
        }
        Folder::open(root.path()).unwrap().remove_leftovers(&["a"]);
        let mut found: Vec<_> =
            fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        found.sort();
        assert_eq!(found, kept);
    }
}
