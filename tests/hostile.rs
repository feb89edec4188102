//! Malformed files, through the binary: each ends with one plain sentence, exit code 1, no panic, and no file left behind.

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{Tensor, command, digits_description, files, finish, plangrad, refusal, run, safetensors};

/// Asserts that `arguments` are refused in `folder` with a sentence that contains `expected`, and leave no file.
#[track_caller]
fn refused(folder: &Path, arguments: &str, expected: &str) {
    let before = files(folder);
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let sentence = refusal(folder, &arguments, 1);
    assert!(sentence.contains(expected), "{arguments:?}: {sentence}");
    assert_eq!(files(folder), before, "{arguments:?} left something behind");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    // Stored blocks need no compressor: RFC 1951, section 3.2.4.
    let length = u16::try_from(bytes.len()).unwrap();
    let crc = !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    let block = [length.to_le_bytes(), (!length).to_le_bytes()].concat();
    [&header[..], &block, bytes, &crc.to_le_bytes(), &u32::from(length).to_le_bytes()].concat()
}

/// An IDX file of bytes with these dimensions.
fn idx(dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dims.len() as u8];
    file.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    file.extend(data);
    file
}

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

/// A folder `data` with an MNIST of three training and two test images.
fn small_mnist() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mnist = folder.path().join("data/mnist");
    fs::create_dir_all(&mnist).unwrap();
    for (part, count) in [("train", 3), ("t10k", 2)] {
        let pixels = vec![100; count * 784];
        let labels: Vec<u8> = (0..count as u8).collect();
        fs::write(mnist.join(format!("{part}-images-idx3-ubyte")), idx(&[count as u32, 28, 28], &pixels))
            .unwrap();
        fs::write(mnist.join(format!("{part}-labels-idx1-ubyte")), idx(&[count as u32], &labels)).unwrap();
    }
    folder
}

#[test]
fn the_small_mnist_of_these_tests_is_a_good_one() {
    let folder = small_mnist();
    assert_eq!(run(folder.path(), "show --dataset mnist --count 3 --format json").objects().len(), 3);
    run(folder.path(), "train --dataset mnist --epochs 1 --out run").succeeded();
    run(folder.path(), "eval run").succeeded();
    let packed = gzip(&fs::read(folder.path().join("data/mnist").join(IMAGES)).unwrap());
    fs::write(folder.path().join(format!("data/mnist/{IMAGES}.gz")), packed).unwrap();
    run(folder.path(), "show --dataset mnist").succeeded();
}

#[test]
fn broken_files_of_images_are_refused() {
    let good = idx(&[3, 28, 28], &[100; 3 * 784]);
    let labels = idx(&[3], &[0, 1, 2]);
    let html = b"<!DOCTYPE html><html><body>404 Not Found</body></html>".to_vec();
    let cases: [(&str, &str, Vec<u8>); 18] = [
        ("an empty file", IMAGES, Vec::new()),
        ("half a header", IMAGES, good[..6].to_vec()),
        ("a header alone", IMAGES, good[..16].to_vec()),
        ("a cut file", IMAGES, good[..good.len() - 1].to_vec()),
        ("a file with more", IMAGES, [&good[..], b"x"].concat()),
        ("a wrong magic number", IMAGES, [b"\x01\x00\x08\x03", &good[4..]].concat()),
        ("a type that does not exist", IMAGES, [b"\x00\x00\x07\x03", &good[4..]].concat()),
        ("floats", IMAGES, [b"\x00\x00\x0d\x03", &good[4..]].concat()),
        ("a page of a server", IMAGES, html.clone()),
        ("another rank", IMAGES, idx(&[3, 784], &[100; 3 * 784])),
        ("another size", IMAGES, idx(&[3, 14, 56], &[100; 3 * 784])),
        ("sizes whose product overflows", IMAGES, idx(&[u32::MAX, u32::MAX, u32::MAX], &[])),
        ("sizes beyond any memory", IMAGES, idx(&[u32::MAX, 28, 28], &[1; 100])),
        ("no images at all", IMAGES, idx(&[0, 28, 28], &[])),
        ("the labels instead", IMAGES, labels.clone()),
        ("a label too many", LABELS, idx(&[4], &[0, 1, 2, 3])),
        ("a label without a class", LABELS, idx(&[3], &[0, 10, 2])),
        ("the images instead", LABELS, good.clone()),
    ];
    for (what, name, bytes) in cases {
        let folder = small_mnist();
        fs::write(folder.path().join("data/mnist").join(name), bytes).unwrap();
        eprintln!("{what}");
        refused(folder.path(), "show --dataset mnist --out x.png", name);
        refused(folder.path(), "train --dataset mnist --out run", name);
    }
    for (what, bytes) in [
        ("a cut archive", gzip(&good)[..2000].to_vec()),
        ("a wrong checksum", [&gzip(&good)[..good.len() + 15], &[9; 8]].concat()),
        ("a page with the archive's name", html),
        ("an archive of nothing", gzip(b"")),
    ] {
        let folder = small_mnist();
        fs::write(folder.path().join(format!("data/mnist/{IMAGES}.gz")), bytes).unwrap();
        eprintln!("{what}");
        refused(folder.path(), "show --dataset mnist --out x.png", IMAGES);
        refused(folder.path(), "train --dataset mnist --out run", IMAGES);
    }
}

#[test]
fn folders_and_files_in_each_others_places_are_refused() {
    let folder = small_mnist();
    let images = folder.path().join("data/mnist").join(IMAGES);
    fs::remove_file(&images).unwrap();
    refused(folder.path(), "show --dataset mnist", "plangrad download mnist");
    fs::create_dir(&images).unwrap();
    refused(folder.path(), "show --dataset mnist", "plangrad download mnist");
    fs::write(folder.path().join("file"), "").unwrap();
    refused(folder.path(), "show --dataset mnist --data-dir file", "plangrad download mnist");
    refused(folder.path(), "train --dataset digits --out file", "file");
    refused(folder.path(), "train --dataset digits --out file/run", "file/run");
    refused(folder.path(), "download mnist --data-dir file --mirror http://127.0.0.1:1/", "file");
}

#[test]
fn broken_files_of_cifar_are_refused() {
    let record = |label: u8| [vec![label], vec![9; 3072]].concat();
    let cases = [
        ("an empty file", Vec::new(), "data_batch_1.bin"),
        ("half a record", record(1)[..3000].to_vec(), "data_batch_1.bin"),
        ("a record and a byte", [record(1), vec![1]].concat(), "data_batch_1.bin"),
        ("a label without a class", [record(1), record(10)].concat(), "data_batch_1.bin"),
        ("a page of a server", b"<html>".to_vec(), "data_batch_1.bin"),
    ];
    for (what, bytes, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let cifar = folder.path().join("data/cifar-10-batches-bin");
        fs::create_dir_all(&cifar).unwrap();
        fs::write(cifar.join("test_batch.bin"), record(3)).unwrap();
        fs::write(cifar.join("data_batch_1.bin"), bytes).unwrap();
        eprintln!("{what}");
        refused(folder.path(), "show --dataset cifar10 --out x.png", expected);
        refused(folder.path(), "train --dataset cifar10 --out run", expected);
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    for bytes in
        [&b""[..], b"<html>", b"\x1f\x8b\x08\x00", &gzip(b""), &gzip(&[0; 1024]), &gzip(&[255; 1024])]
    {
        fs::write(folder.path().join("data/cifar-10-binary.tar.gz"), bytes).unwrap();
        refused(folder.path(), "show --dataset cifar10 --out x.png", "cifar-10-binary.tar.gz");
    }
}

#[test]
fn broken_tables_are_refused_with_line_and_column() {
    let many: String = (0..257).map(|number| format!("1,label{number}\n")).collect();
    let cases: [(&str, Vec<u8>, &str); 15] = [
        ("an empty file", b"".to_vec(), "header row"),
        ("a header alone", b"a,b\n".to_vec(), "expected rows of data"),
        ("a word for a number", b"a,b\n1,x\ntwo,y\n".to_vec(), "line 3, column `a`"),
        ("a missing value", b"a,b\n1,x\n,y\n".to_vec(), "cells without a value in 2 rows: `a` (1)"),
        ("no number", b"a,b\n-inf,x\n".to_vec(), "line 2, column `a`"),
        ("a number beyond 32 bits", b"a,b\n1e39,x\n".to_vec(), "line 2, column `a`"),
        ("a row too short", b"a,b\n1,x\n2\n".to_vec(), "line 3"),
        ("a row too long", b"a,b\n1,x,3\n".to_vec(), "line 2"),
        ("two columns of one name", b"a,a,b\n1,2,x\n".to_vec(), "line 1"),
        ("one column", b"a\n1\n2\n".to_vec(), "table.csv"),
        ("an open quotation", b"a,b\n\"1,x\n2,y\n".to_vec(), "line 2"),
        ("other bytes than text", b"\xc3\xa9,b\n1,\xff\xfe\n".to_vec(), "UTF-8"),
        ("a workbook", b"PK\x03\x04\0\0".to_vec(), "save it as CSV"),
        ("zeros", vec![0; 100], "table.csv"),
        (
            "too many classes",
            format!("a,b\n{many}").into_bytes(),
            "257 different labels in 257 rows, too many to be classes",
        ),
    ];
    for (what, bytes, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("table.csv"), bytes).unwrap();
        eprintln!("{what}");
        refused(folder.path(), "show --dataset csv:table.csv", expected);
        refused(folder.path(), "summary --dataset csv:table.csv", expected);
        refused(folder.path(), "train --dataset csv:table.csv --out run", expected);
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("table.csv")).unwrap();
    fs::write(folder.path().join("words.csv"), "a,b\n1,x\n2,y\n").unwrap();
    refused(
        folder.path(),
        "show --dataset csv:table.csv",
        "table.csv: cannot be opened: expected a file, found a folder",
    );
    refused(folder.path(), "show --dataset csv:words.csv/x", "words.csv/x: cannot be opened");
    refused(folder.path(), "show --dataset csv:words.csv --label c", "the columns are");
    refused(folder.path(), "train --dataset csv:words.csv --loss mse --out run", "line 2, column `b`");
}

fn digits_model(description: Option<&Value>, weight: &[f32], shape: &[usize]) -> Vec<u8> {
    let bias = [0.0; 10];
    let tensors = [
        Tensor { name: "layer1.weight", shape, values: weight },
        Tensor { name: "layer1.bias", shape: &[10], values: &bias },
    ];
    safetensors(description, &tensors)
}

/// The description of a good model with one entry replaced.
fn lie(pointer: &str, value: Value) -> Value {
    let mut description = digits_description();
    *description.pointer_mut(pointer).unwrap() = value;
    description
}

#[test]
fn broken_models_are_refused() {
    let weight = vec![0.5; 7840];
    let good = digits_model(Some(&digits_description()), &weight, &[10, 784]);
    let header = |length: u64, text: &str| [&length.to_le_bytes()[..], text.as_bytes()].concat();
    let mut nan = weight.clone();
    nan[17] = f32::NAN;
    let half = String::from_utf8_lossy(&good[8..]).contains("F32");
    assert!(half, "the header of the file made here names its types");
    let f16 = good
        .windows(3)
        .position(|word| word == b"F32")
        .map(|at| [&good[..at], b"F16", &good[at + 3..]].concat());
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("an empty file", Vec::new()),
        ("seven bytes", vec![1; 7]),
        ("garbage", b"not a model but a sentence".to_vec()),
        ("a page of a server", b"<html><body>404</body></html>".to_vec()),
        ("a pickle", b"\x80\x02}q\x00X\x0d\x00\x00\x00layer1.weightq\x01.".to_vec()),
        ("a header beyond the file", header(1 << 20, "{}")),
        ("a header beyond any file", header(u64::MAX, "{}")),
        ("a header of nothing", header(0, "")),
        ("a header that is not JSON", header(8, "{{{{{{{{")),
        ("a header of a million brackets", header(1 << 20, &"[".repeat(1 << 20))),
        ("a cut model", good[..good.len() - 4].to_vec()),
        ("a model and more", [&good[..], &[0; 4]].concat()),
        ("halves for floats", f16.unwrap()),
        ("a weight that is not a number", digits_model(Some(&digits_description()), &nan, &[10, 784])),
        ("weights turned round", digits_model(Some(&digits_description()), &weight, &[784, 10])),
        ("weights of another program", digits_model(None, &weight, &[10, 784])),
        ("another version", digits_model(Some(&lie("/format", json!(99))), &weight, &[10, 784])),
        ("an unknown loss", digits_model(Some(&lie("/loss", json!("hinge"))), &weight, &[10, 784])),
        (
            "a hidden layer without weights",
            digits_model(Some(&lie("/model/hidden", json!([128]))), &weight, &[10, 784]),
        ),
        ("a layer of nothing", digits_model(Some(&lie("/model/hidden", json!([0]))), &weight, &[10, 784])),
        (
            "a layer of everything",
            digits_model(Some(&lie("/model/hidden", json!([1_u64 << 60]))), &weight, &[10, 784]),
        ),
        (
            "another shape",
            digits_model(Some(&lie("/model/sample_shape", json!([3, 32, 32]))), &weight, &[10, 784]),
        ),
        (
            "an endless shape",
            digits_model(
                Some(&lie("/model/sample_shape", json!([1_u64 << 40, 1_u64 << 40]))),
                &weight,
                &[10, 784],
            ),
        ),
        (
            "a shape of nothing",
            digits_model(Some(&lie("/model/sample_shape", json!([]))), &weight, &[10, 784]),
        ),
        (
            "another number of answers",
            digits_model(Some(&lie("/model/outputs", json!(11))), &weight, &[10, 784]),
        ),
        ("a missing class name", digits_model(Some(&lie("/classes", json!(["0"]))), &weight, &[10, 784])),
        (
            "two factors for one channel",
            digits_model(Some(&lie("/scale", json!([1, 2]))), &weight, &[10, 784]),
        ),
        (
            "a factor that is not a number",
            digits_model(Some(&lie("/scale", json!([null]))), &weight, &[10, 784]),
        ),
        ("a regression of images", digits_model(Some(&lie("/loss", json!("mse"))), &weight, &[10, 784])),
        ("a description in prose", digits_model(Some(&json!("a fine model")), &weight, &[10, 784])),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    fs::write(&path, &good).unwrap();
    run(folder.path(), "eval m.safetensors").succeeded();
    for (what, bytes) in cases {
        fs::write(&path, bytes).unwrap();
        eprintln!("{what}");
        refused(folder.path(), "eval m.safetensors", "m.safetensors");
        refused(folder.path(), "predict m.safetensors --index 0", "m.safetensors");
    }
    for length in (0..good.len()).step_by(4_001) {
        fs::write(&path, &good[..length]).unwrap();
        refused(folder.path(), "eval m.safetensors", "m.safetensors");
        refused(
            folder.path(),
            "train --dataset digits --hidden none --init m.safetensors --out run",
            "m.safetensors",
        );
    }
}

#[test]
fn a_name_that_no_dataset_has_in_a_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = digits_model(Some(&lie("/dataset", json!("imagenet"))), &[0.5; 7840], &[10, 784]);
    fs::write(folder.path().join("m.safetensors"), file).unwrap();
    refused(folder.path(), "eval m.safetensors", "unknown dataset `imagenet`");
    run(folder.path(), "eval m.safetensors --dataset digits").succeeded();
}

#[test]
fn places_without_a_model_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::create_dir_all(folder.path().join("odd/model.safetensors")).unwrap();
    refused(folder.path(), "eval nowhere", "nowhere: cannot be opened");
    refused(folder.path(), "eval file/model", "file/model: cannot be opened");
    refused(folder.path(), "eval empty", "found a folder without model.safetensors");
    refused(folder.path(), "eval odd", "found a folder without model.safetensors");
    refused(folder.path(), "train --init empty --dataset digits --out run", "empty");
    refused(folder.path(), "train --resume empty", "empty");
    refused(folder.path(), "train --resume file", "file");
    #[cfg(unix)]
    refused(folder.path(), "eval /dev/zero", "found something that is not a file");
}

#[test]
fn broken_runs_are_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "train --dataset digits --max-steps 2 --out run").succeeded();
    let [config, checkpoint] =
        ["run/config.toml", "run/checkpoint.safetensors"].map(|name| folder.path().join(name));
    let (good_config, good_checkpoint) =
        (fs::read_to_string(&config).unwrap(), fs::read(&checkpoint).unwrap());
    let configs = [
        String::new(),
        "<html>".to_owned(),
        good_config.replace("batch_size = 64", "batch_size = 0"),
        good_config.replace("batch_size = 64", "batch_size = -1"),
        good_config.replace("hidden = [128]", "hidden = [64]"),
        good_config.replace("hidden = [128]", "hidden = [9223372036854775807]"),
        good_config.replace("\"digits\"", "\"imagenet\""),
        format!("{good_config}\nsurprise = true\n"),
    ];
    for text in configs {
        assert_ne!(text, good_config);
        fs::write(&config, &text).unwrap();
        refused(folder.path(), "train --resume run --max-steps 4", "");
        assert_eq!(fs::read_to_string(&config).unwrap(), text);
    }
    fs::write(&config, &good_config).unwrap();
    for length in [0, 7, 100, good_checkpoint.len() - 1] {
        fs::write(&checkpoint, &good_checkpoint[..length]).unwrap();
        refused(folder.path(), "train --resume run --max-steps 4", "checkpoint.safetensors");
    }
    fs::copy(folder.path().join("run/model.safetensors"), &checkpoint).unwrap();
    refused(folder.path(), "train --resume run --max-steps 4", "checkpoint.safetensors");
}

/// A run that has taken two steps, and its folder.
fn begun() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "train --dataset digits --hidden 4 --max-steps 2 --out run").succeeded();
    let path = folder.path().join("run");
    (folder, path)
}

#[cfg(unix)]
#[test]
fn pipes_in_the_place_of_a_runs_files_are_refused() {
    for name in ["config.toml", "metrics.jsonl", "checkpoint.safetensors"] {
        let (folder, path) = begun();
        fs::remove_file(path.join(name)).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(path.join(name)).status().unwrap().success());
        refused(folder.path(), "train --resume run --max-steps 4", name);
        if name == "config.toml" {
            refused(folder.path(), "eval run", name);
            refused(folder.path(), "predict run --index 1", name);
        }
    }
}

#[test]
fn files_of_a_run_without_end_are_refused_with_the_limit() {
    let (folder, path) = begun();
    let lengthen = |name: &str, bytes| {
        fs::OpenOptions::new().write(true).open(path.join(name)).unwrap().set_len(bytes).unwrap();
    };
    lengthen("metrics.jsonl", 30 << 30);
    refused(folder.path(), "train --resume run --max-steps 4", "expected at most 4294967296");
    lengthen("metrics.jsonl", 8 << 20); // zeros in one long line, which are not events
    run(folder.path(), "train --resume run --max-steps 4").succeeded();
    assert!(path.join("metrics.jsonl").metadata().unwrap().len() < 10_000);
    lengthen("config.toml", 30 << 30);
    for arguments in ["train --resume run --max-steps 6", "eval run", "predict run --index 1"] {
        refused(folder.path(), arguments, "expected at most 4194304 bytes");
    }
}

#[test]
fn a_damaged_name_of_the_checksum_does_not_hide_other_damage() {
    let (folder, path) = begun();
    for (name, arguments) in
        [("model.safetensors", "eval run"), ("checkpoint.safetensors", "train --resume run --max-steps 4")]
    {
        let file = path.join(name);
        let good = fs::read(&file).unwrap();
        let at = good.windows(8).position(|window| window == b"checksum").unwrap();
        for bit in 0..64 {
            let mut bytes = good.clone();
            bytes[at + bit / 8] ^= 1 << (bit % 8);
            fs::write(&file, bytes).unwrap();
            refused(folder.path(), arguments, name);
        }
        fs::write(&file, good).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_data_folder_whose_name_is_not_text_is_refused_before_anything_is_done() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"odd\xff"));
    fs::create_dir(&odd).unwrap();
    let sentence = run(&odd, "train --dataset digits --hidden 4 --max-steps 1 --out it").refused(2);
    assert!(sentence.starts_with("--data-dir: ") && sentence.contains("is not UTF-8"), "{sentence}");
    assert!(!odd.join("it").exists());
}

#[test]
fn broken_pictures_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = digits_model(Some(&digits_description()), &[0.5; 7840], &[10, 784]);
    fs::write(folder.path().join("m.safetensors"), model).unwrap();
    run(folder.path(), "show --dataset digits --out good.png").succeeded();
    let good = fs::read(folder.path().join("good.png")).unwrap();
    let mut huge = good.clone();
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let mut flipped = good.clone();
    flipped[45] ^= 0x10;
    let cases: [(Vec<u8>, &str); 7] = [
        (Vec::new(), "found an empty file"),
        (
            b"<html>".to_vec(),
            "expected a PNG, JPEG, WebP, BMP or GIF image, found the bytes 3c 68 74 6d 6c 3e",
        ),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF".to_vec(), "damaged"),
        (good[..good.len() / 2].to_vec(), "damaged"),
        (good[..20].to_vec(), "damaged"),
        (huge, "x.png"),
        (flipped, "damaged"),
    ];
    for (bytes, expected) in cases {
        fs::write(folder.path().join("x.png"), bytes).unwrap();
        refused(folder.path(), "predict m.safetensors --image x.png", expected);
    }
    fs::create_dir(folder.path().join("folder.png")).unwrap();
    refused(folder.path(), "predict m.safetensors --image folder.png", "folder.png: the folder has no PNG");
    refused(folder.path(), "predict m.safetensors --image nowhere.png", "nowhere.png: cannot be");
    refused(folder.path(), "predict m.safetensors --image good.png/x", "good.png/x: cannot be");
}

#[test]
fn a_model_with_any_byte_changed_answers_or_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let description = json!({
        "format": 1,
        "model": { "sample_shape": [2], "hidden": [], "outputs": 1, "activation": "relu", "dropout": 0.0 },
        "loss": "mse", "dataset": "csv", "classes": [], "normalize": "none", "scale": [1.0], "shift": [0.0],
        "table": { "features": ["a", "b"], "label": "y", "classes": [], "mean": [0.0, 0.0], "std": [1.0, 1.0] }
    });
    let weight = Tensor { name: "layer1.weight", shape: &[1, 2], values: &[1.0, 1.0] };
    let bias = Tensor { name: "layer1.bias", shape: &[1], values: &[0.0] };
    let good = safetensors(Some(&description), &[weight, bias]);
    let (mut answered, mut refused) = (0, 0);
    for (at, step) in (0..good.len()).zip((1_usize..).map(|n| n.wrapping_mul(2_654_435_761) >> 7)) {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (step % 8);
        fs::write(folder.path().join("m"), &bytes).unwrap();
        let run = plangrad(folder.path(), ["predict", "m", "--values", "1,2", "--format", "json"]);
        assert!(run.code == 0 || run.code == 1, "byte {at}: {run:?}");
        assert!(!run.stderr.contains("panicked"), "byte {at}: {run:?}");
        if run.code == 0 { answered += 1 } else { refused += 1 }
    }
    assert!(answered > 10 && refused > 100, "{answered} answered, {refused} refused");
}

#[test]
fn a_model_file_with_too_many_classes_or_layers_is_refused_with_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |hidden: Vec<usize>, classes: usize, said: &str| {
        let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        let description = json!({
            "format": 1,
            "model": { "sample_shape": [1], "hidden": &hidden, "outputs": classes, "activation": "relu", "dropout": 0.0 },
            "loss": "cross-entropy", "dataset": "csv", "classes": &names, "normalize": "none", "scale": [1.0], "shift": [0.0],
            "table": { "features": ["a"], "label": "y", "classes": &names, "mean": [0.0], "std": [1.0] }
        });
        let sizes: Vec<usize> = [1].into_iter().chain(hidden).chain([classes]).collect();
        let layers = sizes.windows(2).enumerate();
        let layers: Vec<_> =
            layers.map(|(i, pair)| (format!("layer{}", i + 1), [pair[1], pair[0]])).collect();
        let names: Vec<_> =
            layers.iter().map(|(name, _)| [format!("{name}.weight"), format!("{name}.bias")]).collect();
        let zeros = vec![0.0; classes];
        let tensors = layers.iter().zip(&names).flat_map(|((_, shape), [weight, bias])| {
            let weights = Tensor { name: weight, shape, values: &zeros[..shape[0] * shape[1]] };
            [weights, Tensor { name: bias, shape: &shape[..1], values: &zeros[..shape[0]] }]
        });
        fs::write(folder.path().join("m"), safetensors(Some(&description), &tensors.collect::<Vec<_>>()))
            .unwrap();
        refused(folder.path(), "predict m --values 1", said);
    };
    refuse(Vec::new(), 65_537, "65,537 classes; at most 65,536 are supported");
    refuse(vec![1; 257], 2, "at most 256 hidden layers, found 257");
}

#[test]
fn names_with_control_characters_or_of_any_length_are_printed_harmlessly() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}2J".to_owned(), "x".repeat(70_000)] {
        let rows: String =
            (0..20).map(|row| format!("{row},{}\n", if row % 2 == 0 { "b" } else { &name })).collect();
        fs::write(folder.path().join("t.csv"), format!("a{name},y{name}\n{rows}")).unwrap();
        for command in [
            "train --dataset csv:t.csv --hidden 2 --max-steps 2 --out run --overwrite",
            "show --dataset csv:t.csv --index 1",
            "show --dataset csv:t.csv --count 3",
            "show --dataset csv:t.csv --format json",
            "eval run --split train",
            "eval run --split train --format json",
            "predict run --values 1",
            "predict run --index 1 --split train",
            "predict run --index 1 --split train --format json",
        ] {
            let run = run(folder.path(), command);
            let printed = run.stdout.clone() + &run.stderr;
            let harmful = printed.chars().find(|&letter| letter.is_control() && letter != '\n');
            assert_eq!((run.code, harmful), (0, None), "{command}: {run:?}");
        }
    }
}

#[test]
fn an_unsupported_proxy_is_refused_before_any_download() {
    let folder = tempfile::tempdir().unwrap();
    let mut download = command(folder.path());
    download.env("ALL_PROXY", "socks5://user:secret@127.0.0.1:1");
    let sentence = finish(download.args(["download", "mnist", "--mirror", "http://127.0.0.1:1"])).refused(1);
    assert!(sentence.starts_with("the proxy in ALL_PROXY is not supported"), "{sentence}");
    assert!(!sentence.contains("secret") && files(folder.path()).is_empty(), "{sentence}");
}
