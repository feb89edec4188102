//! One reader for everything: plain or gzip by its first bytes, errors classified where they happen, and memory that
//! grows no faster than the data arrives.
//!
//! Gzip's own length field is not consulted: it counts modulo 2³², describes only the last member, and comes from the
//! same hand as the header. What is trusted instead is the length of the file and deflate's greatest ratio.

use std::fs::File;
use std::io::{self, BufReader, Chain, Cursor, Read};
use std::path::Path;

use crate::gzip::{Garbage, GzipReader, MAGIC};
use crate::{Error, Result, open_regular_file};

/// Reserved at once for a stream of unknown length (MNIST's training images fit); doubled from there.
const FIRST_RESERVATION: usize = 64 << 20;
/// Zeroed and filled at a time: small enough to stay in the cache, large enough for the inflater.
const FILL_CHUNK: usize = 256 << 10;
const INPUT_BUFFER: usize = 64 << 10;
const PREFIX: u64 = 64;
/// One bit of deflate encodes at most 258/2 bytes: 1032 decompressed bytes for each compressed one.
const DEFLATE_MAX_RATIO: u64 = 1032;

type Input<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

enum Decoder<R> {
    Plain(Input<R>),
    Gzip(Box<GzipReader<Input<R>>>),
}

/// A reader of decompressed bytes that knows its offset.
pub(crate) struct Source<R> {
    decoder: Decoder<R>,
    length: Option<u64>,
    offset: u64,
    limit: u64,
    /// The classified form of the `io::Error` that [`Read::read`] last returned.
    failure: Option<Error>,
}

impl Source<File> {
    /// Opens a regular file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = open_regular_file(path).map_err(|reason| Error::Open { reason })?;
        let length = file.metadata().ok().map(|metadata| metadata.len());
        Self::new(file, length)
    }
}

impl<'a> Source<&'a [u8]> {
    /// The bytes as they are: nothing is recognised, nothing decompressed.
    pub(crate) fn plain(bytes: &'a [u8]) -> Self {
        let length = bytes.len() as u64;
        let input = BufReader::with_capacity(0, Cursor::new(Vec::new()).chain(bytes));
        Self::decoding(Decoder::Plain(input), Some(length))
    }
}

impl<R: Read> Source<R> {
    /// Recognises gzip and HTML by the first bytes. `length` is the number of bytes in `reader`, where known.
    pub(crate) fn new(reader: R, length: Option<u64>) -> Result<Self> {
        let (input, is_gzip) = recognised(reader)?;
        let decoder = match is_gzip {
            true => Decoder::Gzip(Box::new(GzipReader::new(input))),
            false => Decoder::Plain(input),
        };
        Ok(Self::decoding(decoder, length))
    }

    /// An entry of an archive, which must not be compressed itself: the archive's limit counts the entry's bytes, not
    /// what they might decompress to.
    pub(crate) fn entry(reader: R) -> Result<Self> {
        match recognised(reader)? {
            (_, true) => Err(Error::GzipInArchive),
            (input, false) => Ok(Self::decoding(Decoder::Plain(input), None)),
        }
    }

    /// The bytes as they are, of whatever kind: nothing is recognised, nothing decompressed.
    pub(crate) fn raw(reader: R) -> Self {
        let input = BufReader::with_capacity(INPUT_BUFFER, Cursor::new(Vec::new()).chain(reader));
        Self::decoding(Decoder::Plain(input), None)
    }

    fn decoding(decoder: Decoder<R>, length: Option<u64>) -> Self {
        Self { decoder, length, offset: 0, limit: u64::MAX, failure: None }
    }

    /// Fails with [`Error::LimitExceeded`] as soon as more than `bytes` decompressed bytes arrive.
    pub(crate) fn with_limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of decompressed bytes, where it is certain: for plain input of known length.
    pub(crate) fn exact_length(&self) -> Option<u64> {
        match self.decoder {
            Decoder::Plain(_) => self.length,
            Decoder::Gzip(_) => None,
        }
    }

    /// The largest possible number of decompressed bytes, where the input's length is known.
    fn greatest_length(&self) -> Option<u64> {
        match self.decoder {
            Decoder::Plain(_) => self.length,
            Decoder::Gzip(_) => self.length.map(|bytes| bytes.saturating_mul(DEFLATE_MAX_RATIO)),
        }
    }

    /// Takes the classified error behind an `io::Error` that this reader returned to another reader.
    pub(crate) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    /// Fills `buffer` as far as the data goes; a count below its length means the end.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(reason) => {
                    let offset = self.offset;
                    return Err(self.take_failure().unwrap_or(Error::Io { offset, reason }));
                }
            }
        }
        Ok(filled)
    }

    /// Fills `buffer` entirely, or fails with the offset at which the data ends.
    pub(crate) fn fill_exact(&mut self, buffer: &mut [u8]) -> Result<()> {
        let expected = self.offset + buffer.len() as u64;
        if self.fill(buffer)? < buffer.len() {
            return Err(Error::Truncated { expected, found: self.offset });
        }
        Ok(())
    }

    /// Appends exactly `bytes` bytes to an empty `data`, whose capacity ends up exact.
    ///
    /// One reservation where the input's length makes `bytes` plausible, growing ones where it is unknown. A page is
    /// touched only once data has arrived for it.
    pub(crate) fn fill_vec(&mut self, data: &mut Vec<u8>, bytes: usize) -> Result<()> {
        let expected = self.offset + bytes as u64;
        data.clear();
        while data.len() < bytes {
            if data.len() == data.capacity() {
                self.reserve(data, bytes)?;
            }
            let start = data.len();
            let end = bytes.min(data.capacity()).min(start + FILL_CHUNK);
            data.resize(end, 0);
            if self.fill(&mut data[start..])? < end - start {
                return Err(Error::Truncated { expected, found: self.offset });
            }
        }
        Ok(())
    }

    fn reserve(&self, data: &mut Vec<u8>, bytes: usize) -> Result<()> {
        let plausible = self.greatest_length().map_or(FIRST_RESERVATION, saturating_usize);
        let target = bytes.min(plausible.max(data.len().saturating_mul(2)).max(FILL_CHUNK));
        reserve_exact(data, target - data.len())
    }

    /// Succeeds at the end of the data, which is also where gzip's checksum is verified.
    pub(crate) fn expect_end(&mut self) -> Result<()> {
        let expected = self.offset;
        let extra = self.fill(&mut [0; PREFIX as usize])? as u64;
        if extra > 0 {
            return Err(Error::Trailing { expected, found: expected + extra });
        }
        Ok(())
    }

    /// Reads and discards everything up to the end.
    #[cfg(feature = "tar")]
    pub(crate) fn drain(&mut self) -> Result<()> {
        let mut scrap = vec![0; INPUT_BUFFER];
        while self.fill(&mut scrap)? > 0 {}
        Ok(())
    }

    fn classify(&self, reason: io::Error) -> Error {
        let offset = self.offset;
        let garbage = reason.get_ref().and_then(|inner| inner.downcast_ref::<Garbage>());
        if let Some(Garbage { offset: compressed, found }) = garbage {
            return Error::GzipTrailing { offset: *compressed, found: found.clone(), decompressed: offset };
        }
        match (&self.decoder, reason.kind()) {
            (Decoder::Gzip(_), io::ErrorKind::UnexpectedEof) => Error::GzipTruncated { offset },
            (Decoder::Gzip(_), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
                Error::GzipDamaged { offset, reason }
            }
            _ => Error::Io { offset, reason },
        }
    }
}

/// The buffered input, and whether it begins as gzip does. HTML is refused.
fn recognised<R: Read>(mut reader: R) -> Result<(Input<R>, bool)> {
    let mut prefix = Vec::new();
    reader
        .by_ref()
        .take(PREFIX)
        .read_to_end(&mut prefix)
        .map_err(|reason| Error::Io { offset: prefix.len() as u64, reason })?;
    reject_html(&prefix)?;
    let is_gzip = prefix.starts_with(&MAGIC);
    Ok((BufReader::with_capacity(INPUT_BUFFER, Cursor::new(prefix).chain(reader)), is_gzip))
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match self {
                Self::Plain(input) => input.read(buffer),
                Self::Gzip(decoder) => decoder.read(buffer),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer).map_err(|error| {
            let kind = error.kind();
            self.failure = Some(self.classify(error));
            io::Error::from(kind)
        })?;
        self.offset += count as u64;
        if self.offset > self.limit {
            self.failure = Some(Error::LimitExceeded { needed: self.offset, limit: self.limit });
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(count)
    }
}

/// Reserves space for exactly `additional` more bytes, or fails with [`Error::OutOfMemory`].
pub(crate) fn reserve_exact(data: &mut Vec<u8>, additional: usize) -> Result<()> {
    data.try_reserve_exact(additional).map_err(|_| Error::OutOfMemory { bytes: additional as u64 })
}

pub(crate) fn saturating_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Refuses the pages that servers send in place of a file. Neither format can begin like one.
pub(crate) fn reject_html(prefix: &[u8]) -> Result<()> {
    let text = prefix.strip_prefix(b"\xef\xbb\xbf").unwrap_or(prefix).trim_ascii_start();
    let starts_with =
        |tag: &&[u8]| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    let tags: [&[u8]; 5] = [b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--"];
    if tags.iter().any(starts_with) {
        let start = String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
        return Err(Error::HtmlPage { start });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const GIBIBYTE: usize = 1 << 30;

    /// What `fill_vec` has reserved when it finds that the data is missing.
    fn reserved(input: &[u8], length: Option<u64>, claimed: usize) -> usize {
        let mut data = Vec::new();
        let error = Source::new(input, length).unwrap().fill_vec(&mut data, claimed).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. } | Error::GzipTruncated { .. }), "{error}");
        data.capacity()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_stream_claiming_gibibytes_gets_only_the_first_reservation() {
        assert_eq!(reserved(&[1; 1_000], None, 8 * GIBIBYTE), FIRST_RESERVATION);
    }

    #[test]
    fn input_of_known_length_gets_no_more_than_it_can_expand_to() {
        assert_eq!(reserved(&[1; 1_000], Some(1_000), 8 * GIBIBYTE), FILL_CHUNK);
        let compressed = gzip(&[0; 1_000_000]);
        let bound = compressed.len() * DEFLATE_MAX_RATIO as usize;
        assert!(bound < 2_000_000);
        assert_eq!(reserved(&compressed, Some(compressed.len() as u64), 8 * GIBIBYTE), bound);
    }

    #[test]
    fn deflate_expands_no_further_than_the_assumed_ratio() {
        let compressed = gzip(&vec![0; 16 << 20]);
        assert!(compressed.len() as u64 * DEFLATE_MAX_RATIO >= 16 << 20);
    }

    #[test]
    fn capacity_is_exact_after_several_reservations() {
        let size = FIRST_RESERVATION + FIRST_RESERVATION / 2 + 12_345;
        let mut data = Vec::new();
        Source::new(std::io::repeat(7), None).unwrap().fill_vec(&mut data, size).unwrap();
        assert_eq!((data.len(), data.capacity()), (size, size));
        assert!(data.iter().all(|&byte| byte == 7));
    }

    #[test]
    fn only_memory_for_arrived_data_is_touched() {
        let mut data = Vec::new();
        let input = vec![1; 3 * FILL_CHUNK + 5];
        Source::new(&input[..], None).unwrap().fill_vec(&mut data, GIBIBYTE).unwrap_err();
        assert!(data.len() <= 4 * FILL_CHUNK);
    }

    #[test]
    fn an_impossible_reservation_is_an_error_not_an_abort() {
        let error = reserve_exact(&mut Vec::new(), isize::MAX as usize).unwrap_err();
        assert!(matches!(error, Error::OutOfMemory { .. }));
    }
}
