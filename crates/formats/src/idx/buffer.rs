//! IDX data that owns its elements, read from any reader: one allocation of the exact size where the length is known.

use std::io::Read;
use std::path::Path;

use super::view::{check_length, check_type, decode};
use super::{Element, ElementType, Header, Idx};
use crate::source::Source;
use crate::{Error, Limits, Result};

/// Reads a whole IDX file, plain or gzip, from any reader. Reads of any size give the same result.
///
/// A reader's length is unknown, so at most 64 MiB are reserved at first, and larger data grows in doubling steps up to
/// its exact size; a lying header costs address space, not memory. A `&[u8]` is a reader; without gzip,
/// [`Idx::from_bytes`] avoids the copy. Wrapping the reader in a `BufReader` gains nothing.
///
/// # Errors
///
/// Any decoding error of [`Error`]; nothing partial is returned.
pub fn read(reader: impl Read, limits: &Limits) -> Result<IdxBuf> {
    read_source(Source::new(reader, None)?, limits)
}

/// Opens and reads a whole IDX file, plain or gzip whatever its name, within the default [`Limits`].
///
/// # Errors
///
/// Those of [`read`] and [`Error::Open`], inside an [`Error::InFile`] that names the file.
pub fn open(path: impl AsRef<Path>) -> Result<IdxBuf> {
    open_with(path, &Limits::default())
}

/// Like [`open`], within the given limits.
///
/// # Errors
///
/// Those of [`open`].
pub fn open_with(path: impl AsRef<Path>, limits: &Limits) -> Result<IdxBuf> {
    let path = path.as_ref();
    Source::open(path).and_then(|source| read_source(source, limits)).map_err(|error| error.in_file(path))
}

/// The header of a file, whose elements are not read: to know what a file will take before it is read.
///
/// # Errors
///
/// [`Error::Open`] and whatever is wrong with the header, with the path.
pub fn open_header(path: impl AsRef<Path>) -> Result<Header> {
    let path = path.as_ref();
    Source::open(path).and_then(|mut source| Header::read(&mut source)).map_err(|error| error.in_file(path))
}

fn read_source(mut source: Source<impl Read>, limits: &Limits) -> Result<IdxBuf> {
    let header = Header::read(&mut source)?;
    if let Some(length) = source.exact_length() {
        check_length(&header, length)?;
    }
    limits.check(header.data_bytes() as u64)?;
    let mut data = Vec::new();
    source.fill_vec(&mut data, header.data_bytes())?;
    source.expect_end()?;
    Ok(IdxBuf { header, data })
}

/// A header and the elements it describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxBuf {
    header: Header,
    data: Vec<u8>,
}

impl IdxBuf {
    /// Builds IDX data from numbers, the last dimension fastest.
    ///
    /// # Errors
    ///
    /// Those of [`Header::new`]; [`Error::ShapeMismatch`] (in elements) if `elements` does not fill `dims`.
    pub fn from_elements<T: Element>(dims: &[usize], elements: &[T]) -> Result<Self> {
        let header = Header::new(T::ELEMENT_TYPE, dims)?;
        check_count(&header, elements.len())?;
        let mut data = vec![0; header.data_bytes()];
        T::encode(elements, &mut data);
        Ok(Self { header, data })
    }

    /// Builds IDX data from bytes without copying them.
    ///
    /// # Errors
    ///
    /// Those of [`IdxBuf::from_elements`].
    pub fn from_u8(dims: &[usize], elements: Vec<u8>) -> Result<Self> {
        let header = Header::new(ElementType::U8, dims)?;
        check_count(&header, elements.len())?;
        Ok(Self { header, data: elements })
    }

    /// The caller guarantees that `data` is as long as `header` says.
    pub(super) fn from_parts(header: Header, data: Vec<u8>) -> Self {
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
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The elements of a `u8` file, without copying.
    ///
    /// # Errors
    ///
    /// [`Error::WrongElementType`].
    pub fn as_u8(&self) -> Result<&[u8]> {
        check_type(&self.header, ElementType::U8)?;
        Ok(&self.data)
    }

    /// The elements of a `u8` file, without copying.
    ///
    /// # Errors
    ///
    /// [`Error::WrongElementType`].
    pub fn into_u8(self) -> Result<Vec<u8>> {
        check_type(&self.header, ElementType::U8)?;
        Ok(self.data)
    }

    /// The elements as native numbers: `idx.to_vec::<i16>()`.
    ///
    /// # Errors
    ///
    /// [`Error::WrongElementType`] if `T` is not the file's own type: nothing is converted silently.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        decode(&self.header, &self.data)
    }

    /// The same data, borrowed.
    #[must_use]
    pub fn as_idx(&self) -> Idx<'_> {
        Idx::from_parts(self.header.clone(), &self.data)
    }
}

impl Idx<'_> {
    /// A copy that owns its elements.
    #[must_use]
    pub fn to_owned(&self) -> IdxBuf {
        IdxBuf::from_parts(self.header().clone(), self.data().to_vec())
    }
}

fn check_count(header: &Header, found: usize) -> Result<()> {
    let expected = header.element_count();
    if expected != found {
        return Err(Error::ShapeMismatch { dims: header.dims().to_vec(), expected, found });
    }
    Ok(())
}
