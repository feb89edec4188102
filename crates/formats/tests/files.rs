//! What must hold for every way of opening a file, and for every error.

use std::error::Error as _;
use std::path::Path;

use plangrad_formats::cifar::{self, Archive, Records, Variant};
use plangrad_formats::idx::{self, Header, Idx, IdxBuf, Items};
use plangrad_formats::{Error, Limits, open_regular_file};

/// The error of each function that opens a path.
fn refusals(path: &Path) -> Vec<Error> {
    vec![
        idx::open(path).unwrap_err(),
        cifar::open(path, Variant::Cifar10).unwrap_err(),
        cifar::open_tar_gz(path, Variant::Cifar100).unwrap_err(),
        cifar::open_class_names(path, 10).unwrap_err(),
    ]
}

#[test]
#[cfg(unix)]
fn devices_pipes_and_folders_are_refused_without_opening_them() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    // Nobody ever writes to this pipe: opening it would not return.
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, found) in [
        (Path::new("/dev/zero"), "a pipe or a device"),
        (&pipe, "a pipe or a device"),
        (folder.path(), "a folder"),
    ] {
        for error in refusals(path) {
            let expected =
                format!("{}: cannot be opened: expected a regular file, found {found}", path.display());
            assert_eq!(error.to_string(), expected);
        }
    }
}

#[test]
fn a_link_to_a_regular_file_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    std::fs::write(&file, [0, 0, 8, 0, 42]).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&file, &link).unwrap();
    #[cfg(not(unix))]
    std::fs::copy(&file, &link).unwrap();
    assert!(open_regular_file(&link).is_ok());
    assert_eq!(idx::open(link).unwrap().as_u8().unwrap(), [42]);
}

#[test]
fn the_source_of_an_error_is_the_error_it_wraps() {
    let error = idx::open("no/such/file").unwrap_err();
    let open = error.source().expect("the error inside the file");
    assert_eq!(open.to_string(), error.root().to_string());
    let reason = open.source().and_then(|reason| reason.downcast_ref::<std::io::Error>()).unwrap();
    assert_eq!(reason.kind(), std::io::ErrorKind::NotFound);
    assert!(idx::read(&b"PK.."[..], &Limits::default()).unwrap_err().source().is_none());
}

#[test]
fn public_types_can_be_sent_to_and_shared_by_threads() {
    fn check<T: Send + Sync + Unpin + std::fmt::Debug>() {}
    check::<Error>();
    check::<Limits>();
    check::<(Archive, Records, Variant)>();
    check::<(Header, Idx<'_>, IdxBuf)>();
    check::<Items<std::fs::File>>();
}
