//! What holds for the public types as a whole.

use std::error::Error as _;
use std::io;

use plangrad_data::{Affine, Dataset, DatasetName, Error, LoadOptions, Spec, Subset, TableSchema, load};
#[cfg(feature = "download")]
use plangrad_data::{DownloadEvent, DownloadOptions, Downloaded};

#[test]
fn public_types_can_be_sent_to_and_shared_by_threads() {
    fn check<T: Send + Sync + Unpin + std::fmt::Debug + Clone>() {}
    check::<(Dataset, Subset, TableSchema, Affine)>();
    check::<(DatasetName, Spec, LoadOptions)>();
    #[cfg(feature = "download")]
    check::<(DownloadOptions, Downloaded, DownloadEvent<'_>)>();
    fn check_error<T: Send + Sync + std::error::Error + 'static>() {}
    check_error::<Error>();
}

#[test]
fn the_source_of_an_error_is_the_error_it_wraps() {
    let error = load(&DatasetName::Csv("no/such.csv".into()), &LoadOptions::default()).unwrap_err();
    let reason = error.source().and_then(|reason| reason.downcast_ref::<io::Error>()).unwrap();
    assert_eq!(reason.kind(), io::ErrorKind::NotFound);
    let folder = tempfile::tempdir().unwrap();
    let mnist = folder.path().join("mnist");
    std::fs::create_dir(&mnist).unwrap();
    for part in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
        std::fs::write(mnist.join(format!("{part}-ubyte")), "").unwrap();
    }
    let options = LoadOptions { data_dir: folder.path().to_path_buf(), ..LoadOptions::default() };
    let error = load(&DatasetName::Mnist, &options).unwrap_err();
    assert!(error.source().is_some_and(|error| error.is::<Box<plangrad_formats::Error>>()), "{error:?}");
}
