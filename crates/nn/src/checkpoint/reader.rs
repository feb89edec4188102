//! Values of a tensor, read from a file as they are asked for: a tensor costs no memory.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use safetensors::tensor::Dtype;

use crate::Error;

/// Values held at a time.
const CHUNK: usize = 16 << 10;

/// How the values of a tensor are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberType {
    F16,
    Bf16,
    F32,
    F64,
}

impl NumberType {
    /// The type with this name in a file, if its values can be brought to f32.
    pub(super) fn of(dtype: Dtype) -> Option<NumberType> {
        match dtype {
            Dtype::F16 => Some(NumberType::F16),
            Dtype::BF16 => Some(NumberType::Bf16),
            Dtype::F32 => Some(NumberType::F32),
            Dtype::F64 => Some(NumberType::F64),
            _ => None,
        }
    }

    /// Bytes of a value.
    fn size(self) -> usize {
        match self {
            NumberType::F16 | NumberType::Bf16 => 2,
            NumberType::F32 => 4,
            NumberType::F64 => 8,
        }
    }

    /// Value number `i` of these bytes, rounded to the nearest f32; `None` past their end.
    fn value(self, bytes: &[u8], i: usize) -> Option<f32> {
        Some(match self {
            NumberType::F16 => half(u16::from_le_bytes(*bytes.as_chunks().0.get(i)?)),
            NumberType::Bf16 => {
                f32::from_bits(u32::from(u16::from_le_bytes(*bytes.as_chunks().0.get(i)?)) << 16)
            }
            NumberType::F32 => f32::from_le_bytes(*bytes.as_chunks().0.get(i)?),
            NumberType::F64 => f64::from_le_bytes(*bytes.as_chunks().0.get(i)?) as f32,
        })
    }
}

/// The value of a number of half precision (IEEE 754 binary16) by its bits. Exact.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction as f32 / (1 << 24) as f32,
        31 => f32::from_bits(0x7f80_0000 | fraction << 13),
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

/// A tensor in a file, its values as f32.
pub(super) struct Reader<'a> {
    state: RefCell<State<'a>>,
}

struct State<'a> {
    file: &'a mut File,
    start: u64,
    len: usize,
    number_type: NumberType,
    /// Values from number `first` on.
    first: usize,
    chunk: Vec<u8>,
    failed: Option<io::Error>,
    not_finite: Option<(usize, f32)>,
}

impl<'a> Reader<'a> {
    /// `len` values of this type from `start` on.
    pub(super) fn new(file: &'a mut File, start: u64, len: usize, number_type: NumberType) -> Reader<'a> {
        let (first, chunk, failed, not_finite) = (0, Vec::new(), None, None);
        let state = State { file, start, len, number_type, first, chunk, failed, not_finite };
        Reader { state: RefCell::new(state) }
    }

    /// Value number `i`; 0 once reading has failed, which [`Reader::check`] says.
    pub(super) fn value(&self, i: usize) -> f32 {
        let state = &mut *self.state.borrow_mut();
        let number_type = state.number_type;
        if i < state.first || i >= state.first + state.chunk.len() / number_type.size() {
            state.failed = state.failed.take().or_else(|| state.read(i).err());
        }
        let value = number_type.value(&state.chunk, i.wrapping_sub(state.first)).unwrap_or(0.0);
        if !value.is_finite() {
            state.not_finite.get_or_insert((i, value));
        }
        value
    }

    /// Refuses values that could not be read, are infinite or not numbers; `name` is the tensor's.
    pub(super) fn check(self, path: &Path, name: &str) -> Result<(), Error> {
        let State { failed, not_finite, .. } = self.state.into_inner();
        if let Some(reason) = failed {
            return Err(Error::Io { action: "read", path: path.into(), reason });
        }
        match not_finite {
            Some((element, value)) => {
                Err(Error::NotFinite { path: path.into(), name: name.into(), element, value })
            }
            None => Ok(()),
        }
    }
}

impl State<'_> {
    /// Reads the chunk that begins with value number `i`.
    fn read(&mut self, i: usize) -> io::Result<()> {
        self.chunk.clear();
        let count = self.len.checked_sub(i).ok_or(io::ErrorKind::UnexpectedEof)?.min(CHUNK);
        let size = self.number_type.size();
        self.file.seek(SeekFrom::Start(self.start + (size * i) as u64))?;
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.resize(size * count, 0);
        self.file.read_exact(&mut chunk)?;
        (self.first, self.chunk) = (i, chunk);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn values_are_read_in_any_order_and_across_chunks() {
        let mut file = tempfile::tempfile().unwrap();
        let values: Vec<f32> = (0..2 * CHUNK + 3).map(|i| i as f32).collect();
        file.write_all(&[7; 5]).unwrap();
        values.iter().for_each(|x| file.write_all(&x.to_le_bytes()).unwrap());
        let reader = Reader::new(&mut file, 5, values.len(), NumberType::F32);
        for i in (0..values.len()).chain([0, CHUNK, 2 * CHUNK + 2, CHUNK - 1]) {
            assert_eq!(reader.value(i), values[i]);
        }
        reader.check(Path::new("file"), "w").unwrap();
    }

    #[test]
    fn values_of_every_type_are_brought_to_f32() {
        let mut file = tempfile::tempfile().unwrap();
        let halves = [
            (0x0001, 2f32.powi(-24)),
            (0x0400, 2f32.powi(-14)),
            (0x3555, 0.333_251_95),
            (0xfc00, f32::NEG_INFINITY),
        ];
        assert!(halves.iter().all(|&(bits, value)| half(bits) == value) && half(0x7e00).is_nan());
        for bits in [0x3c00_u16, 0xc100, 0x7bff, 0xc060] {
            file.write_all(&bits.to_le_bytes()).unwrap();
        }
        file.write_all(&0.1_f64.to_le_bytes()).unwrap();
        let mut value = |start, number_type| Reader::new(&mut file, start, 1, number_type).value(0);
        assert_eq!([0, 2, 4].map(|start| value(start, NumberType::F16)), [1.0, -2.5, 65_504.0]);
        assert_eq!((value(6, NumberType::Bf16), value(8, NumberType::F64)), (-3.5, 0.1));
    }

    #[test]
    fn a_file_that_ends_early_and_values_that_are_not_finite_are_errors() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&1f32.to_le_bytes()).unwrap();
        file.write_all(&f32::NAN.to_le_bytes()).unwrap();
        let reader = Reader::new(&mut file, 0, 2, NumberType::F32);
        assert!(reader.value(1).is_nan() && reader.value(0) == 1.0);
        let error = reader.check(Path::new("file"), "w").unwrap_err();
        assert!(matches!(error, Error::NotFinite { element: 1, .. }), "{error}");
        let reader = Reader::new(&mut file, 0, 3, NumberType::F32);
        assert_eq!(reader.value(2), 0.0);
        assert!(matches!(reader.check(Path::new("file"), "w"), Err(Error::Io { .. })));
    }
}
