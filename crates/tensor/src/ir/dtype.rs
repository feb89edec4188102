//! Element types. What one is, in bytes and as a number, is said here and nowhere else.

use std::fmt;

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// IEEE 754 single precision: everything that is computed.
    F32,
    /// Unsigned bytes: pixels as they lie in the file, and class labels.
    U8,
}

impl DType {
    /// Size of one element in bytes.
    pub const fn size(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::U8 => 1,
        }
    }
}

impl DType {
    /// The number that `bytes`, one element, hold.
    pub(crate) fn decode(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (DType::F32, &[a, b, c, d]) => f32::from_ne_bytes([a, b, c, d]),
            (DType::U8, &[byte]) => f32::from(byte),
            _ => unreachable!("{} bytes are not one {self}", bytes.len()),
        }
    }

    /// Puts a number into `bytes`, one element, rounded to the nearest that there is.
    pub(crate) fn encode(self, x: f32, bytes: &mut [u8]) {
        match self {
            DType::F32 => bytes.copy_from_slice(&x.to_ne_bytes()),
            DType::U8 => bytes.fill(x.round_ties_even() as u8),
        }
    }

    /// The numbers that `bytes` hold.
    pub(crate) fn decode_all(self, bytes: &[u8]) -> Vec<f32> {
        bytes.chunks_exact(self.size()).map(|bytes| self.decode(bytes)).collect()
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DType::F32 => "f32",
            DType::U8 => "u8",
        })
    }
}
