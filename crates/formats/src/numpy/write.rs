//! Arrays of f32 as a `.npz` file, which `numpy.load` reads.

use std::collections::BTreeSet;
use std::io::Write;

use rawzip::ZipArchiveWriter;

use crate::archive::damaged;
use crate::{Error, Result};

/// What a `.npy` file begins with, in version 1.0.
const MAGIC: &[u8; 8] = b"\x93NUMPY\x01\x00";

/// The header is filled up to a multiple of so many bytes.
const ALIGNMENT: usize = 64;

/// The bytes of a `.npz` file with these arrays: name, sizes of the dimensions, numbers with the last dimension the fastest. They
/// depend on nothing else, such as the time.
///
/// # Errors
///
/// [`Error::DamagedZip`](crate::Error::DamagedZip) if the archive cannot be written: a name twice, or more than it can hold.
///
/// # Panics
///
/// If an array has another number of values than its dimensions say.
pub fn npz_bytes<'a>(arrays: impl IntoIterator<Item = (&'a str, &'a [usize], &'a [f32])>) -> Result<Vec<u8>> {
    let (mut bytes, mut names) = (Vec::new(), BTreeSet::new());
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    for (name, dims, values) in arrays {
        assert_eq!(dims.iter().product::<usize>(), values.len(), "array {name} of shape {dims:?}");
        if !names.insert(name) {
            return Err(Error::DamagedZip { reason: format!("{name} is there twice") });
        }
        let (mut entry, config) = archive.new_file(format!("{name}.npy")).start().map_err(damaged)?;
        let mut file = config.wrap(&mut entry);
        let written = file
            .write_all(&header(dims))
            .and_then(|()| values.iter().try_for_each(|value| file.write_all(&value.to_le_bytes())));
        written.map_err(|error| damaged(error.into()))?;
        let (_, sizes) = file.finish().map_err(damaged)?;
        entry.finish(sizes).map_err(damaged)?;
    }
    archive.finish().map_err(damaged)?;
    Ok(bytes)
}

fn header(dims: &[usize]) -> Vec<u8> {
    let sizes: Vec<String> = dims.iter().map(usize::to_string).collect();
    let comma = if dims.len() == 1 { "," } else { "" };
    let mut text =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{comma}), }}", sizes.join(", "));
    let unpadded = MAGIC.len() + 2 + text.len() + 1;
    text.push_str(&" ".repeat(unpadded.next_multiple_of(ALIGNMENT) - unpadded));
    text.push('\n');
    [&MAGIC[..], &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::Limits;
    use crate::numpy::Npz;

    #[test]
    fn arrays_are_read_as_they_were_written() {
        let matrix: Vec<f32> = (0..6).map(|i| i as f32 / 4.0 - 1.0).collect();
        let arrays: [(&str, &[usize], &[f32]); 3] = [
            ("layer1.weight", &[2, 3], &matrix),
            ("layer1.bias", &[2], &[f32::MIN_POSITIVE, -0.0]),
            ("all", &[], &[7.5]),
        ];
        let bytes = npz_bytes(arrays).unwrap();
        assert_eq!(bytes, npz_bytes(arrays).unwrap());
        let mut npz = Npz::new(Cursor::new(bytes), &Limits::default()).unwrap();
        for (name, dims, values) in arrays {
            let array = npz.array(name).unwrap();
            assert_eq!(array.dims(), dims, "{name}");
            let expected: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
            assert_eq!(array.to_f64().unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn a_header_ends_at_a_multiple_of_64_bytes() {
        for dims in [&[][..], &[3], &[128, 784], &[usize::MAX; 4]] {
            assert!(header(dims).len().is_multiple_of(ALIGNMENT), "{dims:?}");
        }
        assert!(
            npz_bytes([("a", &[1_usize][..], &[0.0_f32][..]), ("a", &[1], &[0.0])]).is_err(),
            "one name twice"
        );
    }
}
