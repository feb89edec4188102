//! IDX data in a byte slice: nothing is copied until elements wider than a byte are decoded.

use super::{Element, ElementType, Header};
use crate::source::reject_html;
use crate::{Error, Result};

/// A header and the elements it describes, borrowed from a byte slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx<'a> {
    header: Header,
    data: &'a [u8],
}

impl<'a> Idx<'a> {
    /// Decodes a whole uncompressed file that is already in memory (or mapped into it). For gzip, see
    /// [`read`](super::read).
    ///
    /// # Errors
    ///
    /// Every error of [`Header::from_bytes`], [`Error::HtmlPage`], and [`Error::Truncated`] or [`Error::Trailing`]
    /// if the slice is not exactly as long as its header says.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self> {
        reject_html(bytes)?;
        let header = Header::from_bytes(bytes)?;
        check_length(&header, bytes.len() as u64)?;
        let data = &bytes[header.header_bytes()..];
        Ok(Self { header, data })
    }

    /// Combines a header with elements as the file has them: big-endian.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`], in bytes.
    pub fn new(header: Header, data: &'a [u8]) -> Result<Self> {
        if header.data_bytes() != data.len() {
            let (expected, found) = (header.data_bytes(), data.len());
            return Err(Error::ShapeMismatch { dims: header.dims().to_vec(), expected, found });
        }
        Ok(Self { header, data })
    }

    /// The caller guarantees that `data` is as long as `header` says.
    pub(super) fn from_parts(header: Header, data: &'a [u8]) -> Self {
        debug_assert_eq!(header.data_bytes(), data.len());
        Self { header, data }
    }

    /// Element type and dimensions.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The sizes of the dimensions, the slowest first.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        self.header.dims()
    }

    /// The elements as the file has them: big-endian.
    #[must_use]
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The elements of a `u8` file, without copying.
    ///
    /// # Errors
    ///
    /// [`Error::WrongElementType`].
    pub fn as_u8(&self) -> Result<&'a [u8]> {
        check_type(&self.header, ElementType::U8)?;
        Ok(self.data)
    }

    /// The elements as native numbers: `idx.to_vec::<f32>()`.
    ///
    /// # Errors
    ///
    /// [`Error::WrongElementType`] if `T` is not the file's own type: nothing is converted silently.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        decode(&self.header, self.data)
    }

    /// The items along the first dimension, without copying.
    pub fn items(&self) -> impl ExactSizeIterator<Item = Idx<'a>> + use<'a> {
        let (header, data) = (self.header.item(), self.data);
        let bytes = header.data_bytes();
        (0..self.header.item_count())
            .map(move |item| Idx { header: header.clone(), data: &data[item * bytes..][..bytes] })
    }
}

/// Compares the length that the header describes with the number of bytes that exist.
pub(super) fn check_length(header: &Header, found: u64) -> Result<()> {
    let expected = header.file_bytes();
    match found {
        _ if found < expected => Err(Error::Truncated { expected, found }),
        _ if found > expected => Err(Error::Trailing { expected, found }),
        _ => Ok(()),
    }
}

pub(super) fn check_type(header: &Header, expected: ElementType) -> Result<()> {
    let found = header.element_type();
    if found != expected {
        return Err(Error::WrongElementType { expected, found });
    }
    Ok(())
}

pub(super) fn decode<T: Element>(header: &Header, data: &[u8]) -> Result<Vec<T>> {
    check_type(header, T::ELEMENT_TYPE)?;
    let mut elements = vec![T::default(); header.element_count()];
    T::decode(data, &mut elements);
    Ok(elements)
}
