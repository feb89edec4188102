//! Image datasets from files: every layout loads, and every wrong file is refused with a sentence that names it.

use std::fs;
use std::path::Path;

use plangrad_data::{Dataset, DatasetName, Error, LoadOptions, Samples, Split, Targets, load, load_split};
use plangrad_formats::cifar::{self, Records, Variant};
use plangrad_formats::idx::{self, IdxBuf};
use tempfile::TempDir;

const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

fn from(folder: &TempDir) -> LoadOptions {
    LoadOptions { data_dir: folder.path().to_path_buf(), ..LoadOptions::default() }
}

fn write_idx(path: &Path, dims: &[usize], elements: Vec<u8>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let idx = IdxBuf::from_u8(dims, elements).unwrap();
    idx::write(fs::File::create(path).unwrap(), &idx.as_idx()).unwrap();
}

/// Three training images and two test images of MNIST's size.
fn small_mnist(subfolder: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |file| folder.path().join(subfolder).join(file);
    write_idx(&path(FILES[0]), &[3, 28, 28], (0..3 * 784).map(|pixel| pixel as u8).collect());
    write_idx(&path(FILES[1]), &[3], vec![0, 9, 5]);
    write_idx(&path(FILES[2]), &[2, 28, 28], vec![7; 2 * 784]);
    write_idx(&path(FILES[3]), &[2], vec![1, 2]);
    folder
}

fn message(folder: &TempDir) -> String {
    load(&DatasetName::Mnist, &from(folder)).unwrap_err().to_string()
}

#[test]
fn a_dataset_that_needs_more_memory_than_may_be_taken_is_refused_before_it_is_read() {
    let folder = small_mnist("mnist");
    let needed = |split: Option<Split>, memory: u64| {
        let mut options = from(&folder);
        options.memory = Some(memory);
        let loaded = match split {
            None => load(&DatasetName::Mnist, &options),
            Some(split) => load_split(&DatasetName::Mnist, &options, split),
        };
        match loaded {
            Ok(_) => None,
            Err(Error::MemoryLimit { bytes, .. }) => Some(bytes),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!((needed(None, 5 * 787), needed(None, 5 * 787 - 1)), (None, Some(5 * 787)));
    assert_eq!(
        (needed(Some(Split::Test), 2 * 787), needed(Some(Split::Train), 2 * 787)),
        (None, Some(3 * 787))
    );
}

#[test]
fn official_and_torchvision_layouts_load_equally() {
    let check = |dataset: Dataset| {
        assert_eq!(dataset.train.targets, Targets::Classes(vec![0, 9, 5]));
        assert_eq!(dataset.test.samples, Samples::U8(vec![7; 2 * 784]));
        assert_eq!(
            dataset.notes,
            [
                format!("{} is partial: 3 of 60,000 training images", dataset.name),
                format!("{} is partial: 2 of 10,000 test images", dataset.name)
            ]
        );
    };
    let layouts = [
        (DatasetName::Mnist, ["mnist", "MNIST/raw"]),
        (DatasetName::FashionMnist, ["fashion-mnist", "FashionMNIST/raw"]),
        (DatasetName::Kmnist, ["kmnist", "KMNIST/raw"]),
    ];
    for (name, folders) in layouts {
        for folder in folders {
            check(load(&name, &from(&small_mnist(folder))).unwrap());
        }
    }
}

#[test]
fn one_part_loads_without_the_files_of_the_other() {
    let folder = small_mnist("mnist");
    FILES[..2].iter().for_each(|file| fs::remove_file(folder.path().join("mnist").join(file)).unwrap());
    let test = load_split(&DatasetName::Mnist, &from(&folder), Split::Test).unwrap();
    assert_eq!((test.train.len(), test.test.len()), (0, 2));
    assert!(message(&folder).starts_with("mnist was not found: looked for train-images-idx3-ubyte[.gz]"));
}

#[test]
fn images_of_another_size_are_refused() {
    let folder = small_mnist("mnist");
    let path = folder.path().join("mnist").join(FILES[0]);
    write_idx(&path, &[3, 14, 14], vec![0; 3 * 196]);
    assert_eq!(
        message(&folder),
        format!(
            "{}: expected images of 28 × 28 pixels, the shape [count, 28, 28], found the shape [3, 14, 14]; is this the \
             right dataset? Files of your own are read with --dataset idx:{}",
            path.display(),
            path.parent().unwrap().display()
        )
    );
    fs::copy(folder.path().join("mnist").join(FILES[3]), &path).unwrap();
    assert!(message(&folder).contains("found the shape [2]"));
}

#[test]
fn images_and_labels_that_differ_in_number_are_refused() {
    let folder = small_mnist("mnist");
    write_idx(&folder.path().join("mnist").join(FILES[1]), &[4], vec![0; 4]);
    let message = message(&folder);
    assert!(message.contains("holds 3 images") && message.contains("4 labels"), "{message}");
}

#[test]
fn a_label_outside_the_classes_is_refused() {
    let folder = small_mnist("mnist");
    write_idx(&folder.path().join("mnist").join(FILES[1]), &[3], vec![0, 10, 5]);
    let message = message(&folder);
    assert!(message.contains(FILES[1]), "{message}");
    assert!(message.contains(
        "label 1 (counted from 0) must be below 10, found 10; is this the right dataset? Files of your"
    ));
}

#[test]
fn files_without_samples_are_refused() {
    let folder = small_mnist("mnist");
    write_idx(&folder.path().join("mnist").join(FILES[0]), &[0, 28, 28], vec![]);
    write_idx(&folder.path().join("mnist").join(FILES[1]), &[0], vec![]);
    assert!(message(&folder).ends_with("the file holds no samples"));
}

#[test]
fn damaged_files_are_refused_and_named() {
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damages: [(&str, Damage); 4] = [
        ("truncated", |bytes| bytes[..bytes.len() - 1].to_vec()),
        ("trailing", |bytes| [bytes, vec![0]].concat()),
        ("HTML", |_| b"<!DOCTYPE html><html>log in first</html>".to_vec()),
        ("truncated", |_| Vec::new()),
    ];
    for (word, damage) in damages {
        let folder = small_mnist("mnist");
        let path = folder.path().join("mnist").join(FILES[0]);
        fs::write(&path, damage(fs::read(&path).unwrap())).unwrap();
        let message = message(&folder);
        assert!(message.starts_with(&path.display().to_string()) && message.contains(word), "{message}");
    }
}

/// A small compressed file may claim, and hold, far more than its dataset.
#[test]
fn files_far_larger_than_their_dataset_are_refused_at_the_limit() {
    let folder = small_mnist("mnist");
    let path = folder.path().join("mnist").join(FILES[0]);
    let header = [0, 0, 8, 3, 0, 3, 0xA9, 0x81, 0, 0, 0, 28, 0, 0, 0, 28]; // 240,001 images
    let mut file =
        flate2::write::GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::fast());
    std::io::Write::write_all(&mut file, &header).unwrap();
    file.finish().unwrap();
    let expected = "more data than allowed: at least 188160784 bytes, the limit is 188160000";
    assert_eq!(message(&folder), format!("{}: {expected}", path.display()));

    let batch = folder.path().join("cifar-10-batches-bin").join("data_batch_1.bin");
    write_cifar(&batch, &records(Variant::Cifar10, 1));
    write_cifar(&batch.with_file_name("test_batch.bin"), &records(Variant::Cifar10, 1));
    fs::File::options().write(true).open(&batch).unwrap().set_len(200_000 * 3_073).unwrap(); // takes no space
    let error = load(&DatasetName::Cifar10, &from(&folder)).unwrap_err().to_string();
    assert!(error.ends_with("at least 614600000 bytes, the limit is 614400000"), "{error}");
}

fn records(variant: Variant, count: u8) -> Records {
    let mut records = Records::new(variant);
    records.labels = (0..count).collect();
    records.coarse_labels = if variant == Variant::Cifar100 { vec![1; count.into()] } else { Vec::new() };
    records.images = (0..count).flat_map(|label| vec![label; cifar::IMAGE_BYTES]).collect();
    records
}

fn write_cifar(path: &Path, records: &Records) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    cifar::write(fs::File::create(path).unwrap(), records).unwrap();
}

#[test]
fn a_partial_cifar10_loads_in_the_order_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |file| folder.path().join("cifar-10-batches-bin").join(file);
    write_cifar(&path("data_batch_4.bin"), &records(Variant::Cifar10, 2));
    write_cifar(&path("data_batch_2.bin"), &records(Variant::Cifar10, 3));
    write_cifar(&path("test_batch.bin"), &records(Variant::Cifar10, 1));
    let cifar = load(&DatasetName::Cifar10, &from(&folder)).unwrap();
    assert_eq!(cifar.train.targets, Targets::Classes(vec![0, 1, 2, 0, 1]));
    assert_eq!(cifar.notes[0], "cifar10 is partial: 5 of 50,000 training images");
    assert_eq!(cifar.train.sample_len(), 3_072);
}

#[test]
fn cifar100_has_fine_labels_and_refuses_a_bad_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |file| folder.path().join("cifar-100-binary").join(file);
    write_cifar(&path("train.bin"), &records(Variant::Cifar100, 99));
    write_cifar(&path("test.bin"), &records(Variant::Cifar100, 4));
    let cifar = load(&DatasetName::Cifar100, &from(&folder)).unwrap();
    assert_eq!(cifar.test.targets, Targets::Classes(vec![0, 1, 2, 3]));
    let mut bytes = fs::read(path("test.bin")).unwrap();
    bytes[1] = 100;
    fs::write(path("test.bin"), bytes).unwrap();
    let message = load(&DatasetName::Cifar100, &from(&folder)).unwrap_err().to_string();
    assert!(message.contains("test.bin") && message.contains("must be below 100, found 100"), "{message}");
}

#[test]
fn an_empty_cifar_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |file| folder.path().join("cifar-10-batches-bin").join(file);
    write_cifar(&path("data_batch_1.bin"), &records(Variant::Cifar10, 0));
    write_cifar(&path("test_batch.bin"), &records(Variant::Cifar10, 1));
    let message = load(&DatasetName::Cifar10, &from(&folder)).unwrap_err().to_string();
    assert!(message.ends_with("data_batch_1.bin: the file holds no samples"), "{message}");
}

/// The official archive of CIFAR-10, with `count` records in each file.
fn write_archive(path: &Path, count: u8) {
    let mut bytes = Vec::new();
    cifar::write(&mut bytes, &records(Variant::Cifar10, count)).unwrap();
    let mut archive = tar::Builder::new(fs::File::create(path).unwrap());
    for file in Variant::Cifar10.train_files().iter().chain([&Variant::Cifar10.test_file()]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("cifar-10-batches-bin/{file}"), bytes.as_slice()).unwrap();
    }
    archive.finish().unwrap();
}

#[test]
fn the_archive_of_cifar_is_preferred_to_a_partial_folder() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("cifar-10-binary.tar.gz");
    write_archive(&archive, 2);
    let batch = folder.path().join("cifar-10-batches-bin").join("data_batch_1.bin");
    write_cifar(&batch, &records(Variant::Cifar10, 7));
    let cifar = load(&DatasetName::Cifar10, &from(&folder)).unwrap();
    assert_eq!((cifar.train.len(), cifar.test.len()), (10, 2));
    let test = load_split(&DatasetName::Cifar10, &from(&folder), Split::Test).unwrap();
    assert_eq!((test.train.len(), &test.test), (0, &cifar.test));
    write_archive(&archive, 0);
    let message = load(&DatasetName::Cifar10, &from(&folder)).unwrap_err().to_string();
    assert!(message.ends_with("cifar-10-binary.tar.gz: the file holds no samples"), "{message}");
}

#[test]
fn files_of_another_dataset_are_recognised_by_their_labels() {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/mnist");
    let Some(data) = std::env::var_os("PLANGRAD_DATA").map(|data| Path::new(&data).join("mnist")) else {
        return;
    };
    let data = if data.is_dir() { data } else { real };
    if !data.is_dir() {
        return;
    }
    let options = LoadOptions { data_dir: data, ..LoadOptions::default() };
    let error = load(&DatasetName::FashionMnist, &options).unwrap_err().to_string();
    assert!(
        error.contains("these are mnist's, not fashion-mnist's; take --dataset mnist, or another folder"),
        "{error}"
    );
}
