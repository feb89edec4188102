//! PyTorch's files: tensors are read, and nothing else.
//!
//! `tests/pickles/linear.pth` is written by `make_torch.py` there, in the form of `torch.save`.

use std::io::{Cursor, Write};
use std::path::Path;

use plangrad_formats::torch::{TorchTensor, read_state_dict};
use plangrad_formats::{Error, Limits};
use zip::write::SimpleFileOptions;

fn read(bytes: &[u8], limits: Limits) -> Result<Vec<TorchTensor>, Error> {
    read_state_dict(Cursor::new(bytes), &limits)
}

fn linear() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pickles/linear.pth")).unwrap()
}

/// An archive with this pickle.
fn with_pickle(pickle: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("x/data.pkl", SimpleFileOptions::default()).unwrap();
    archive.write_all(pickle).unwrap();
    archive.finish().unwrap().into_inner()
}

#[test]
fn tensors_within_a_checkpoint_are_read_whatever_their_strides_and_types() {
    let tensors = read(&linear(), Limits::default()).unwrap();
    let found: Vec<(&str, &[usize], &[f32])> =
        tensors.iter().map(|t| (t.name.as_str(), t.dims.as_slice(), t.values.as_slice())).collect();
    assert_eq!(
        found,
        [
            ("layer.weight", &[2, 2][..], &[1.0, 2.0, 3.0, 4.0][..]),
            ("layer.bias", &[2][..], &[0.5, -0.25][..]),
        ]
    );
}

#[test]
fn code_whole_models_and_damage_are_refused() {
    let message = |bytes: &[u8]| read(bytes, Limits::default()).unwrap_err().to_string();
    let model = message(&with_pickle(b"\x80\x02c__main__\nNet\nq\x00)\x81."));
    assert_eq!(
        model,
        "pickle, byte 2, instruction GLOBAL: it names `__main__.Net`, which is code and not data: nothing of a pickle is \
         ever run"
    );
    assert!(
        message(&with_pickle(b"K\x01."))
            .contains("expected a dict of tensors (state_dict), found the number 1")
    );
    assert!(message(b"PK\x03\x04").starts_with("not a zip archive, or a damaged one: "));
    let whole = linear();
    for end in (0..whole.len()).step_by(13) {
        assert!(read(&whole[..end], Limits::default()).is_err(), "{end}");
    }
    assert!(matches!(read(&whole, Limits::new(40)).unwrap_err().root(), Error::LimitExceeded { .. }));
}
