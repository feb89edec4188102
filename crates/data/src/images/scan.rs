//! The files of a folder of images: which are read, which class and part each belongs to.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::OwnFilesProblem;
use crate::hash_split::is_test;
use crate::text::{counted, excerpt, grouped};
use crate::{Error, LoadOptions, MOST_CLASSES, Result};

/// Endings of names that are taken as images.
const ENDINGS: [&str; 7] = ["png", "jpg", "jpeg", "webp", "bmp", "gif", "jfif"];

/// Whether a file is taken as an image, by the end of its name.
#[must_use]
pub fn has_image_name(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// Folders within folders.
const MOST_DEPTH: usize = 16;

/// Names of folders with the test part, in the order of preference.
const TEST_FOLDERS: [&str; 5] = ["test", "val", "valid", "validation", "testing"];

/// Names of folders with the training part.
const TRAIN_FOLDERS: [&str; 2] = ["train", "training"];

/// An image file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ImageFile {
    pub(super) path: PathBuf,
    /// Its name from the folder on, with `/`: the same on every machine.
    pub(super) relative: String,
    pub(super) class: u16,
    pub(super) test: bool,
    pub(super) bytes: u64,
    /// When it was changed, in nanoseconds since 1970.
    pub(super) changed: u128,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: Vec<ImageFile>,
    pub(super) classes: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// Files that are not read, to be named.
#[derive(Default)]
struct Skipped {
    /// Files that are not named as images are.
    files: Vec<String>,
    /// Folders that were read by another path.
    folders: Vec<String>,
    /// Images that lie beside the folders of the classes.
    beside_classes: Vec<String>,
}

pub(super) fn scan(folder: &Path, options: &LoadOptions) -> Result<Found> {
    let children = folders(folder)?;
    let named = |names: &[&str]| {
        names.iter().find_map(|name| children.iter().find(|child| child.eq_ignore_ascii_case(name)))
    };
    let mut found = Found::default();
    let mut skipped = Skipped::default();
    let parts: Vec<(PathBuf, Option<bool>)> = match (named(&TRAIN_FOLDERS), named(&TEST_FOLDERS)) {
        (Some(train), Some(test)) => {
            if !test.to_lowercase().starts_with("test") {
                found.notes.push(format!("the folder {test} is taken as the test part"));
            }
            let others = children.iter().filter(|child| *child != train && *child != test);
            found.notes.extend(others.map(|other| format!("the folder {} is left out", excerpt(other))));
            vec![(folder.join(train), Some(false)), (folder.join(test), Some(true))]
        }
        (Some(train), None) => vec![(folder.join(train), None)],
        _ => vec![(folder.to_path_buf(), None)],
    };
    let is_split = parts.len() == 1;
    for (part, _) in &parts {
        found.classes.extend(folders(part)?);
    }
    found.classes.sort();
    found.classes.dedup();
    check_classes(folder, &found.classes, images_in(folder)?)?;
    for (part, test) in parts {
        skipped.beside_classes.extend(images_in(&part)?);
        for (class, name) in found.classes.iter().enumerate() {
            let (class, seen) = (class as u16, HashSet::new());
            let mut walk = Walk { root: folder, options, class, test, seen, skipped: &mut skipped };
            if part.join(name).is_dir() {
                walk.folder(&part.join(name), 0, &mut found.files)?;
            }
        }
    }
    if found.files.is_empty() {
        let expected = "images (PNG, JPEG, WebP, BMP or GIF) in a folder for each class".to_owned();
        let problem = OwnFilesProblem::Missing { expected, found: found.classes };
        return Err(Error::OwnFiles { path: folder.to_path_buf(), problem });
    }
    found.leave_out_empty_classes();
    found.files.sort_by(|one, other| one.relative.cmp(&other.relative));
    if is_split {
        let tests = found.files.iter().filter(|file| file.test).count();
        let (all, fraction) = (found.files.len(), options.test_fraction);
        if tests > 0 || fraction > 0.0 {
            found.notes.push(format!(
                "there is no test folder: {} of {} images, chosen by their names and the seed, are kept for testing \
                 (--test-fraction {fraction})",
                grouped(tests),
                grouped(all)
            ));
        }
    }
    found.notes.extend(skipped.notes());
    Ok(found)
}

fn check_classes(folder: &Path, classes: &[String], images: Vec<String>) -> Result<()> {
    let problem = match classes.len() {
        0 => {
            let expected = "a folder for each class, with its images".to_owned();
            OwnFilesProblem::Missing { expected, found: images }
        }
        count if count > MOST_CLASSES => OwnFilesProblem::Classes { found: count },
        _ => return Ok(()),
    };
    Err(Error::OwnFiles { path: folder.to_path_buf(), problem })
}

impl Found {
    /// Leaves out folders without an image, such as those that an archive of a Mac brings, and says which.
    fn leave_out_empty_classes(&mut self) {
        let mut has_images = vec![false; self.classes.len()];
        self.files.iter().for_each(|file| has_images[usize::from(file.class)] = true);
        let (kept, empty): (Vec<usize>, Vec<usize>) =
            (0..self.classes.len()).partition(|&class| has_images[class]);
        if empty.is_empty() {
            return;
        }
        let names: Vec<String> = empty.iter().map(|&class| self.classes[class].clone()).collect();
        self.notes.push(format!(
            "left out {} without an image: {}",
            counted(empty.len(), "folder"),
            shown(&names)
        ));
        let mut numbers = vec![0; self.classes.len()];
        (0..).zip(&kept).for_each(|(number, &class)| numbers[class] = number);
        self.files.iter_mut().for_each(|file| file.class = numbers[usize::from(file.class)]);
        self.classes = kept.into_iter().map(|class| std::mem::take(&mut self.classes[class])).collect();
    }
}

impl Skipped {
    /// How many files and folders were not read, and the first of them.
    fn notes(&self) -> impl Iterator<Item = String> {
        let files = counted(self.files.len(), "file");
        let folders = counted(self.folders.len(), "folder");
        let files = format!("skipped {files} not named as images are: {}", shown(&self.files));
        let folders = format!("skipped {folders} that links lead to a second time: {}", shown(&self.folders));
        let beside = counted(self.beside_classes.len(), "image");
        let beside =
            format!("skipped {beside} beside the folders of the classes: {}", shown(&self.beside_classes));
        let notes = [(&self.files, files), (&self.folders, folders), (&self.beside_classes, beside)];
        notes.into_iter().filter(|(skipped, _)| !skipped.is_empty()).map(|(_, note)| note)
    }
}

/// The first names, and how many there are besides.
fn shown(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(3).map(|name| excerpt(name)).collect();
    let more = names.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {} more", grouped(more)) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// Names of the folders in a folder, but hidden ones, sorted.
fn folders(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (name, path) in entries(folder)? {
        if path.is_dir() && !name.starts_with('.') {
            names.push(name);
        }
    }
    Ok(names)
}

/// Names of the images in a folder, but hidden ones, sorted.
fn images_in(folder: &Path) -> Result<Vec<String>> {
    let is_shown =
        |(name, path): &(String, PathBuf)| !name.starts_with('.') && has_image_name(path) && path.is_file();
    Ok(entries(folder)?.into_iter().filter(is_shown).map(|(name, _)| name).collect())
}

/// Names and paths in a folder, sorted by name.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let unreadable = |reason| Error::Io { path: folder.to_path_buf(), action: "read", reason };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    entries.sort();
    Ok(entries)
}

/// One class of one part.
struct Walk<'a> {
    root: &'a Path,
    options: &'a LoadOptions,
    class: u16,
    /// The part, unless the hash decides.
    test: Option<bool>,
    /// Folders that were read, wherever links to them lie: through links there may be more paths than can ever be walked.
    seen: HashSet<PathBuf>,
    skipped: &'a mut Skipped,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize, files: &mut Vec<ImageFile>) -> Result<()> {
        let place = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        if !self.seen.insert(place) {
            self.skipped.folders.push(self.relative(folder));
            return Ok(());
        }
        for (name, path) in entries(folder)? {
            let relative = self.relative(&path);
            let Ok(data) = fs::metadata(&path) else {
                self.skipped.files.push(relative);
                continue;
            };
            if data.is_dir() && depth < MOST_DEPTH && !name.starts_with('.') {
                self.folder(&path, depth + 1, files)?;
                continue;
            }
            if !data.is_file() || !has_image_name(&path) || name.starts_with('.') {
                self.skipped.files.push(relative);
                continue;
            }
            let hashed = || is_test(relative.as_bytes(), self.options.seed, self.options.test_fraction);
            let changed =
                data.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            let test = self.test.unwrap_or_else(hashed);
            let changed = changed.map_or(0, |time| time.as_nanos());
            files.push(ImageFile { path, relative, class: self.class, test, bytes: data.len(), changed });
        }
        Ok(())
    }

    fn relative(&self, path: &Path) -> String {
        let relative = path.strip_prefix(self.root).unwrap_or(path);
        let parts: Vec<String> =
            relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        parts.join("/")
    }
}
