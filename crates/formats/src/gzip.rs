//! Gzip as files have it: several members one after another, and zeros after the last one, as tapes and block devices
//! leave them. Anything else that follows is reported with its offset.
//!
//! RFC 1952 lets members follow each other and says nothing of what comes after them; `gzip` and Python ignore zeros.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The first two bytes of a member.
pub(crate) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Most of the bytes shown of what follows a stream.
const SHOWN: usize = 8;

/// Decompresses all members of a stream.
pub(crate) struct GzipReader<R> {
    state: State<R>,
}

enum State<R> {
    Member(Box<GzDecoder<Counted<R>>>),
    /// Between two members, or at the end.
    Between(Counted<R>),
    /// Only while the state changes, and after an error.
    Done,
}

/// What follows a gzip stream in place of its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Garbage {
    /// Where it begins, in compressed bytes.
    pub(crate) offset: u64,
    /// Its first bytes.
    pub(crate) found: Vec<u8>,
}

impl std::fmt::Display for Garbage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "other data after the gzip stream")
    }
}

impl std::error::Error for Garbage {}

impl<R: BufRead> GzipReader<R> {
    pub(crate) fn new(input: R) -> Self {
        let input = Counted { input, pushed: Vec::new(), consumed: 0 };
        Self { state: State::Member(Box::new(GzDecoder::new(input))) }
    }
}

impl<R: BufRead> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(0),
                State::Member(mut member) => match member.read(buffer) {
                    Ok(0) => self.state = State::Between(member.into_inner()),
                    result => {
                        self.state = State::Member(member);
                        return result;
                    }
                },
                State::Between(mut input) => match input.next_member() {
                    Ok(false) => return Ok(0),
                    Ok(true) => self.state = State::Member(Box::new(GzDecoder::new(input))),
                    Err(error) => {
                        if error.kind() == io::ErrorKind::Interrupted {
                            self.state = State::Between(input);
                        }
                        return Err(error);
                    }
                },
            }
        }
    }
}

/// Input that counts what was taken of it, and takes a few bytes back.
struct Counted<R> {
    input: R,
    pushed: Vec<u8>,
    consumed: u64,
}

impl<R: BufRead> Counted<R> {
    /// Skips zeros; whether another member follows rather than the end.
    fn next_member(&mut self) -> io::Result<bool> {
        loop {
            let there = self.fill_buf()?;
            let zeros = there.iter().take_while(|&&byte| byte == 0).count();
            match there.get(zeros) {
                None if there.is_empty() => return Ok(false),
                None => self.consume(zeros),
                Some(_) => {
                    self.consume(zeros);
                    break;
                }
            }
        }
        let offset = self.consumed;
        let mut start = Vec::new();
        while start.len() < SHOWN {
            let there = match self.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            let taken = there.len().min(SHOWN - start.len());
            if taken == 0 {
                break;
            }
            start.extend_from_slice(&there[..taken]);
            self.consume(taken);
        }
        // A stream that ends within the two bytes was cut, which the decoder says.
        if start.starts_with(&MAGIC) || start == MAGIC[..1] {
            self.consumed -= start.len() as u64;
            self.pushed = start;
            return Ok(true);
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, Garbage { offset, found: start }))
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.pushed.is_empty() { self.input.fill_buf() } else { Ok(&self.pushed) }
    }

    fn consume(&mut self, count: usize) {
        self.consumed += count as u64;
        if self.pushed.is_empty() {
            self.input.consume(count);
        } else {
            self.pushed.drain(..count);
        }
    }
}
