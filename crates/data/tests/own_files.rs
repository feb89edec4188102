//! A user's own IDX files and arrays, EMNIST, QMNIST, and files in the wrong place.

use std::fs;
use std::path::{Path, PathBuf};

use plangrad_data::{
    Dataset, DatasetName, Error, LoadOptions, Normalize, Samples, Split, Targets, load, load_split,
};
use plangrad_formats::cifar::Variant;
use plangrad_formats::idx::{self, Element, IdxBuf};
use tempfile::TempDir;

fn write<T: Element>(path: PathBuf, dims: &[usize], elements: &[T]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let idx = IdxBuf::from_elements(dims, elements).unwrap();
    idx::write(fs::File::create(path).unwrap(), &idx.as_idx()).unwrap();
}

/// Images of 2 × 3 pixels with these labels, half as many to test on.
fn own(prefix: &str, labels: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (part, labels) in [("train", labels), ("test", &labels[..labels.len() / 2])] {
        let path = |what: &str| folder.path().join(format!("{prefix}{part}-{what}-ubyte"));
        let pixels: Vec<u8> = (0..6 * labels.len()).map(|i| i as u8).collect();
        write(path("images-idx3"), &[labels.len(), 2, 3], &pixels);
        write(path("labels-idx1"), &[labels.len()], labels);
    }
    folder
}

fn load_from(name: &str, folder: &Path) -> Result<Dataset, Error> {
    let options = LoadOptions { data_dir: folder.to_path_buf(), ..LoadOptions::default() };
    load(&name.parse().unwrap(), &options)
}

fn load_idx(folder: &Path) -> Result<Dataset, Error> {
    load_from(&format!("idx:{}", folder.display()), folder)
}

#[test]
fn classes_are_numbered_from_the_labels_found() {
    let folder = own("", &[1, 26, 3, 3]);
    let dataset = load_idx(folder.path()).unwrap();
    assert_eq!(
        (dataset.sample_shape.as_slice(), dataset.classes.join(" ")),
        (&[1, 2, 3][..], "1 3 26".to_owned())
    );
    assert_eq!(dataset.train.targets, Targets::Classes(vec![0, 2, 1, 1]));
    assert_eq!(dataset.test.targets, Targets::Classes(vec![0, 2]));
    assert_eq!(dataset.notes, ["3 different labels from 1 to 26 are the classes 0 to 2"]);
    let affine = dataset.affine(Normalize::Dataset);
    let Samples::U8(pixels) = &dataset.train.samples else { panic!() };
    let mean: f32 = pixels.iter().map(|&pixel| affine.apply(pixel, 0)).sum::<f32>() / pixels.len() as f32;
    assert!(mean.abs() < 1e-5, "{mean}");
    let test = load_split(&dataset.name, &LoadOptions::default(), Split::Test).unwrap();
    assert_eq!((test.classes, test.train.len(), test.test), (dataset.classes, 0, dataset.test));
}

#[test]
fn four_files_may_be_named_in_any_place() {
    let folder = own("", &[0, 1, 0, 1]);
    let file = |name: &str| folder.path().join(name).display().to_string();
    let train = [file("train-images-idx3-ubyte"), file("train-labels-idx1-ubyte")].join(",");
    let only_train = load_from(&format!("idx:{train}"), folder.path()).unwrap();
    assert_eq!((only_train.train.len(), only_train.test.len()), (4, 0));
    let test = [file("test-images-idx3-ubyte"), file("test-labels-idx1-ubyte")].join(",");
    assert_eq!(load_from(&format!("idx:{train},{test}"), folder.path()).unwrap().test.len(), 2);
}

#[test]
fn emnist_has_letters_and_says_that_its_images_are_swapped() {
    let folder = own("emnist-letters-", &[1, 2, 26, 26]);
    let dataset = load_from("emnist-letters", folder.path()).unwrap();
    assert_eq!(dataset.classes, ["A", "B", "Z"]);
    assert!(dataset.notes[0].contains("rows and columns swapped"), "{:?}", dataset.notes);
    let error = load_from("emnist-digits", folder.path()).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "emnist-digits was not found: looked for emnist-digits-train-images-idx3-ubyte[.gz] and"
        ),
        "{error}"
    );
}

#[test]
fn qmnists_labels_are_the_first_of_eight_numbers() {
    let folder = tempfile::tempdir().unwrap();
    for part in ["train", "test"] {
        let path = |what: &str| folder.path().join("qmnist").join(format!("qmnist-{part}-{what}"));
        write(path("images-idx3-ubyte"), &[2, 1, 2], &[1_u8, 2, 3, 4]);
        write(path("labels-idx2-int"), &[2, 8], &[5_i32, 0, 9, 9, 9, 9, 0, 0, 7, 0, 9, 9, 9, 9, 0, 0]);
    }
    let dataset = load_from("qmnist", folder.path()).unwrap();
    assert_eq!(dataset.classes, ["5", "7"]);
}

#[test]
fn wrong_folders_and_files_are_told() {
    let folder = own("a-", &[0, 1]);
    let message = || load_idx(folder.path()).unwrap_err().to_string();
    fs::copy(
        folder.path().join("a-train-images-idx3-ubyte"),
        folder.path().join("b-train-images-idx3-ubyte"),
    )
    .unwrap();
    let expected =
        "several files could be the training images: a-train-images-idx3-ubyte, b-train-images-idx3-ubyte;";
    assert!(message().contains(expected), "{}", message());
    fs::remove_file(folder.path().join("b-train-images-idx3-ubyte")).unwrap();
    write(folder.path().join("a-train-images-idx3-ubyte"), &[2, 2, 3], &[0.5_f32; 12]);
    assert!(message().contains("expected pixels as bytes (u8, 0 to 255), found f32"), "{}", message());
    write(folder.path().join("a-train-images-idx3-ubyte"), &[2, 3, 3], &[1_u8; 18]);
    assert!(message().contains("[1, 3, 3], those to test on [1, 2, 3]"), "{}", message());
    fs::remove_file(folder.path().join("a-train-labels-idx1-ubyte")).unwrap();
    assert!(message().contains("expected a file of training labels"), "{}", message());
}

fn numpy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/numpy").join(name)
}

#[test]
fn medmnists_file_has_colours_and_leaves_its_validation_part_out() {
    let dataset = load_from(&format!("npz:{}", numpy("medmnist.npz").display()), Path::new("")).unwrap();
    assert_eq!(
        (dataset.sample_shape.as_slice(), dataset.classes.join(" ")),
        (&[3, 4, 3][..], "2 4".to_owned())
    );
    assert_eq!(dataset.train.targets, Targets::Classes(vec![1, 0]));
    let Samples::U8(pixels) = &dataset.train.samples else { panic!() };
    assert_eq!(pixels[..13], [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 1]);
    assert_eq!(dataset.notes[0], "the validation images of the file are left out");
}

#[test]
fn arrays_in_a_file_each_are_found_from_any_of_them() {
    for name in ["k49-train-imgs.npz", "k49-test-labels.npz"] {
        let dataset = load_from(&format!("npz:{}", numpy(name).display()), Path::new("")).unwrap();
        assert_eq!((dataset.train.len(), dataset.test.len(), dataset.sample_len()), (3, 2, 4));
    }
    let error =
        load_from(&format!("npz:{}", numpy("u1_le.npy").display()), Path::new("")).unwrap_err().to_string();
    assert!(error.contains("found a single array (np.save)"), "{error}");
}

#[test]
fn the_python_version_of_cifar_is_read_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let batch = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/pickles/batch_3.pkl");
    let names = [Variant::Cifar10.python_train_files(), &[Variant::Cifar10.python_test_file()]].concat();
    let inside = folder.path().join("cifar-10-batches-py");
    fs::create_dir(&inside).unwrap();
    for name in names {
        fs::copy(&batch, inside.join(name)).unwrap();
    }
    for data_dir in [folder.path(), inside.as_path()] {
        let dataset = load_from("cifar10", data_dir).unwrap();
        assert_eq!(dataset.train.targets, Targets::Classes([3, 9].repeat(5)));
        assert_eq!(dataset.classes[3], "cat");
    }
}

#[test]
fn cifar_100_has_coarse_classes() {
    let folder = tempfile::tempdir().unwrap();
    let batch = Path::new(env!("CARGO_MANIFEST_DIR")).join("../formats/tests/pickles/hundred.pkl");
    let inside = folder.path().join("cifar-100-python");
    fs::create_dir(&inside).unwrap();
    for name in ["train", "test"] {
        fs::copy(&batch, inside.join(name)).unwrap();
    }
    let coarse = load_from("cifar100-coarse", folder.path()).unwrap();
    assert_eq!((coarse.train.targets, coarse.classes.len()), (Targets::Classes(vec![19, 0]), 20));
    assert_eq!(load_from("cifar100", folder.path()).unwrap().train.targets, Targets::Classes(vec![99, 0]));
    assert_eq!(DatasetName::Cifar100Coarse.spec().unwrap().classes.len(), 20);
}

/// The bytes that a dataset needs which may take none.
fn needed(name: &str, folder: &Path) -> u64 {
    match load_within(name, folder, 0) {
        Err(Error::MemoryLimit { bytes, .. }) => bytes,
        other => panic!("{other:?}"),
    }
}

fn load_within(name: &str, folder: &Path, memory: u64) -> Result<Dataset, Error> {
    let options =
        LoadOptions { data_dir: folder.to_path_buf(), memory: Some(memory), ..LoadOptions::default() };
    load(&name.parse().unwrap(), &options)
}

#[test]
fn files_that_need_more_memory_than_may_be_taken_are_refused_before_they_are_read() {
    let folder = own("", &[1, 2, 1, 2]);
    let idx = format!("idx:{}", folder.path().display());
    // Six samples of six bytes, labels as they are and as whole numbers, and the set of these.
    assert_eq!(needed(&idx, folder.path()), 6 * (6 + 1 + 8 + 8));
    let npz = format!("npz:{}", numpy("medmnist.npz").display());
    let dataset = load_from(&npz, folder.path()).unwrap();
    let samples = (dataset.train.len() + dataset.test.len()) as u64;
    let pixels = samples * dataset.sample_shape.iter().product::<usize>() as u64;
    assert!(needed(&npz, folder.path()) >= pixels + samples * (1 + 8 + 8));
    for name in [&idx, &npz] {
        let bytes = needed(name, folder.path());
        assert!(load_within(name, folder.path(), bytes).is_ok());
        let refused = load_within(name, folder.path(), bytes - 1).unwrap_err().to_string();
        let expected = format!("{name} needs {bytes} bytes of memory, and {} may be taken", bytes - 1);
        assert!(refused.starts_with(&expected), "{refused}");
    }
}
