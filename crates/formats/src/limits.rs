//! How much a single call may decode. The limit is compared with a header's claim before anything is reserved.

use crate::{Error, Result};

/// The most that one call may decode.
///
/// The default, 4 GiB, is far above every dataset these formats were made for, and still finite. Set a lower limit to
/// read files from strangers:
///
/// ```
/// use plangrad_formats::{Error, Limits, idx};
///
/// // 16 bytes that claim 60,000 images of 28 × 28.
/// let claim = [0, 0, 8, 3, 0, 0, 0xEA, 0x60, 0, 0, 0, 28, 0, 0, 0, 28];
/// let error = idx::read(&claim[..], &Limits::new(1 << 20)).unwrap_err();
/// assert!(matches!(error, Error::LimitExceeded { needed: 47_040_000, limit: 1_048_576 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of decoded data, after decompression and without an IDX header (at most 1,024 bytes). For an archive it
    /// bounds all decompressed bytes, including those of skipped entries; an archive's entries are not decompressed
    /// a second time.
    pub max_bytes: u64,
}

impl Limits {
    /// At most `max_bytes` bytes of decoded data.
    #[must_use]
    pub const fn new(max_bytes: u64) -> Self {
        Self { max_bytes }
    }

    /// No limit but the address space: for trusted data, or data that is already in memory.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    pub(crate) fn check(&self, needed: u64) -> Result<()> {
        if needed > self.max_bytes {
            return Err(Error::LimitExceeded { needed, limit: self.max_bytes });
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new(4 << 30)
    }
}
