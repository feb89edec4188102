//! What can be wrong with an array, as values that can be matched on.

use std::fmt;

use super::NumberType;

/// Why an array cannot be read or used. Prints as a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NumpyProblem {
    /// The first bytes are not those of a `.npy` file.
    WrongMagic {
        /// The first bytes.
        found: Vec<u8>,
    },
    /// A version that is not known.
    Version {
        /// The version.
        found: (u8, u8),
    },
    /// A header that is not the dict it should be.
    Header {
        /// Where in the file it goes wrong.
        offset: u64,
        /// What was expected there.
        expected: &'static str,
    },
    /// Elements that are not numbers.
    ElementType {
        /// numpy's name of their type.
        found: String,
    },
    /// The sizes multiply to more than there can be.
    Overflow {
        /// The sizes.
        dims: Vec<usize>,
    },
    /// The numbers have a fraction, or do not fit.
    NotIntegers {
        /// The first that does not fit, from 0.
        index: usize,
        /// Its value.
        value: String,
    },
    /// The numbers have another type than asked for.
    WrongType {
        /// The type asked for.
        expected: NumberType,
        /// The array's.
        found: NumberType,
    },
    /// An archive without this array.
    MissingArray {
        /// Its name.
        name: String,
        /// The names of those that are there.
        names: Vec<String>,
    },
}

impl fmt::Display for NumpyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongMagic { found } => {
                let found: Vec<String> = found.iter().map(|byte| format!("{byte:02x}")).collect();
                let expected = "expected the bytes 93 4e 55 4d 50 59 at offset 0";
                write!(f, "not a .npy file: {expected}, found {}", found.join(" "))
            }
            Self::Version { found: (major, minor) } => {
                write!(f, "expected version 1.0, 2.0 or 3.0 of .npy at offset 6, found {major}.{minor}")
            }
            Self::Header { offset, expected } => {
                write!(f, "damaged .npy header at byte {offset}: expected {expected}")
            }
            Self::ElementType { found } if found.contains('O') => f.write_str(
                "the array holds Python objects, and reading them would run code; save it as numbers \
                 (array.astype('uint8'))",
            ),
            Self::ElementType { found } => write!(
                f,
                "the array's type is {found:?}; expected bool, an integer of 1 to 8 bytes, f4 or f8 \
                 (array.astype('float32') converts it)"
            ),
            Self::Overflow { dims } => {
                write!(f, "the sizes {dims:?} overflow: no machine holds that many bytes")
            }
            Self::NotIntegers { index, value } => {
                write!(f, "expected whole numbers, found {value} at position {index} (counted from 0)")
            }
            Self::WrongType { expected, found } => {
                write!(f, "expected numbers of type {expected}, found {found}")
            }
            Self::MissingArray { name, names } => {
                write!(f, "there is no array `{name}`; the arrays are {}", names.join(", "))
            }
        }
    }
}
