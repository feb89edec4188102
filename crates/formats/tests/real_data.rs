//! The real files, if `PLANGRAD_DATA` names a folder that has them.

use std::path::PathBuf;

use plangrad_formats::cifar::{self, Variant};
use plangrad_formats::{Limits, idx};

/// The file below the data folder; `None` and a printed notice if it is missing.
fn data(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PLANGRAD_DATA").map(|folder| PathBuf::from(folder).join(name));
    let path = path.filter(|path| path.exists());
    if path.is_none() {
        eprintln!("SKIPPED: {name} needs PLANGRAD_DATA to name a folder that holds it");
    }
    path
}

#[test]
fn mnist_training_images_have_the_published_shape_and_mean() {
    let Some(path) = data("mnist/train-images-idx3-ubyte.gz") else { return };
    let images = idx::open(path).unwrap();
    assert_eq!(images.dims(), [60_000, 28, 28]);
    let pixels = images.into_u8().unwrap();
    assert_eq!(pixels.capacity(), 47_040_000, "allocated exactly");
    let sum: u64 = pixels.iter().map(|&pixel| u64::from(pixel)).sum();
    let mean = sum as f64 / pixels.len() as f64 / 255.0;
    assert!((mean - 0.1307).abs() < 5e-5, "{mean}");
}

#[test]
fn mnist_test_labels_begin_with_the_well_known_ten() {
    let Some(path) = data("mnist/t10k-labels-idx1-ubyte.gz") else { return };
    let labels = idx::open(path).unwrap();
    assert_eq!(labels.dims(), [10_000]);
    assert_eq!(labels.as_u8().unwrap()[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
}

#[test]
fn mnist_item_by_item_is_mnist_at_once() {
    let Some(path) = data("mnist/t10k-images-idx3-ubyte.gz") else { return };
    let whole = idx::open(&path).unwrap();
    let items = idx::Items::new(std::fs::File::open(path).unwrap(), &Limits::new(784)).unwrap();
    let joined: Vec<u8> = items.flat_map(|item| item.unwrap().into_u8().unwrap()).collect();
    assert_eq!(joined, whole.as_u8().unwrap());
}

#[test]
fn cifar_10_records_have_the_well_known_channel_means() {
    let Some(folder) = data("cifar-10-batches-bin") else { return };
    let names = cifar::open_class_names(folder.join("batches.meta.txt"), 10).unwrap();
    assert_eq!(names, Variant::Cifar10.class_names());

    let batches = Variant::Cifar10.train_files().iter();
    let batches = batches.map(|file| cifar::open(folder.join(file), Variant::Cifar10).unwrap());
    let train = cifar::Records::concat(Variant::Cifar10, batches).unwrap();
    assert_eq!(train.images.len(), train.len() * cifar::IMAGE_BYTES);
    for (channel, expected) in [0.4914, 0.4822, 0.4465].into_iter().enumerate() {
        let plane = 1024;
        let sum: u64 = (0..train.len())
            .flat_map(|record| &train.image(record)[channel * plane..][..plane])
            .map(|&pixel| u64::from(pixel))
            .sum();
        let mean = sum as f64 / (train.len() * plane) as f64 / 255.0;
        // The published means are of 50,000 images; a tenth of them come within 0.01.
        assert!((mean - expected).abs() < 0.01, "channel {channel}: {mean}");
    }
}
