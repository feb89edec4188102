//! Records in columns: all labels, all coarse labels, all images, the layout that training needs.

use super::{IMAGE_BYTES, Variant};
use crate::source::reserve_exact;
use crate::{Error, Result};

/// CIFAR records, one column per field.
///
/// The columns are plain public data. Their lengths must agree, which the writer checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// Which dataset.
    pub variant: Variant,
    /// One label per record (the fine label, for CIFAR-100).
    pub labels: Vec<u8>,
    /// One coarse label per record; empty for CIFAR-10.
    pub coarse_labels: Vec<u8>,
    /// [`IMAGE_BYTES`] per record: channel, row, column.
    pub images: Vec<u8>,
}

impl Records {
    /// No records.
    #[must_use]
    pub fn new(variant: Variant) -> Self {
        Self { variant, labels: Vec::new(), coarse_labels: Vec::new(), images: Vec::new() }
    }

    /// The number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The image of one record: 1,024 red, 1,024 green, 1,024 blue bytes.
    ///
    /// # Panics
    ///
    /// If `record` is not below [`Records::len`], as indexing a slice does.
    #[must_use]
    pub fn image(&self, record: usize) -> &[u8] {
        &self.images[record * IMAGE_BYTES..][..IMAGE_BYTES]
    }

    /// Moves all records of `other` to the end of these.
    ///
    /// # Errors
    ///
    /// [`Error::WrongVariant`], [`Error::OutOfMemory`]; both sides are unchanged then.
    pub fn append(&mut self, other: &mut Self) -> Result<()> {
        if self.variant != other.variant {
            return Err(Error::WrongVariant { expected: self.variant, found: other.variant });
        }
        self.reserve(other.len())?;
        self.labels.append(&mut other.labels);
        self.coarse_labels.append(&mut other.coarse_labels);
        self.images.append(&mut other.images);
        Ok(())
    }

    /// Joins parts into one, in order, freeing each part as soon as it has been copied.
    ///
    /// # Errors
    ///
    /// Those of [`Records::append`].
    pub fn concat(variant: Variant, parts: impl IntoIterator<Item = Self>) -> Result<Self> {
        let parts: Vec<Self> = parts.into_iter().collect();
        let mut whole = Self::new(variant);
        whole.reserve(parts.iter().map(Self::len).sum())?;
        for mut part in parts {
            whole.append(&mut part)?;
        }
        Ok(whole)
    }

    /// Reserves exactly.
    pub(super) fn reserve(&mut self, records: usize) -> Result<()> {
        let image_bytes = records.saturating_mul(IMAGE_BYTES);
        reserve_exact(&mut self.images, image_bytes)?;
        reserve_exact(&mut self.labels, records)?;
        if self.variant == Variant::Cifar100 {
            reserve_exact(&mut self.coarse_labels, records)?;
        }
        Ok(())
    }

    /// Checks that the columns agree in length.
    pub(super) fn check_columns(&self) -> Result<()> {
        let count = self.len();
        let coarse_count = if self.variant == Variant::Cifar100 { count } else { 0 };
        check_column(count, count * IMAGE_BYTES, self.images.len())?;
        check_column(count, coarse_count, self.coarse_labels.len())
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.labels.shrink_to_fit();
        self.coarse_labels.shrink_to_fit();
        self.images.shrink_to_fit();
    }
}

#[cfg(feature = "ndarray")]
impl Records {
    /// The images as an array of `[records, channel, row, column]`, without copying.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the columns disagree in length.
    pub fn image_array(&self) -> Result<ndarray::ArrayView4<'_, u8>> {
        self.check_columns()?;
        let dims = [self.len(), super::CHANNELS, super::IMAGE_SIDE, super::IMAGE_SIDE];
        Ok(ndarray::ArrayView4::from_shape(dims, &self.images)
            .expect("as many bytes as check_columns requires"))
    }
}

fn check_column(count: usize, expected: usize, found: usize) -> Result<()> {
    if expected != found {
        return Err(Error::ShapeMismatch { dims: vec![count], expected, found });
    }
    Ok(())
}
