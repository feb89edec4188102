//! One item at a time: memory for a single image, however many the file holds.

use std::fmt;
use std::io::Read;

use super::view::check_length;
use super::{Header, IdxBuf};
use crate::source::Source;
use crate::{Limits, Result};

/// An iterator over the items of an IDX file (its first dimension), plain or gzip, holding one item at a time.
///
/// [`Limits::max_bytes`] bounds one item, not the file. The end of the file is checked after the last item, so trailing
/// bytes or a wrong gzip checksum arrive as a final `Err`; only then are the items before it known to be intact.
///
/// ```
/// use plangrad_formats::{Limits, idx};
///
/// let file = [0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 2, 10, 11, 20, 21, 30, 31];
/// let mut items = idx::Items::new(&file[..], &Limits::default())?;
/// assert_eq!(items.header().dims(), [3, 2]);
/// assert_eq!(items.next().unwrap()?.as_u8()?, [10, 11]);
///
/// // The same, into a reused buffer.
/// let mut item = Vec::new();
/// assert!(items.next_into(&mut item)?);
/// assert_eq!(item, [20, 21]);
/// # Ok::<(), plangrad_formats::Error>(())
/// ```
#[must_use = "items are read only when the iterator is advanced"]
pub struct Items<R> {
    source: Source<R>,
    header: Header,
    item: Header,
    remaining: usize,
    finished: bool,
}

impl<R: Read> Items<R> {
    /// Reads the header, and none of the items.
    ///
    /// # Errors
    ///
    /// Those of a header, and [`Error::LimitExceeded`](crate::Error::LimitExceeded) for one item.
    pub fn new(reader: R, limits: &Limits) -> Result<Self> {
        let mut source = Source::new(reader, None)?;
        let header = Header::read(&mut source)?;
        if let Some(length) = source.exact_length() {
            check_length(&header, length)?;
        }
        let item = header.item();
        let remaining = header.item_count();
        if remaining > 0 {
            limits.check(item.data_bytes() as u64)?;
        }
        Ok(Self { source, header, item, remaining, finished: false })
    }

    /// Element type and dimensions of the whole file.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Element type and dimensions of one item.
    #[must_use]
    pub fn item_header(&self) -> &Header {
        &self.item
    }

    /// The number of items not read yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.remaining
    }

    /// Replaces the contents of `item` with the bytes of the next one (big-endian); `false` after the last.
    ///
    /// # Errors
    ///
    /// Any decoding error, which ends the iteration.
    pub fn next_into(&mut self, item: &mut Vec<u8>) -> Result<bool> {
        item.clear();
        if self.finished {
            return Ok(false);
        }
        // Remains set if an error returns early.
        self.finished = true;
        if self.remaining == 0 {
            self.source.expect_end()?;
            return Ok(false);
        }
        self.source.fill_vec(item, self.item.data_bytes())?;
        self.remaining -= 1;
        self.finished = false;
        Ok(true)
    }
}

impl<R: Read> Iterator for Items<R> {
    type Item = Result<IdxBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut data = Vec::new();
        match self.next_into(&mut data) {
            Ok(true) => Some(Ok(IdxBuf::from_parts(self.item.clone(), data))),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// From none (the next byte may be missing) to the remaining items and a final error.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let most = if self.finished { Some(0) } else { self.remaining.checked_add(1) };
        (0, most)
    }
}

impl<R: Read> std::iter::FusedIterator for Items<R> {}

impl<R> fmt::Debug for Items<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Items");
        fields.field("header", &self.header).field("remaining", &self.remaining).finish_non_exhaustive()
    }
}
