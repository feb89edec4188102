//! The header: element type and dimensions. Once a [`Header`] exists, their product is known to fit the address space.

use std::io::Read;

use byteorder::{BigEndian, ByteOrder};

use super::ElementType;
use crate::source::Source;
use crate::{Error, Result};

/// The element type and the dimensions of an IDX file.
///
/// Every `Header` is valid: rank and sizes fit the format, and the elements fit the address space (`isize::MAX` bytes,
/// the product taken over the dimensions that are not 0, as `ndarray` requires).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    element_type: ElementType,
    dims: Vec<usize>,
    element_count: usize,
}

impl Header {
    /// A header for `dims`, the slowest dimension first; no dimensions mean one element.
    ///
    /// # Errors
    ///
    /// [`Error::RankTooLarge`], [`Error::DimensionTooLarge`], [`Error::SizeOverflow`].
    pub fn new(element_type: ElementType, dims: &[usize]) -> Result<Self> {
        if dims.len() > usize::from(u8::MAX) {
            return Err(Error::RankTooLarge { found: dims.len() });
        }
        if let Some(axis) = dims.iter().position(|&size| u32::try_from(size).is_err()) {
            return Err(Error::DimensionTooLarge { axis, found: dims[axis] });
        }
        let overflow = || Error::SizeOverflow { element_type, dims: dims.to_vec() };
        let element_count = checked_product(element_type, dims).ok_or_else(overflow)?;
        Ok(Self { element_type, dims: dims.to_vec(), element_count })
    }

    /// Decodes the header at the start of `bytes`; what follows it is ignored.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`], [`Error::WrongMagic`], [`Error::UnknownElementType`], [`Error::SizeOverflow`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::read(&mut Source::plain(bytes))
    }

    pub(crate) fn read(source: &mut Source<impl Read>) -> Result<Self> {
        let mut start = [0; 4];
        source.fill_exact(&mut start)?;
        let [zero, also_zero, code, rank] = start;
        if [zero, also_zero] != [0, 0] {
            return Err(Error::WrongMagic { found: [zero, also_zero] });
        }
        let element_type = ElementType::from_code(code).ok_or(Error::UnknownElementType { found: code })?;
        let mut sizes = vec![0; 4 * usize::from(rank)];
        source.fill_exact(&mut sizes)?;
        let dims: Vec<usize> = sizes.chunks_exact(4).map(|size| BigEndian::read_u32(size) as usize).collect();
        Self::new(element_type, &dims)
    }

    /// The encoded header: 4 bytes, and 4 more per dimension.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0, 0, self.element_type.code(), self.dims.len() as u8];
        for &size in &self.dims {
            bytes.extend_from_slice(&(size as u32).to_be_bytes());
        }
        bytes
    }

    /// The type of the elements.
    #[must_use]
    pub fn element_type(&self) -> ElementType {
        self.element_type
    }

    /// The sizes of the dimensions, the slowest first: `[60000, 28, 28]` for MNIST's training images.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// The number of dimensions.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    /// The number of elements.
    #[must_use]
    pub fn element_count(&self) -> usize {
        self.element_count
    }

    /// Bytes of the encoded header.
    #[must_use]
    pub fn header_bytes(&self) -> usize {
        4 + 4 * self.dims.len()
    }

    /// Bytes of the elements, without the header.
    #[must_use]
    pub fn data_bytes(&self) -> usize {
        self.element_count * self.element_type.size()
    }

    /// Bytes of the whole uncompressed file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.header_bytes() as u64 + self.data_bytes() as u64
    }

    /// The size of the first dimension: the number of images or labels. 1 at rank 0.
    #[must_use]
    pub fn item_count(&self) -> usize {
        self.dims.first().copied().unwrap_or(1)
    }

    /// The header of one item: all but the first dimension.
    #[must_use]
    pub fn item(&self) -> Self {
        let dims = self.dims.get(1..).unwrap_or_default().to_vec();
        let element_count =
            checked_product(self.element_type, &dims).expect("part of a product that did not overflow");
        Self { element_type: self.element_type, dims, element_count }
    }
}

/// The number of elements, if the product of the sizes other than 0 fits `isize::MAX` bytes.
fn checked_product(element_type: ElementType, dims: &[usize]) -> Option<usize> {
    let nonzero = dims.iter().filter(|&&size| size != 0);
    let bytes = nonzero.copied().try_fold(element_type.size(), usize::checked_mul)?;
    isize::try_from(bytes).ok()?;
    Some(if dims.contains(&0) { 0 } else { bytes / element_type.size() })
}
