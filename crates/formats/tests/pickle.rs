//! Pickles: what Python wrote is read, and nothing else is.
//!
//! The files in `tests/pickles` were written by Python and numpy (`make.py` there).

use std::path::Path;

use plangrad_formats::cifar::{self, IMAGE_BYTES, Variant};
use plangrad_formats::pickle::{self, Globals, Pickle, PickleProblem};
use plangrad_formats::{Error, Limits};

fn read(bytes: &[u8]) -> Result<Pickle, Error> {
    pickle::read(bytes, Globals::Numpy, &Limits::new(1 << 20))
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pickles").join(name)).unwrap()
}

fn problem(bytes: &[u8]) -> (u64, &'static str, PickleProblem) {
    match read(bytes) {
        Err(Error::Pickle { offset, opcode, problem }) => (offset, opcode, problem),
        other => panic!("{other:?}"),
    }
}

/// `(i * 7 + …) mod 251`, as `make.py` fills the images.
fn pixels() -> Vec<u8> {
    (0..2 * IMAGE_BYTES).map(|i| (i % 251) as u8).collect()
}

#[test]
fn values_of_every_protocol_are_what_python_wrote() {
    for protocol in 0..=5 {
        let pickle = read(&file(&format!("values_{protocol}.pkl"))).unwrap();
        let root = pickle.root();
        assert!(root.get("n").unwrap().is_none());
        let tuple: Vec<_> = root.get("t").unwrap().items().unwrap().collect();
        assert_eq!((tuple[0].int(), tuple[1].int(), tuple[2].items().unwrap().len()), (Some(1), Some(0), 0));
        let list: Vec<_> = root.get("l").unwrap().items().unwrap().map(|item| item.int()).collect();
        let expected = [Some(1), Some(-1), Some(255), Some(65_535), Some(-70_000), Some(1 << 40), None];
        assert_eq!(list[..7], expected, "protocol {protocol}");
        assert_eq!(list[7], Some(i64::MIN));
        assert_eq!(root.get("f").unwrap().float(), Some(0.1));
        assert_eq!(root.get("e").unwrap().text(), Some("é中"));
        assert_eq!(root.get("shared").unwrap().items().unwrap().len(), 2);
        assert!(root.get("absent").is_none());
    }
}

#[test]
fn batches_of_every_protocol_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for protocol in 0..=5 {
        let path = folder.path().join("data_batch_1");
        std::fs::write(&path, file(&format!("batch_{protocol}.pkl"))).unwrap();
        let records = cifar::open_python_with(&path, Variant::Cifar10, &Limits::default()).unwrap();
        assert_eq!(
            (records.labels.as_slice(), records.images),
            (&[3, 9][..], pixels()),
            "protocol {protocol}"
        );
    }
}

#[test]
fn cifar_100_has_both_labels_whatever_holds_them_and_fortran_order_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train");
    std::fs::write(&path, file("hundred.pkl")).unwrap();
    let records = cifar::open_python_with(&path, Variant::Cifar100, &Limits::default()).unwrap();
    assert_eq!((records.labels, records.coarse_labels), (vec![99, 0], vec![19, 0]));
    assert_eq!(records.images, pixels());
    let error = cifar::open_python_with(&path, Variant::Cifar10, &Limits::default()).unwrap_err().to_string();
    assert!(
        error.contains("expected a dict with `labels` (a batch of CIFAR-10), found a dict of 3"),
        "{error}"
    );
}

/// As Python 2 with `cPickle` wrote the published files: text without a type, the memo from 1 on.
fn python_2(labels: &[u8]) -> Vec<u8> {
    let mut pickle = b"\x80\x02}q\x01(U\x06labelsq\x02]q\x03(".to_vec();
    labels.iter().for_each(|&label| pickle.extend([b'K', label]));
    pickle.extend(b"eU\x04dataq\x04cnumpy.core.multiarray\n_reconstruct\nq\x05cnumpy\nndarray\nq\x06K\x00\x85U\x01b\x87Rq\x07");
    pickle.extend(b"(K\x01K\x02M\x00\x0c\x86cnumpy\ndtype\nq\x08U\x02u1K\x00K\x01\x87Rq\x09(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T");
    pickle.extend(6_144_u32.to_le_bytes());
    pickle.extend(pixels());
    pickle.extend(b"tbu.");
    pickle
}

#[test]
fn the_published_form_of_python_2_is_read_and_its_labels_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data_batch_1");
    let open = |labels: &[u8]| {
        std::fs::write(&path, python_2(labels)).unwrap();
        cifar::open_python_with(&path, Variant::Cifar10, &Limits::default())
    };
    assert_eq!(open(&[3, 9]).unwrap().images, pixels());
    let error = open(&[3, 10]).unwrap_err().to_string();
    assert!(
        error.contains("a label from 0 to 9 at place 1 of `labels` (counted from 0), found 10"),
        "{error}"
    );
    let error = open(&[3]).unwrap_err().to_string();
    assert!(error.contains("expected 2 labels in `labels`, one for each image, found 1"), "{error}");
}

#[test]
fn code_is_refused_with_its_name_and_offset_and_never_run() {
    let (offset, opcode, problem_found) = problem(b"cos\nsystem\n(S'echo hacked'\ntR.");
    assert_eq!((offset, opcode), (0, "GLOBAL"));
    assert_eq!(problem_found, PickleProblem::Global { name: "os.system".to_owned() });
    let (offset, opcode, _) = problem(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.");
    assert_eq!((offset, opcode), (18, "STACK_GLOBAL"));
    for (bytes, opcode) in [
        (&b"(ios\nsystem\n."[..], "INST"),
        (b"(cnumpy\ndtype\no.", "OBJ"),
        (b"cnumpy\ndtype\n)\x81.", "NEWOBJ"),
        (b"\x82\x01.", "EXT1"),
        (b"K\x01Q.", "BINPERSID"),
        (b"\x8f.", "EMPTY_SET"),
    ] {
        let (_, found, problem) = problem(bytes);
        assert_eq!((found, problem), (opcode, PickleProblem::Refused));
    }
    let message = read(b"cos\nsystem\n(tR.").unwrap_err().to_string();
    assert_eq!(
        message,
        "pickle, byte 0, instruction GLOBAL: it names `os.system`, which is code and not data: nothing of a pickle is \
         ever run"
    );
}

#[test]
fn damage_has_its_offset() {
    assert_eq!(problem(b""), (0, "none", PickleProblem::Truncated));
    assert_eq!(problem(b"K\x01"), (2, "none", PickleProblem::Truncated));
    assert_eq!(problem(b"K"), (0, "BININT1", PickleProblem::Truncated));
    assert_eq!(problem(b"N\xff."), (1, "none", PickleProblem::UnknownOpcode { found: 0xff }));
    assert_eq!(problem(b"."), (0, "STOP", PickleProblem::MissingValues));
    assert_eq!(problem(b"h\x07."), (0, "BINGET", PickleProblem::Memo { index: 7 }));
    assert_eq!(problem(b"\x80\x06."), (0, "PROTO", PickleProblem::Protocol { found: 6 }));
    assert_eq!(problem(b"NK\x01a.").1, "APPEND");
    assert_eq!(problem(b"N(a.").2, PickleProblem::MissingValues);
    assert_eq!(problem(b"T\xff\xff\xff\xff.").1, "BINSTRING");
    let every = file("batch_2.pkl");
    for end in (0..every.len()).step_by(97) {
        assert_eq!(problem(&every[..end]).2, PickleProblem::Truncated, "{end}");
    }
}

#[test]
fn values_are_bounded_by_the_limit_and_loops_end() {
    // A million empty tuples of one byte each.
    let many = [vec![b'('], vec![b')'; 1_000_000], b"t.".to_vec()].concat();
    assert!(matches!(read(&many), Err(Error::LimitExceeded { limit: 1_048_576, .. })));
    // A list of lists that doubles forty times takes forty values.
    let mut doubling = b"]q\x00".to_vec();
    (1..=40_u8).for_each(|n| doubling.extend([b'(', b'h', n - 1, b'h', n - 1, b't', b'q', n]));
    doubling.push(b'.');
    assert_eq!(read(&doubling).unwrap().root().items().unwrap().len(), 2);
    // A list within itself.
    assert_eq!(read(b"]q\x00h\x00a.").unwrap().root().items().unwrap().len(), 1);
}
