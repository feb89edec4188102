//! Element types. What one is, in bytes and as a number, is defined here and nowhere else.

use std::fmt;

/// Element type of a tensor.
///
/// ```
/// use plangrad_tensor::DType;
///
/// assert_eq!([DType::U8, DType::Bf16, DType::F32].map(DType::size), [1, 2, 4]);
/// assert_eq!(DType::of_labels(10), DType::U8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// IEEE 754 single precision: everything that is computed.
    F32,
    /// Unsigned bytes: pixels as they lie in the file, and class labels.
    U8,
    /// Labels of more classes than a byte tells apart.
    U16,
    /// bfloat16, the upper half of a single-precision number: its range, and 8 bits of mantissa. See [`crate::NumberTypes::bf16`].
    Bf16,
}

impl DType {
    /// Size of one element in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::U8 => 1,
            DType::U16 | DType::Bf16 => 2,
        }
    }

    /// The type of the labels of so many classes: a byte for up to 256.
    #[must_use]
    pub const fn of_labels(classes: usize) -> DType {
        if classes <= 1 << 8 { DType::U8 } else { DType::U16 }
    }

    /// Whether it holds whole numbers only.
    pub(crate) const fn is_whole(self) -> bool {
        matches!(self, DType::U8 | DType::U16)
    }
}

impl DType {
    /// The number that `bytes`, one element, hold.
    pub(crate) fn decode(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (DType::F32, &[a, b, c, d]) => f32::from_ne_bytes([a, b, c, d]),
            (DType::U8, &[byte]) => f32::from(byte),
            (DType::U16, &[a, b]) => f32::from(u16::from_ne_bytes([a, b])),
            (DType::Bf16, &[a, b]) => from_bf16(u16::from_ne_bytes([a, b])),
            _ => unreachable!("{} bytes are not one {self}", bytes.len()),
        }
    }

    /// Puts a number into `bytes`, one element, rounded to the nearest that there is.
    pub(crate) fn encode(self, x: f32, bytes: &mut [u8]) {
        match self {
            DType::F32 => bytes.copy_from_slice(&x.to_ne_bytes()),
            DType::U8 => bytes.fill(x.round_ties_even() as u8),
            DType::U16 => bytes.copy_from_slice(&(x.round_ties_even() as u16).to_ne_bytes()),
            DType::Bf16 => bytes.copy_from_slice(&bf16(x).to_ne_bytes()),
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
            DType::U16 => "u16",
            DType::Bf16 => "bf16",
        })
    }
}

/// The number that the bits of one of bfloat16 are.
pub(crate) fn from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The nearest number of bfloat16, of two the even one.
pub(crate) fn bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    if x.is_nan() {
        return (bits >> 16) as u16 | 0x40; // a quiet one, whatever is cut off
    }
    let round = 0x7FFF + (bits >> 16 & 1);
    ((bits + round) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(dtype: DType, x: f32) -> f32 {
        let mut bytes = vec![0; dtype.size()];
        dtype.encode(x, &mut bytes);
        dtype.decode(&bytes)
    }

    #[test]
    fn numbers_that_a_type_has_come_back() {
        for x in [0.0, -0.0, 1.0, -2.5, 1e30, f32::INFINITY] {
            assert_eq!(there_and_back(DType::F32, x).to_bits(), x.to_bits());
        }
        assert!((0..256).all(|x| there_and_back(DType::U8, x as f32) == x as f32));
        assert!((0..65_536).all(|x| there_and_back(DType::U16, x as f32) == x as f32));
        for x in [0.0, -0.0, 1.0, -1.5, 255.0, f32::NEG_INFINITY] {
            assert_eq!(there_and_back(DType::Bf16, x).to_bits(), x.to_bits());
        }
        assert!(there_and_back(DType::Bf16, f32::NAN).is_nan());
    }

    #[test]
    fn bf16_rounds_to_the_nearest_and_ties_to_the_even() {
        let step = 2f32.powi(-7); // from 1 to the next number
        assert_eq!(there_and_back(DType::Bf16, 1.0 + 0.49 * step), 1.0);
        assert_eq!(there_and_back(DType::Bf16, 1.0 + 0.5 * step), 1.0);
        assert_eq!(there_and_back(DType::Bf16, 1.0 + 1.5 * step), 1.0 + 2.0 * step);
        assert_eq!(there_and_back(DType::Bf16, -(1.0 + 0.51 * step)), -(1.0 + step));
        assert_eq!(there_and_back(DType::Bf16, f32::MAX), f32::INFINITY);
    }
}
