//! The six element types, and the conversion between their big-endian bytes and native numbers.

use std::fmt;

use byteorder::{BigEndian, ByteOrder};

/// The element type of an IDX file: its third byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ElementType {
    /// Unsigned bytes: pixels and labels.
    U8 = 0x08,
    /// Signed bytes.
    I8 = 0x09,
    /// Signed 16-bit integers ("short").
    I16 = 0x0B,
    /// Signed 32-bit integers ("int").
    I32 = 0x0C,
    /// 32-bit floating point.
    F32 = 0x0D,
    /// 64-bit floating point.
    F64 = 0x0E,
}

impl ElementType {
    /// All six, in the order of their codes.
    pub const ALL: [Self; 6] = [Self::U8, Self::I8, Self::I16, Self::I32, Self::F32, Self::F64];

    /// The byte that denotes this type in a file.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The type that a byte denotes; `None` for all but six bytes.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|element_type| element_type.code() == code)
    }

    /// Bytes per element.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::F32 => "f32",
            Self::F64 => "f64",
        })
    }
}

/// A number that IDX can hold: `u8`, `i8`, `i16`, `i32`, `f32` and `f64`, and no other type.
pub trait Element: Copy + Default + sealed::Sealed {
    /// The corresponding element type.
    const ELEMENT_TYPE: ElementType;

    /// Converts big-endian bytes. `bytes` is [`ElementType::size`] times as long as `elements`.
    #[doc(hidden)]
    fn decode(bytes: &[u8], elements: &mut [Self]);

    /// Converts to big-endian bytes. `bytes` is [`ElementType::size`] times as long as `elements`.
    #[doc(hidden)]
    fn encode(elements: &[Self], bytes: &mut [u8]);
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! element {
    ($type:ty, $element_type:ident, $decode:expr, $encode:expr) => {
        impl sealed::Sealed for $type {}

        impl Element for $type {
            const ELEMENT_TYPE: ElementType = ElementType::$element_type;

            fn decode(bytes: &[u8], elements: &mut [Self]) {
                $decode(bytes, elements);
            }

            fn encode(elements: &[Self], bytes: &mut [u8]) {
                $encode(elements, bytes);
            }
        }
    };
}

element!(u8, U8, copy_u8, copy_u8);
element!(i8, I8, read_i8, write_i8);
element!(i16, I16, BigEndian::read_i16_into, BigEndian::write_i16_into);
element!(i32, I32, BigEndian::read_i32_into, BigEndian::write_i32_into);
element!(f32, F32, BigEndian::read_f32_into, BigEndian::write_f32_into);
element!(f64, F64, BigEndian::read_f64_into, BigEndian::write_f64_into);

fn copy_u8(from: &[u8], to: &mut [u8]) {
    to.copy_from_slice(from);
}

fn read_i8(bytes: &[u8], elements: &mut [i8]) {
    elements.iter_mut().zip(bytes).for_each(|(element, byte)| *element = byte.cast_signed());
}

fn write_i8(elements: &[i8], bytes: &mut [u8]) {
    bytes.iter_mut().zip(elements).for_each(|(byte, element)| *byte = element.cast_unsigned());
}
