//! PyTorch's files: tensors are read, and nothing else.
//!
//! `tests/pickles/pytorch*.pth` are written by PyTorch (`pytorch.py` there), `linear.pth` in their form by `make_torch.py`.

use std::io::{Cursor, Write};
use std::path::Path;

use plangrad_formats::torch::{TorchTensor, read_state_dict};
use plangrad_formats::{Error, Limits};
use zip::write::SimpleFileOptions;

fn read(bytes: &[u8], limits: Limits) -> Result<Vec<TorchTensor>, Error> {
    read_state_dict(Cursor::new(bytes), &limits)
}

fn file(name: &str) -> Vec<u8> {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pickles").join(name);
    // What another version of PyTorch writes, if it was asked: `cargo xtask golden`.
    let fresh = std::env::var_os("PLANGRAD_GOLDEN").map(|folder| Path::new(&folder).join(name));
    std::fs::read(fresh.filter(|path| path.is_file()).unwrap_or(committed)).unwrap()
}

fn linear() -> Vec<u8> {
    file("linear.pth")
}

/// Name, sizes and values of each tensor.
fn found(tensors: &[TorchTensor]) -> Vec<(&str, &[usize], Vec<f32>)> {
    tensors.iter().map(|t| (t.name.as_str(), t.dims.as_slice(), t.values.clone())).collect()
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

/// Quarters from 0 on, all moved by the number of the tensor.
fn quarters(number: usize, count: usize) -> Vec<f32> {
    (0..count).map(|i| i as f32 / 4.0 + number as f32).collect()
}

#[test]
fn what_pytorch_writes_is_read() {
    let expected: [(&str, &[usize], Vec<f32>); 4] = [
        ("0.weight", &[2, 3], quarters(0, 6)),
        ("0.bias", &[2], quarters(1, 2)),
        ("2.weight", &[2, 2], quarters(2, 4)),
        ("2.bias", &[2], quarters(3, 2)),
    ];
    for name in ["pytorch.pth", "pytorch_parameters.pth", "pytorch_checkpoint.pth"] {
        let tensors = read(&file(name), Limits::default()).unwrap();
        assert_eq!(found(&tensors), expected, "{name}");
    }
}

#[test]
fn types_and_views_that_pytorch_writes_have_their_numbers() {
    let tensors = read(&file("pytorch_views.pth"), Limits::default()).unwrap();
    let numbers = vec![1.0, -2.5, 0.25, 3.0];
    let transposed = vec![0.0, 4.0, 8.0, 1.0, 5.0, 9.0, 2.0, 6.0, 10.0, 3.0, 7.0, 11.0];
    let expected: [(&str, &[usize], Vec<f32>); 5] = [
        ("torch.float16", &[2, 2], numbers.clone()),
        ("torch.bfloat16", &[2, 2], numbers.clone()),
        ("torch.float64", &[2, 2], numbers),
        ("transposed", &[4, 3], transposed),
        ("part", &[2, 2], vec![4.0, 6.0, 8.0, 10.0]),
    ];
    assert_eq!(found(&tensors), expected);
}

#[test]
fn a_whole_module_and_the_old_format_that_pytorch_writes_are_refused() {
    let message = |name| read(&file(name), Limits::default()).unwrap_err().to_string();
    let module = message("pytorch_module.pth");
    assert!(module.contains("which is code and not data"), "{module}");
    let legacy = message("pytorch_legacy.pth");
    assert!(legacy.starts_with("not a zip archive, or a damaged one: "), "{legacy}");
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
