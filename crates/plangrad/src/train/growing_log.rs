//! `metrics.jsonl` read while it is written: what has been added, line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use plangrad_nn::checkpoint::Folder;

use super::log::MOST_LINE;

/// A log that is open.
#[derive(Debug)]
pub(crate) struct GrowingLog {
    file: BufReader<File>,
    /// Bytes that were read.
    read: u64,
    /// The beginning of a line whose end has not been written yet.
    line: Vec<u8>,
    /// Whether that line is too long to be an event.
    is_too_long: bool,
}

impl GrowingLog {
    pub(crate) fn new(file: File) -> GrowingLog {
        GrowingLog { file: BufReader::new(file), read: 0, line: Vec::new(), is_too_long: false }
    }

    /// Whether it still is the file of this name in `folder`, and has not been cut.
    pub(crate) fn is_in(&self, folder: &Path, name: &str) -> bool {
        let file = self.file.get_ref();
        let is_whole = file.metadata().is_ok_and(|there| there.len() >= self.read);
        is_whole && Folder::open(folder).is_ok_and(|folder| folder.holds(name, file))
    }

    /// Calls `each` with every line that has been added, but those that are longer than any event's. Returns how many bytes
    /// were read.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn each_new_line(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<u64> {
        let before = self.read;
        loop {
            let room = MOST_LINE - self.line.len() as u64;
            let read = self.file.by_ref().take(room).read_until(b'\n', &mut self.line)?;
            self.read += read as u64;
            let is_whole = self.line.ends_with(b"\n");
            if is_whole && !self.is_too_long {
                each(&self.line[..self.line.len() - 1]);
            }
            if is_whole || self.line.len() as u64 == MOST_LINE {
                self.is_too_long = !is_whole;
                self.line.clear();
            } else if read == 0 {
                return Ok(self.read - before);
            }
        }
    }

    /// The beginning of a line whose end has not been written yet.
    pub(crate) fn unfinished(&self) -> &[u8] {
        &self.line
    }
}
