//! Arrays of numpy: reads what numpy wrote, and reports damage.
//!
//! The files in `tests/numpy` were written by numpy (`tests/pickles/make.py`).

use std::io::Cursor;
use std::path::{Path, PathBuf};

use plangrad_formats::numpy::{self, Npz, NumberType, NumpyArray, NumpyProblem};
use plangrad_formats::{Error, Limits};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/numpy").join(name)
}

fn open(name: &str) -> Result<NumpyArray, Error> {
    numpy::open_npy_with(path(name), &Limits::default())
}

fn read(bytes: &[u8]) -> Result<NumpyArray, Error> {
    numpy::read_npy(bytes, &Limits::new(1 << 20))
}

fn problem(result: Result<NumpyArray, Error>) -> NumpyProblem {
    match result.unwrap_err().root() {
        Error::Numpy { problem } => problem.clone(),
        other => panic!("{other}"),
    }
}

#[test]
fn every_type_and_byte_order_gives_the_same_numbers() {
    for number_type in NumberType::ALL {
        for order in ["le", "be"] {
            let array = open(&format!("{number_type}_{order}.npy")).unwrap();
            assert_eq!((array.number_type(), array.dims()), (number_type, &[2, 3][..]));
            let expected: [i64; 6] =
                if number_type == NumberType::Bool { [1, 1, 1, 0, 1, 1] } else { [3, 2, 1, 0, 1, 2] };
            assert_eq!(array.to_integers().unwrap(), expected, "{number_type} {order}");
            assert_eq!(array.to_f64().unwrap(), expected.map(|number| number as f64));
        }
    }
}

#[test]
fn fortran_order_scalars_and_version_2_are_read() {
    let fortran = open("fortran.npy").unwrap();
    assert_eq!(fortran.dims(), [2, 3, 4]);
    assert_eq!(fortran.to_integers().unwrap(), (0..24).collect::<Vec<_>>());
    assert_eq!(open("scalar.npy").unwrap().to_f64().unwrap(), [2.5]);
    assert_eq!(open("version_2.npy").unwrap().into_u8().unwrap(), [7]);
}

#[test]
fn arrays_of_objects_and_text_are_refused_by_their_type() {
    let message = open("objects.npy").unwrap_err().to_string();
    assert!(message.ends_with(
        "the array holds Python objects, and reading them would run code; save it as numbers (array.astype('uint8'))"
    ));
    assert_eq!(problem(open("text.npy")), NumpyProblem::ElementType { found: "<U2".to_owned() });
}

#[test]
fn fractions_are_not_labels() {
    let error = open("scalar.npy").unwrap().to_integers().unwrap_err();
    assert_eq!(error.to_string(), "expected whole numbers, found 2.5 at position 0 (counted from 0)");
}

/// A file of version 1.0 with this header and these bytes.
fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

#[test]
fn damaged_headers_and_lying_sizes_are_refused() {
    let good = with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (2L,), }  \n", &[1, 2]);
    assert_eq!(read(&good).unwrap().into_u8().unwrap(), [1, 2]);
    for end in 0..good.len() {
        assert!(read(&good[..end]).is_err(), "{end}");
    }
    assert!(matches!(read(&[&good[..], &[0]].concat()), Err(Error::Trailing { .. })));
    assert!(matches!(problem(read(b"PK\x03\x04")), NumpyProblem::WrongMagic { .. }));
    let claim = |shape: &str| {
        read(&with_header(&format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"), &[]))
    };
    assert!(matches!(claim("(1000000000,)"), Err(Error::LimitExceeded { .. })));
    assert!(matches!(problem(claim("(9999999999, 9999999999)")), NumpyProblem::Overflow { .. }));
    assert!(claim("(0, 9999999999)").is_ok());
    assert!(matches!(problem(claim("(99999999999999999999999,)")), NumpyProblem::Header { .. }));
    let records = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}";
    assert!(matches!(problem(read(&with_header(records, &[]))), NumpyProblem::ElementType { .. }));
    for wrong in ["", "{", "{}", "{'shape': (1,)}", "{'x': 1}", "{'descr': '|u1', 'fortran_order': no}"] {
        assert!(matches!(problem(read(&with_header(wrong, &[]))), NumpyProblem::Header { .. }), "{wrong}");
    }
}

#[test]
fn stored_and_deflated_archives_hold_the_same_arrays() {
    for name in ["stored.npz", "deflated.npz"] {
        let mut npz = Npz::open_with(path(name), &Limits::default()).unwrap();
        assert_eq!(npz.names(), ["train_images", "train_labels"]);
        let facts = npz.facts("train_images").unwrap().unwrap();
        assert_eq!(npz.facts("test_images").unwrap(), None);
        let images = npz.array("train_images").unwrap();
        assert_eq!((facts.dims.as_slice(), facts.reading_bytes), (images.dims(), images.data().len() as u64));
        assert_eq!((images.dims(), images.data()), (&[2, 2, 2][..], &[1; 8][..]));
        assert_eq!(npz.array("train_labels").unwrap().to_integers().unwrap(), [0, 1]);
        let error = npz.array("test_images").unwrap_err().to_string();
        assert_eq!(error, "there is no array `test_images`; the arrays are train_images, train_labels");
    }
}

#[test]
fn damaged_archives_and_large_arrays_are_refused() {
    let whole = std::fs::read(path("deflated.npz")).unwrap();
    for end in 0..whole.len() {
        let result = Npz::new(Cursor::new(&whole[..end]), &Limits::default());
        assert!(matches!(result, Err(Error::DamagedZip { .. })), "{end}");
    }
    let mut npz = Npz::new(Cursor::new(&whole), &Limits::new(7)).unwrap();
    let error = npz.array("train_images").unwrap_err();
    assert!(matches!(error.root(), Error::LimitExceeded { needed: 8, limit: 7 }), "{error}");
    let mut flipped = whole.clone();
    flipped[80] ^= 0xff;
    let array =
        Npz::new(Cursor::new(&flipped), &Limits::default()).and_then(|mut npz| npz.array("train_images"));
    assert!(array.is_err());
}
