//! One item at a time: memory for a single image, however many the file has.

use std::io::Read;

use super::view::check_length;
use super::{Header, IdxBuf};
use crate::source::Source;
use crate::{Limits, Result};

/// An iterator over the items of an IDX file (its first dimension), plain or gzip, holding one item at a time.
///
/// [`Limits::max_bytes`] bounds one item, not the file. After the last item the end is checked too, so trailing bytes
/// or a wrong gzip checksum arrive as one last `Err`; items handed out before an error are only as good as the file.
///
/// ```
/// use plangrad_formats::{Limits, idx};
///
/// let file = [0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 2, 10, 11, 20, 21, 30, 31];
/// let mut items = idx::Items::new(&file[..], &Limits::default())?;
/// assert_eq!(items.header().dims(), [3, 2]);
/// assert_eq!(items.next().unwrap()?.as_u8()?, [10, 11]);
///
/// // The same, into a buffer that is used again.
/// let mut item = Vec::new();
/// assert!(items.next_into(&mut item)?);
/// assert_eq!(item, [20, 21]);
/// # Ok::<(), plangrad_formats::Error>(())
/// ```
pub struct Items<R> {
    source: Source<R>,
    header: Header,
    item: Header,
    remaining: usize,
    finished: bool,
}

impl<R: Read> Items<R> {
    /// Reads the header and nothing more of the data.
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

    /// Items not read yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.remaining
    }

    /// Replaces the content of `item` by the next item's bytes (big-endian); `false` after the last.
    ///
    /// # Errors
    ///
    /// Any decoding error. After one, the iterator is at its end.
    pub fn next_into(&mut self, item: &mut Vec<u8>) -> Result<bool> {
        item.clear();
        if self.finished {
            return Ok(false);
        }
        // Stays set where an error leaves early.
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

    /// At least nothing (the next byte may be missing), at most the items left and one error at the end.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let most = if self.finished { Some(0) } else { self.remaining.checked_add(1) };
        (0, most)
    }
}

impl<R: Read> std::iter::FusedIterator for Items<R> {}
