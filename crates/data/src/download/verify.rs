//! Whether a file holds what it should: SHA-256 of the file, or of what it contains once decompressed.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::catalog::Remote;

const BLOCK: usize = 1 << 16;

/// Whether the file at `path` is `remote`; if not, its own sum.
pub(super) fn verify(path: &Path, remote: &Remote<'_>) -> io::Result<Result<(), String>> {
    let found = sha256(File::open(path)?)?;
    let same = found == remote.sha256 || remote.contents_sha256.is_some_and(|sum| contents_match(path, sum));
    Ok(if same { Ok(()) } else { Err(found) })
}

/// Whether the file at `path`, which is not compressed, holds the contents of `remote`; `None` where no sum of the
/// contents is known.
pub(super) fn verify_unpacked(path: &Path, remote: &Remote<'_>) -> io::Result<Option<bool>> {
    let Some(expected) = remote.contents_sha256 else { return Ok(None) };
    Ok(Some(sha256(File::open(path)?)? == expected))
}

/// A damaged gzip stream is an answer here, not an error: the contents do not match.
fn contents_match(path: &Path, expected: &str) -> bool {
    let unpacked = File::open(path).map(|file| MultiGzDecoder::new(BufReader::new(file)));
    unpacked.and_then(sha256).is_ok_and(|found| found == expected)
}

fn sha256(mut reader: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            Ok(count) => hasher.update(&block[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
