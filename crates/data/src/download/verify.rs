//! Whether a file has the right contents: SHA-256 of the file, or of what it contains once decompressed.
//!
//! No more is read than the right file could hold, so that a wrong one costs no more time.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::catalog::{Contents, Remote};
use crate::text::hexadecimal;

const BLOCK: usize = 1 << 16;

/// Whether `file` is `remote`, as published or with another gzip wrapping.
pub(super) fn matches(file: &File, remote: &Remote<'_>) -> io::Result<bool> {
    let fits = file.metadata()?.len() <= remote.most_bytes();
    let contents_match = |contents| decompressed_match(file, contents);
    Ok(fits && (sha256(file)? == remote.sha256 || remote.contents.is_some_and(contents_match)))
}

/// Whether `file`, which is not compressed, holds the contents of `remote`; `None` if their checksum is unknown.
pub(super) fn unpacked_matches(file: &File, remote: &Remote<'_>) -> io::Result<Option<bool>> {
    let Some(contents) = &remote.contents else { return Ok(None) };
    Ok(Some(file.metadata()?.len() == contents.bytes && sha256(file)? == contents.sha256))
}

/// A damaged gzip stream does not match; it is not an error here.
fn decompressed_match(mut file: &File, contents: Contents<'_>) -> bool {
    let unpacked = file.rewind().map(|()| MultiGzDecoder::new(BufReader::new(file)));
    let sum = unpacked.and_then(|unpacked| sum(unpacked.take(contents.bytes + 1)));
    sum.is_ok_and(|found| found == contents.sha256)
}

/// The SHA-256 of a file, in lower-case hexadecimal.
pub(super) fn sha256(mut file: &File) -> io::Result<String> {
    file.rewind()?;
    sum(file)
}

fn sum(mut reader: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        match reader.read(&mut block) {
            Ok(0) => return Ok(hexadecimal(&hasher.finalize())),
            Ok(count) => hasher.update(&block[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
