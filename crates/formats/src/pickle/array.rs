//! numpy's arrays and numbers, read off the calls that would restore them.
//!
//! numpy writes `_reconstruct(ndarray, (0,), b'b')` and then the state `(version, shape, dtype, is_fortran, bytes)`; with
//! protocol 5 `_frombuffer(bytes, dtype, shape, order)`. A type is `dtype('u1', …)` with a state whose second entry is the
//! byte order. Under Python 3 with protocol 2 bytes are `_codecs.encode(text, 'latin1')`.

use super::item::Item;
use crate::numpy::{NumberType, NumpyArray};
use crate::{Error, Limits, Result};

/// An array as it lies in a pickle.
#[derive(Clone, Debug, PartialEq)]
pub struct PickledArray<'a> {
    /// The type of its numbers.
    pub number_type: NumberType,
    /// Whether they are big-endian.
    pub big_endian: bool,
    /// The sizes of the dimensions.
    pub dims: Vec<usize>,
    /// Whether the first dimension is the fastest.
    pub fortran: bool,
    /// The numbers.
    pub bytes: std::borrow::Cow<'a, [u8]>,
}

impl PickledArray<'_> {
    /// The array, in C order and little-endian.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the bytes do not fill the shape; [`Error::OutOfMemory`].
    pub fn to_array(&self) -> Result<NumpyArray> {
        NumpyArray::from_parts(
            self.number_type,
            self.dims.clone(),
            self.bytes.to_vec(),
            self.big_endian,
            self.fortran,
            &Limits::unlimited(),
        )
    }
}

impl<'a> Item<'a> {
    /// The array, if the value is one of numpy's.
    #[must_use]
    pub fn array(self) -> Option<PickledArray<'a>> {
        let (function, arguments, state) = self.call()?;
        let (shape, dtype, fortran, bytes) = match function {
            "_reconstruct" => {
                let [_, shape, dtype, fortran, bytes] = exactly(state?)?;
                (shape, dtype, fortran.bool()?, bytes)
            }
            "_frombuffer" => {
                let [bytes, dtype, shape, order] = exactly(arguments)?;
                (shape, dtype, order.text()? == "F", bytes)
            }
            _ => return None,
        };
        let dims = shape.items()?.map(|size| usize::try_from(size.int()?).ok());
        let dims: Vec<usize> = dims.collect::<Option<_>>()?;
        let (number_type, big_endian) = dtype.dtype()?;
        Some(PickledArray { number_type, big_endian, dims, fortran, bytes: bytes.raw_bytes()? })
    }

    /// A type of numbers, and whether it is big-endian.
    fn dtype(self) -> Option<(NumberType, bool)> {
        let ("dtype", arguments, state) = self.call()? else { return None };
        let code = arguments.items()?.next()?.text()?;
        let order = match state {
            Some(state) => state.items()?.nth(1)?.text()?,
            None => "|",
        };
        NumberType::from_code(code).map(|number_type| (number_type, order == ">"))
    }

    /// Bytes, or text that stands for them.
    fn raw_bytes(self) -> Option<std::borrow::Cow<'a, [u8]>> {
        if let Some(bytes) = self.bytes() {
            return Some(bytes.into());
        }
        let (function, arguments, _) = self.call()?;
        let mut arguments = arguments.items()?;
        match function {
            "encode" => {
                let text = arguments.next()?.text()?;
                let latin1 =
                    text.chars().map(|letter| u8::try_from(letter).ok()).collect::<Option<Vec<u8>>>();
                Some(latin1?.into())
            }
            "bytes" if arguments.len() == 0 => Some([][..].into()),
            _ => None,
        }
    }

    /// The integer in `scalar(dtype, bytes)`.
    pub(super) fn numpy_int(self) -> Option<i64> {
        let ("scalar", arguments, _) = self.call()? else { return None };
        let [dtype, bytes] = exactly(arguments)?;
        let (number_type, big_endian) = dtype.dtype()?;
        let bytes = bytes.raw_bytes()?.into_owned();
        let array =
            NumpyArray::from_parts(number_type, Vec::new(), bytes, big_endian, false, &Limits::new(64))
                .ok()?;
        array.to_integers().ok()?.first().copied()
    }
}

fn exactly<const N: usize>(items: Item<'_>) -> Option<[Item<'_>; N]> {
    let items = items.items()?;
    if items.len() != N { None } else { items.collect::<Vec<_>>().try_into().ok() }
}

/// The error if a pickle holds something else than it should.
pub(crate) fn wrong_content(expected: String, found: Option<Item<'_>>) -> Error {
    let found = found.map_or_else(|| "nothing".to_owned(), Item::kind);
    Error::PickleContent { expected, found }
}
