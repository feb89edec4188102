//! Where a drawing goes: an SVG or a PNG file, told by its name.

use std::io;
use std::path::{Path, PathBuf};

use plangrad_nn::checkpoint::{self, Staged};

use super::shapes::Drawing;
use crate::error::{Error, Result};

/// A file to be written with a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureFile {
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Svg,
    Png,
}

impl PictureFile {
    /// The file at `path`; `None` where its name ends with neither `.svg` nor `.png`: a slip must not cost another file.
    #[must_use]
    pub fn named(path: PathBuf) -> Option<PictureFile> {
        let ends_with = |kind: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(kind));
        let kind = match () {
            () if ends_with("svg") => Kind::Svg,
            () if ends_with("png") => Kind::Png,
            () => return None,
        };
        Some(PictureFile { path, kind })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Finds out whether it can be written, and leaves everything as it is: for commands that have much to do before.
    ///
    /// # Errors
    /// If it cannot.
    pub(crate) fn check(&self) -> Result<()> {
        if self.path.is_dir() {
            return Err(Error::io(&self.path, "written")(io::ErrorKind::IsADirectory.into()));
        }
        drop(Staged::bytes(&self.path, b"")?); // it is removed again
        Ok(())
    }

    /// Writes a drawing that `option` asked for; at every moment the old file or the new one is there.
    ///
    /// # Errors
    /// If it cannot be written, or has more pixels than a picture may have.
    pub(crate) fn write(&self, drawing: &Drawing, option: &'static str) -> Result<()> {
        let bytes = match self.kind {
            Kind::Svg => drawing.to_svg()?.into_bytes(),
            Kind::Png => {
                let too_large = || Error::option(option, "the picture would be too large; use an .svg");
                let picture = drawing.to_picture().ok_or_else(too_large)?;
                picture.to_png(&self.path)?
            }
        };
        Ok(checkpoint::replace(&self.path, &bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_written() {
        let file = |name: &str| PictureFile::named(name.into());
        assert_eq!(file("a/b.SVG").unwrap().kind, Kind::Svg);
        assert_eq!(file("b.png").unwrap().kind, Kind::Png);
        for name in ["b.jpg", "svg", ".png", "", "b.png/"] {
            assert_eq!(file(name).is_some(), name == "b.png/", "{name}");
        }
    }

    #[test]
    fn a_check_finds_what_cannot_be_written_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| PictureFile::named(folder.path().join(name)).unwrap();
        std::fs::create_dir(folder.path().join("folder.svg")).unwrap();
        std::fs::write(folder.path().join("old.svg"), "old").unwrap();
        file("new.svg").check().unwrap();
        file("old.svg").check().unwrap();
        assert!(file("folder.svg").check().unwrap_err().to_string().contains("cannot be written"));
        assert!(file("missing/new.svg").check().is_err());
        assert_eq!(std::fs::read(folder.path().join("old.svg")).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
