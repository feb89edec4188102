//! Every figure of the lessons that follows from arithmetic, compared with what the program prints.
//!
//! Lessons call KiB and MiB "KB" and "MB"; the figures here are in units of 1024 unless they say otherwise.

mod support;

use std::path::Path;

use serde_json::Value;
use support::run;

const MNIST: &str = "--input 1,28,28 --classes 10";
const CIFAR: &str = "--input 3,32,32 --classes 10";

fn row(options: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &format!("plan {options} --keep-inputs --explain --format json")).object()["rows"][0]
        .clone()
}

fn bytes(row: &Value, key: &str) -> u64 {
    row[key].as_u64().unwrap()
}

/// Bytes of the normalised inputs of a batch, without its labels.
fn inputs(options: &str) -> u64 {
    let row = row(options);
    let parts = row["explanation"].as_array().unwrap();
    bytes(parts.iter().find(|part| part["name"] == "inputs").unwrap(), "bytes")
}

fn kibibytes(bytes: u64, decimals: usize) -> String {
    format!("{:.decimals$}", bytes as f64 / 1024.0)
}

fn mebibytes(bytes: u64, decimals: usize) -> String {
    kibibytes(bytes, 20).parse::<f64>().map(|kibibytes| format!("{:.decimals$}", kibibytes / 1024.0)).unwrap()
}

#[test]
fn the_networks_have_101_770_and_394_634_parameters() {
    let folder = tempfile::tempdir().unwrap();
    for (dataset, parameters) in [("mnist", 101_770), ("cifar10", 394_634)] {
        let summary = run(folder.path(), &format!("summary --dataset {dataset} --format json")).object();
        assert_eq!(summary["total_parameters"], parameters);
        let plan = run(folder.path(), &format!("plan --dataset {dataset} --format json")).object();
        assert_eq!(plan["parameters"], parameters);
    }
}

#[test]
fn parameters_of_mnist_are_407_080_bytes_and_with_gradients_twice_that() {
    let row = row(&format!("{MNIST} --batch-sizes 64 --keep-gradients"));
    let [parameters, gradients] = ["parameters_bytes", "gradients_bytes"].map(|key| bytes(&row, key));
    assert_eq!(parameters, 407_080);
    assert_eq!(mebibytes(parameters, 4), "0.3882");
    assert_eq!(mebibytes(parameters + gradients, 4), "0.7764");
}

#[test]
fn parameters_and_adams_moments_of_mnist_are_1_1647_mebibytes() {
    let row = row(&format!("{MNIST} --batch-sizes 64 --optimizer adam"));
    assert_eq!(
        mebibytes(bytes(&row, "parameters_bytes") + bytes(&row, "optimizer_state_bytes"), 4),
        "1.1647"
    );
}

#[test]
fn parameters_of_cifar_are_1_51_mebibytes_and_adams_moments_3_01() {
    let row = row(&format!("{CIFAR} --batch-sizes 64 --optimizer adam"));
    assert_eq!(mebibytes(bytes(&row, "parameters_bytes"), 2), "1.51");
    assert_eq!(mebibytes(bytes(&row, "optimizer_state_bytes"), 2), "3.01");
}

#[test]
fn one_image_is_3_06_kibibytes_of_mnist_and_12_of_cifar() {
    assert_eq!(kibibytes(inputs(&format!("{MNIST} --batch-sizes 1")), 2), "3.06");
    assert_eq!(kibibytes(inputs(&format!("{CIFAR} --batch-sizes 1")), 2), "12.00");
    // A lesson says 13 times; it is 3.9.
    let times = inputs(&format!("{CIFAR} --batch-sizes 1")) as f64
        / inputs(&format!("{MNIST} --batch-sizes 1")) as f64;
    assert_eq!(format!("{times:.1}"), "3.9");
}

#[test]
fn batches_of_cifar_are_48_kibibytes_of_4_and_0_75_mebibytes_of_64() {
    assert_eq!(kibibytes(inputs(&format!("{CIFAR} --batch-sizes 4")), 2), "48.00");
    assert_eq!(mebibytes(inputs(&format!("{CIFAR} --batch-sizes 64")), 2), "0.75");
}

#[test]
fn batches_of_mnist_are_12_25_and_49_and_98_and_392_kibibytes() {
    for (batch_size, expected) in [(4, "12.25"), (16, "49.00"), (32, "98.00"), (128, "392.00")] {
        assert_eq!(kibibytes(inputs(&format!("{MNIST} --batch-sizes {batch_size}")), 2), expected);
    }
}

#[test]
fn hidden_activations_of_32_samples_are_16_kibibytes() {
    assert_eq!(kibibytes(bytes(&row(&format!("{MNIST} --batch-sizes 32")), "activations_bytes"), 2), "16.00");
}

#[test]
fn an_image_as_it_is_stored_is_0_766_kibibytes() {
    let folder = tempfile::tempdir().unwrap();
    let shown = run(folder.path(), "show --dataset digits --format json").object();
    assert_eq!(shown["dtype"], "u8");
    let shape = shown["shape"].as_array().unwrap().iter();
    let stored: u64 = shape.map(|size| size.as_u64().unwrap()).product();
    assert_eq!(kibibytes(stored, 3), "0.766");
    assert_eq!(inputs(&format!("{MNIST} --batch-sizes 1")), 4 * stored, "as f32 it is four times as large");
}

#[test]
fn the_lessons_sums_are_1_00_and_1_67_and_4_34_and_15_03_mebibytes() {
    let folder = tempfile::tempdir().unwrap();
    let plan = run(folder.path(), "plan --optimizer sgd --format json").object();
    let sums: Vec<String> =
        plan["rows"].as_array().unwrap().iter().map(|row| mebibytes(bytes(row, "lesson_bytes"), 2)).collect();
    assert_eq!(sums, ["1.00", "1.67", "4.34", "15.03"]);
}

/// The correction in `docs/memory.md` of a figure of the lessons.
fn correction(lesson: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/memory.md");
    let page = std::fs::read_to_string(page).unwrap();
    let row = page.lines().find_map(|line| line.strip_prefix(&format!("| {lesson} | ")));
    row.unwrap_or_else(|| panic!("no row says `{lesson}`")).to_owned()
}

#[test]
fn the_guide_corrects_the_lessons_roundings_and_errors() {
    for (batch_size, lesson) in [(64, "1"), (256, "1.7"), (1024, "4.5"), (4096, "15")] {
        let row = row(&format!("{MNIST} --batch-sizes {batch_size} --optimizer sgd"));
        let right = format!("{} MiB | ", mebibytes(bytes(&row, "lesson_bytes"), 2));
        let told = correction(&format!("~{lesson} MB at batch {batch_size}"));
        assert!(told.starts_with(&right), "{told} instead of {right}");
        // Rounded to its own digits, the lesson's figure is the right one, or the guide says that it is not.
        let decimals = lesson.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let rounded = mebibytes(bytes(&row, "lesson_bytes"), decimals);
        assert_eq!(told.contains("| rounded |"), rounded == lesson, "{told}");
        assert_eq!(told.contains("| wrong: "), rounded != lesson, "{told}");
    }
    let image = |options: &str| inputs(&format!("{options} --batch-sizes 1")) as f64;
    let times = format!("{:.1} times | wrong", image(CIFAR) / image(MNIST));
    assert!(correction("a CIFAR image is about 13 times an MNIST image").starts_with(&times));
    let largest = |x: f32| format!("{:.1} · 10³⁸", f64::from(x) / 1e38);
    assert_eq!(largest(2.0f32.powi(127)), "1.7 · 10³⁸");
    let told = correction("f32 ranges to ±1.7 · 10³⁸");
    assert!(told.starts_with(&format!("±{} | wrong: that is 2¹²⁷", largest(f32::MAX))), "{told}");
}
