//! The checksum of a file: SHA-256 of all its bytes, of which those that hold the checksum itself count as zeros.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use sha2::{Digest, Sha256};

/// The key of the checksum in the description.
pub(super) const KEY: &str = "checksum";
/// Bytes read at a time.
const BLOCK: usize = 64 << 10;

/// What stands for the checksum until it is known.
pub(super) fn unknown() -> String {
    "0".repeat(2 * Sha256::output_size())
}

/// Writes through to a file, and sums.
pub(super) struct Summed<W> {
    file: W,
    sum: Sha256,
}

impl<W: Write> Summed<W> {
    pub(super) fn new(file: W) -> Summed<W> {
        Summed { file, sum: Sha256::new() }
    }

    pub(super) fn finish(mut self) -> io::Result<String> {
        self.file.flush()?;
        Ok(digits(self.sum))
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.sum.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Puts the checksum into a file whose first bytes are `head`, in the place of [`unknown`].
pub(super) fn put(file: &mut File, head: &[u8], checksum: &str) -> io::Result<()> {
    let place = find(head, unknown().as_bytes()).ok_or(io::ErrorKind::InvalidData)?;
    file.seek(SeekFrom::Start(place as u64))?;
    file.write_all(checksum.as_bytes())
}

/// Whether a file, read up to the end of `head`, has this checksum.
pub(super) fn matches(file: &mut File, head: &[u8], checksum: &str) -> io::Result<bool> {
    let Some(place) = find(head, checksum.as_bytes()) else { return Ok(false) };
    let mut sum = Sha256::new();
    sum.update(&head[..place]);
    sum.update(unknown());
    sum.update(&head[place + checksum.len()..]);
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(digits(sum) == checksum),
            Ok(count) => sum.update(&block[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn digits(sum: Sha256) -> String {
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() { None } else { bytes.windows(part.len()).position(|window| window == part) }
}
