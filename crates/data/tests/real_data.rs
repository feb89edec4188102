//! The real files, if `PLANGRAD_DATA` names a folder with `mnist/` and `cifar-10-batches-bin/`.

use std::path::PathBuf;

use plangrad_data::{
    DatasetName, LoadOptions, Samples, Split, Subset, Target, Targets, available, load, load_split,
};

fn options(name: &DatasetName) -> Option<LoadOptions> {
    let found = std::env::var_os("PLANGRAD_DATA")
        .map(PathBuf::from)
        .filter(|data_dir| available(name, data_dir))
        .map(|data_dir| LoadOptions { data_dir, ..LoadOptions::default() });
    if found.is_none() {
        eprintln!("SKIPPED: {name} needs PLANGRAD_DATA to name a folder that holds it");
    }
    found
}

fn pixels(split: &Subset) -> &[u8] {
    let Samples::U8(pixels) = &split.samples else { panic!("images are u8") };
    pixels
}

fn mean_and_deviation(pixels: impl Iterator<Item = u8> + Clone) -> (f64, f64) {
    let count = pixels.clone().count() as f64;
    let mean = pixels.clone().map(|pixel| f64::from(pixel) / 255.0).sum::<f64>() / count;
    let variance = pixels.map(|pixel| (f64::from(pixel) / 255.0 - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

#[test]
fn mnist_is_complete_and_has_the_statistics_of_its_spec() {
    let name = DatasetName::Mnist;
    let Some(options) = options(&name) else { return };
    let mnist = load(&name, &options).unwrap();
    assert_eq!((mnist.train.len(), mnist.test.len()), (60_000, 10_000));
    assert_eq!(mnist.sample_shape, [1, 28, 28]);
    assert!(mnist.notes.is_empty(), "{:?}", mnist.notes);
    let first: Vec<_> = (0..5).map(|index| mnist.train.target(index).unwrap()).collect();
    assert_eq!(first, [5, 0, 4, 1, 9].map(Target::Class));
    assert_eq!(mnist.test.target(0), Some(Target::Class(7)));
    let spec = name.spec().unwrap();
    let (mean, std) = mean_and_deviation(pixels(&mnist.train).iter().copied());
    assert!((mean - f64::from(spec.mean[0])).abs() < 5e-5 && (std - f64::from(spec.std[0])).abs() < 5e-5);
}

#[test]
fn a_part_of_mnist_loaded_alone_equals_that_of_the_whole() {
    let name = DatasetName::Mnist;
    let Some(options) = options(&name) else { return };
    let whole = load(&name, &options).unwrap();
    let test = load_split(&name, &options, Split::Test).unwrap();
    assert!(test.train.is_empty());
    assert_eq!(test.test, whole.test);
}

#[test]
fn a_partial_cifar10_loads_and_notes_how_much_is_there() {
    let name = DatasetName::Cifar10;
    let Some(options) = options(&name) else { return };
    let cifar = load(&name, &options).unwrap();
    assert_eq!(cifar.sample_shape, [3, 32, 32]);
    assert_eq!(pixels(&cifar.train).len(), cifar.train.len() * 3_072);
    let Targets::Classes(labels) = &cifar.train.targets else { panic!("labels are classes") };
    assert!(labels.iter().all(|&label| label < 10));
    if cifar.train.len() == 50_000 {
        assert!(cifar.notes.is_empty());
    } else {
        assert!(cifar.notes[0].starts_with("cifar10 is partial: "), "{:?}", cifar.notes);
        assert!(cifar.notes[0].ends_with(" of 50,000 training images"), "{:?}", cifar.notes);
    }
    eprintln!("{:?}", cifar.notes);
    let spec = name.spec().unwrap();
    for channel in 0..3 {
        let plane = pixels(&cifar.train).chunks_exact(1_024).skip(channel).step_by(3).flatten().copied();
        let (mean, std) = mean_and_deviation(plane);
        assert!((mean - f64::from(spec.mean[channel])).abs() < 0.02, "channel {channel}: {mean}");
        assert!((std - f64::from(spec.std[channel])).abs() < 0.02, "channel {channel}: {std}");
    }
}
