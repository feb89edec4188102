//! Values of a tensor, read from a file as they are asked for: a tensor costs no memory.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::Error;

/// Values held at a time.
const CHUNK: usize = 16 << 10;
/// Bytes of a value.
const SIZE: usize = 4;

/// A tensor of f32 values in a file.
pub(super) struct Reader<'a> {
    state: RefCell<State<'a>>,
}

struct State<'a> {
    file: &'a mut File,
    start: u64,
    len: usize,
    /// Values from number `first` on.
    first: usize,
    chunk: Vec<u8>,
    failed: Option<io::Error>,
    not_finite: Option<(usize, f32)>,
}

impl<'a> Reader<'a> {
    /// `len` values from `start` on.
    pub(super) fn new(file: &'a mut File, start: u64, len: usize) -> Reader<'a> {
        let (chunk, failed, not_finite) = (Vec::new(), None, None);
        Reader { state: RefCell::new(State { file, start, len, first: 0, chunk, failed, not_finite }) }
    }

    /// Value number `i`; 0 once reading has failed, which [`Reader::check`] says.
    pub(super) fn value(&self, i: usize) -> f32 {
        let state = &mut *self.state.borrow_mut();
        if i < state.first || i >= state.first + state.chunk.len() / SIZE {
            state.failed = state.failed.take().or_else(|| state.read(i).err());
        }
        let words = state.chunk.as_chunks().0;
        let value = words.get(i.wrapping_sub(state.first)).map_or(0.0, |word| f32::from_le_bytes(*word));
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
        self.file.seek(SeekFrom::Start(self.start + (SIZE * i) as u64))?;
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.resize(SIZE * count, 0);
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
        let reader = Reader::new(&mut file, 5, values.len());
        for i in (0..values.len()).chain([0, CHUNK, 2 * CHUNK + 2, CHUNK - 1]) {
            assert_eq!(reader.value(i), values[i]);
        }
        reader.check(Path::new("file"), "w").unwrap();
    }

    #[test]
    fn a_file_that_ends_early_and_values_that_are_not_finite_are_errors() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&1f32.to_le_bytes()).unwrap();
        file.write_all(&f32::NAN.to_le_bytes()).unwrap();
        let reader = Reader::new(&mut file, 0, 2);
        assert!(reader.value(1).is_nan() && reader.value(0) == 1.0);
        let error = reader.check(Path::new("file"), "w").unwrap_err();
        assert!(matches!(error, Error::NotFinite { element: 1, .. }), "{error}");
        let reader = Reader::new(&mut file, 0, 3);
        assert_eq!(reader.value(2), 0.0);
        assert!(matches!(reader.check(Path::new("file"), "w"), Err(Error::Io { .. })));
    }
}
