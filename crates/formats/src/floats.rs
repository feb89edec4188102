//! Floating-point numbers of half the size, little-endian, as single-precision ones. Both conversions are exact.

/// The value of a half-precision number (IEEE 754 binary16).
pub(crate) fn f16_to_f32(bytes: [u8; 2]) -> f32 {
    let bits = u16::from_le_bytes(bytes);
    let sign = if bits & 0x8000 != 0 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

/// The value of a bfloat16 number: the upper half of a single-precision one.
pub(crate) fn bf16_to_f32(bytes: [u8; 2]) -> f32 {
    f32::from_le_bytes([0, 0, bytes[0], bytes[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_exact() {
        for (bits, value) in [
            (0x3c00_u16, 1.0_f32),
            (0xc000, -2.0),
            (0x7bff, 65_504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x3555, 0.333_251_95),
            (0x8000, -0.0),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(f16_to_f32(bits.to_le_bytes()).to_bits(), value.to_bits(), "{bits:04x}");
        }
        assert!(f16_to_f32(0x7e00_u16.to_le_bytes()).is_nan());
        assert_eq!(bf16_to_f32(0x3fc0_u16.to_le_bytes()), 1.5);
    }
}
