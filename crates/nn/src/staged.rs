//! Files that appear whole or not at all.
//!
//! A file is written beside its place, synced, and only then renamed: at every moment the old file or the new one is
//! there. Staging and placing are two steps, so that several files can be made ready before the first of them counts.
//!
//! The file beside it is new and has a name that nobody can foresee, so nothing that lies there is opened or overwritten.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use crate::Error;

/// The end of a temporary name.
const TEMPORARY: &str = ".tmp";
/// Hexadecimal digits before it.
const DIGITS: usize = 16;

/// A file written beside its place, and put there by [`Staged::place`]. Dropped without that, it is removed.
#[derive(Debug)]
#[must_use = "a staged file is removed unless it is placed"]
pub struct Staged {
    dir: Dir,
    path: PathBuf,
    temporary: OsString,
}

impl Staged {
    /// Lets `fill` write a file beside `path`, and syncs it.
    ///
    /// # Errors
    /// What `fill` says, or [`Error::Io`]; nothing is left beside `path` then.
    pub fn write(path: &Path, fill: impl FnOnce(&mut File) -> Result<(), Error>) -> Result<Staged, Error> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let dir = open(folder.unwrap_or(Path::new(".")));
        Staged::write_in(&dir.map_err(not_written(path))?, path, fill)
    }

    /// The same in an open folder, which `path` led to.
    pub(crate) fn write_in(
        dir: &Dir,
        path: &Path,
        fill: impl FnOnce(&mut File) -> Result<(), Error>,
    ) -> Result<Staged, Error> {
        let dir = dir.try_clone().map_err(not_written(path))?;
        let temporary = temporary_name(path.file_name().unwrap_or_default());
        let created = dir.open_with(&temporary, OpenOptions::new().write(true).create_new(true));
        let mut file = created.map_err(not_written(path))?.into_std();
        let staged = Staged { dir, path: path.into(), temporary };
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
    /// [`Error::Io`]; nothing is left beside it, and the earlier file is untouched, unless all that failed was making the
    /// new one durable.
    pub fn place(self) -> Result<(), Error> {
        let name = self.path.file_name().unwrap_or_default();
        self.dir.rename(&self.temporary, &self.dir, name).map_err(not_written(&self.path))?;
        sync(&self.dir).map_err(not_written(&self.path))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After `place` nothing has this name.
        let _ = self.dir.remove_file(&self.temporary);
    }
}

/// Opens a folder so that it can be locked and synced, where the system allows that.
pub(crate) fn open(path: &Path) -> io::Result<Dir> {
    let locked_and_synced =
        if path.is_dir() { File::open(path) } else { Err(io::ErrorKind::NotADirectory.into()) };
    locked_and_synced.map(Dir::from_std_file).or_else(|_| Dir::open_ambient_dir(path, ambient_authority()))
}

/// Makes renames in a folder durable, where the system can do that with folders.
pub(crate) fn sync(dir: &Dir) -> io::Result<()> {
    /// Bad file descriptor, invalid argument, operation not supported: what systems say that cannot (fsync(2)).
    const CANNOT: [i32; 3] = [9, 22, 95];
    let synced = dir.try_clone().and_then(|dir| dir.into_std_file().sync_all());
    match synced {
        Err(reason) if cfg!(windows) || reason.raw_os_error().is_some_and(|code| CANNOT.contains(&code)) => {
            Ok(())
        }
        synced => synced,
    }
}

/// A name beside `name` that nobody can foresee: the standard library seeds its hashers from the system's random numbers.
fn temporary_name(name: &OsStr) -> OsString {
    let digits = format!("{:0DIGITS$x}{TEMPORARY}", RandomState::new().hash_one(name));
    [OsStr::new("."), name, OsStr::new("."), OsStr::new(&digits)].into_iter().collect()
}

/// Whether `found` is a temporary name of the file `name`, or what it was in earlier versions.
pub(crate) fn is_leftover(found: &OsStr, name: &OsStr) -> bool {
    if found.as_encoded_bytes() == [name.as_encoded_bytes(), TEMPORARY.as_bytes()].concat() {
        return true;
    }
    let digits = || {
        let rest = found.as_encoded_bytes().strip_prefix(b".")?.strip_prefix(name.as_encoded_bytes())?;
        rest.strip_prefix(b".")?.strip_suffix(TEMPORARY.as_bytes())
    };
    digits().is_some_and(|digits| digits.len() == DIGITS && digits.iter().all(u8::is_ascii_hexdigit))
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
    use std::fs;

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
    fn the_name_beside_a_file_is_another_one_each_time_and_is_known_as_such() {
        let name = OsStr::new("file");
        let temporary = [(); 2].map(|()| temporary_name(name));
        assert_ne!(temporary[0], temporary[1]);
        assert!(
            temporary.iter().all(|found| is_leftover(found, name) && !is_leftover(found, "fil".as_ref()))
        );
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
