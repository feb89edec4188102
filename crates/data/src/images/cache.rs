//! Decoded images on disk, so that they are decoded once: a file with checksums, written whole or not at all.
//!
//! ```text
//! 8 bytes   "plgrimg2"
//! 32 bytes  SHA-256 of what the images come from: names, sizes, times of all files, and what they become
//! 32 bytes  SHA-256 of everything that follows
//! …         notes and both parts, each list with its bytes counted before it (8 bytes, little-endian); labels are numbers of
//!           2 bytes, little-endian
//! ```

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use plangrad_formats::open_regular_file;
use sha2::{Digest, Sha256};

use super::block::{Block, Part};
use super::decode::Target;
use super::scan::ImageFile;
use crate::label::LABEL;
use crate::{Error, Result};

const MAGIC: [u8; 8] = *b"plgrimg2";

/// Bytes before the lists.
const HEAD: usize = 8 + 32 + 32;

/// The most bytes of notes.
const MOST_NOTES: usize = 1 << 20;

/// What a block was made of.
pub(super) fn key(files: &[ImageFile], target: Target) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(format!("{} {} {} {}\n", target.channels, target.height, target.width, target.fit));
    for file in files {
        hash.update(format!(
            "{}\n{} {} {} {}\n",
            file.relative, file.class, file.test, file.bytes, file.changed
        ));
    }
    hash.finalize().into()
}

/// The block in a file, of at most so many images; `Err` with a sentence if there is none of this key, or a damaged one. No
/// more is read than such a block could hold.
pub(super) fn read(
    path: &Path,
    key: &[u8; 32],
    image_bytes: usize,
    most_images: usize,
) -> std::result::Result<Block, Option<String>> {
    let mut file = match open_regular_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(None),
        Err(error) => return Err(Some(format!("{}: the cache cannot be read: {error}", path.display()))),
        Ok(file) => BufReader::new(file),
    };
    let says = |what: &str| Some(format!("{}: {what}; the images are decoded again", path.display()));
    let mut head = [0; HEAD];
    if file.read_exact(&mut head).is_err() || head[..8] != MAGIC {
        return Err(says("not a cache of images"));
    }
    if head[8..40] != key[..] {
        return Err(says("the cache is of other images or options"));
    }
    let mut lists = Lists { file, hash: Sha256::new() };
    let block = lists.block(image_bytes, most_images).map_err(|error| match error.kind() {
        io::ErrorKind::OutOfMemory => says("the cache needs more memory than there is"),
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => says("the cache is damaged"),
        _ => says("the cache cannot be read"),
    })?;
    if lists.hash.finalize()[..] != head[40..] {
        return Err(says("the cache is damaged (its checksum is wrong)"));
    }
    Ok(block)
}

/// The lists of a cache, read one after another, and the checksum of what was read.
struct Lists<R> {
    file: R,
    hash: Sha256,
}

impl<R: Read> Lists<R> {
    fn block(&mut self, image_bytes: usize, most_images: usize) -> io::Result<Block> {
        let notes = String::from_utf8(self.list(MOST_NOTES)?).map_err(|_| damaged())?;
        let notes = notes.lines().map(str::to_owned).collect();
        let mut part = || {
            let labels = self.list(most_images * LABEL)?;
            let labels = labels.chunks_exact(LABEL).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
            let part = Part { labels: labels.collect(), pixels: self.list(most_images * image_bytes)? };
            let is_whole = part.pixels.len() == part.labels.len() * image_bytes;
            if is_whole { Ok(part) } else { Err(damaged()) }
        };
        let block = Block { train: part()?, test: part()?, notes };
        let ends = self.file.read(&mut [0])? == 0;
        if ends { Ok(block) } else { Err(damaged()) }
    }

    /// A list of at most `most` bytes.
    fn list(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut length = [0; 8];
        self.file.read_exact(&mut length)?;
        self.hash.update(length);
        let length = u64::from_le_bytes(length);
        let length = usize::try_from(length).ok().filter(|&length| length <= most).ok_or_else(damaged)?;
        let mut list = Vec::new();
        list.try_reserve_exact(length)?;
        list.resize(length, 0);
        self.file.read_exact(&mut list)?;
        self.hash.update(&list);
        Ok(list)
    }
}

fn damaged() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// Labels as they lie in the file.
fn bytes_of(labels: &[u16]) -> Vec<u8> {
    labels.iter().flat_map(|label| label.to_le_bytes()).collect()
}

/// A name beside `path` that nobody can foresee, so that nothing which lies there is in the way or written over.
fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}.part", RandomState::new().hash_one(&name)));
    path.with_file_name(name)
}

/// Writes a block beside `path` and gives it that name.
pub(super) fn write(path: &Path, key: &[u8; 32], block: &Block) -> Result<()> {
    let fail = |reason| Error::Io { path: path.to_path_buf(), action: "written", reason };
    let notes = block.notes.join("\n");
    let labels = [&block.train, &block.test].map(|part| bytes_of(&part.labels));
    let lists = [notes.as_bytes(), &labels[0], &block.train.pixels, &labels[1], &block.test.pixels];
    let mut hash = Sha256::new();
    for list in lists {
        hash.update((list.len() as u64).to_le_bytes());
        hash.update(list);
    }
    let temporary = temporary_name(path);
    let write = || {
        let file = File::options().write(true).create_new(true).open(&temporary)?;
        let mut file = BufWriter::new(file);
        file.write_all(&MAGIC)?;
        file.write_all(key)?;
        file.write_all(&hash.finalize())?;
        for list in lists {
            file.write_all(&(list.len() as u64).to_le_bytes())?;
            file.write_all(list)?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|reason| {
        let _ = fs::remove_file(&temporary);
        fail(reason)
    })
}
