//! An array in memory: numbers in C order, little-endian, whatever the file had.

use super::{NumberType, NumpyProblem};
use crate::source::reserve_exact;
use crate::{Error, Limits, Result};

/// An array of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumpyArray {
    number_type: NumberType,
    dims: Vec<usize>,
    data: Vec<u8>,
}

/// The number of elements, if they fit the address space.
pub(super) fn element_count(number_type: NumberType, dims: &[usize]) -> Result<usize> {
    let nonzero = dims.iter().copied().filter(|&size| size != 0);
    let bytes = nonzero.clone().try_fold(number_type.size(), usize::checked_mul);
    let bytes = bytes.filter(|&bytes| isize::try_from(bytes).is_ok());
    let overflow = || Error::Numpy { problem: NumpyProblem::Overflow { dims: dims.to_vec() } };
    let bytes = bytes.ok_or_else(overflow)?;
    Ok(if dims.contains(&0) { 0 } else { bytes / number_type.size() })
}

impl NumpyArray {
    /// An array from its parts as files have them.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] if the bytes do not fill the shape, [`Error::OutOfMemory`], [`Error::LimitExceeded`].
    pub fn from_parts(
        number_type: NumberType,
        dims: Vec<usize>,
        mut data: Vec<u8>,
        big_endian: bool,
        fortran: bool,
        limits: &Limits,
    ) -> Result<Self> {
        let expected = element_count(number_type, &dims)? * number_type.size();
        if expected != data.len() {
            return Err(Error::ShapeMismatch { dims, expected, found: data.len() });
        }
        limits.check(expected as u64)?;
        let size = number_type.size();
        if big_endian && size > 1 {
            data.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        if fortran && dims.len() > 1 && !data.is_empty() {
            data = c_order(&data, &dims, size)?;
        }
        Ok(Self { number_type, dims, data })
    }

    /// The type of its numbers.
    #[must_use]
    pub fn number_type(&self) -> NumberType {
        self.number_type
    }

    /// The sizes of the dimensions, the slowest first.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len() / self.number_type.size()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The numbers in C order, little-endian.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The numbers of an array of bytes, without copying.
    ///
    /// # Errors
    ///
    /// [`NumpyProblem::WrongType`].
    pub fn into_u8(self) -> Result<Vec<u8>> {
        match self.number_type {
            NumberType::U8 => Ok(self.data),
            found => Err(numpy(NumpyProblem::WrongType { expected: NumberType::U8, found })),
        }
    }

    /// The numbers in double precision. Integers of 8 bytes are rounded.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn to_f64(&self) -> Result<Vec<f64>> {
        let mut numbers = reserved(self.len())?;
        macro_rules! each {
            ($type:ty, $size:literal) => {
                numbers.extend(self.chunks::<$size>().map(|bytes| <$type>::from_le_bytes(*bytes) as f64))
            };
        }
        match self.number_type {
            NumberType::Bool | NumberType::U8 => each!(u8, 1),
            NumberType::U16 => each!(u16, 2),
            NumberType::U32 => each!(u32, 4),
            NumberType::U64 => each!(u64, 8),
            NumberType::I8 => each!(i8, 1),
            NumberType::I16 => each!(i16, 2),
            NumberType::I32 => each!(i32, 4),
            NumberType::I64 => each!(i64, 8),
            NumberType::F32 => each!(f32, 4),
            NumberType::F64 => each!(f64, 8),
        }
        Ok(numbers)
    }

    /// Whole numbers. Those of a type with a fraction are taken if they have none.
    ///
    /// # Errors
    ///
    /// [`NumpyProblem::NotIntegers`], [`Error::OutOfMemory`].
    pub fn to_integers(&self) -> Result<Vec<i64>> {
        let mut numbers = reserved(self.len())?;
        macro_rules! each {
            ($type:ty, $size:literal) => {
                numbers.extend(self.chunks::<$size>().map(|bytes| <$type>::from_le_bytes(*bytes) as i64))
            };
        }
        match self.number_type {
            NumberType::Bool | NumberType::U8 => each!(u8, 1),
            NumberType::U16 => each!(u16, 2),
            NumberType::U32 => each!(u32, 4),
            NumberType::I8 => each!(i8, 1),
            NumberType::I16 => each!(i16, 2),
            NumberType::I32 => each!(i32, 4),
            NumberType::I64 => each!(i64, 8),
            NumberType::U64 => {
                for (index, bytes) in self.chunks::<8>().enumerate() {
                    let value = u64::from_le_bytes(*bytes);
                    numbers.push(i64::try_from(value).map_err(|_| not_integer(index, value))?);
                }
            }
            NumberType::F32 | NumberType::F64 => {
                for (index, value) in self.to_f64()?.into_iter().enumerate() {
                    if value.fract() != 0.0 || value.abs() > (1_u64 << 53) as f64 || value.is_nan() {
                        return Err(not_integer(index, value));
                    }
                    numbers.push(value as i64);
                }
            }
        }
        Ok(numbers)
    }

    fn chunks<const N: usize>(&self) -> impl Iterator<Item = &[u8; N]> {
        self.data.as_chunks::<N>().0.iter()
    }
}

fn reserved<T>(count: usize) -> Result<Vec<T>> {
    let mut numbers = Vec::new();
    let bytes = (count * size_of::<T>()) as u64;
    numbers.try_reserve_exact(count).map_err(|_| Error::OutOfMemory { bytes })?;
    Ok(numbers)
}

fn not_integer(index: usize, value: impl ToString) -> Error {
    numpy(NumpyProblem::NotIntegers { index, value: value.to_string() })
}

pub(super) fn numpy(problem: NumpyProblem) -> Error {
    Error::Numpy { problem }
}

/// Numbers whose first dimension is the fastest, with the last one fastest.
fn c_order(data: &[u8], dims: &[usize], size: usize) -> Result<Vec<u8>> {
    let mut ordered = Vec::new();
    reserve_exact(&mut ordered, data.len())?;
    let mut strides = Vec::with_capacity(dims.len());
    let mut stride = size;
    for &dim in dims {
        strides.push(stride);
        stride *= dim;
    }
    let mut index = vec![0; dims.len()];
    let mut from = 0;
    loop {
        ordered.extend_from_slice(&data[from..from + size]);
        let mut axis = dims.len();
        loop {
            if axis == 0 {
                return Ok(ordered);
            }
            axis -= 1;
            index[axis] += 1;
            from += strides[axis];
            if index[axis] < dims[axis] {
                break;
            }
            from -= strides[axis] * dims[axis];
            index[axis] = 0;
        }
    }
}
