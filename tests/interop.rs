//! PyTorch opens what plangrad saves; plangrad starts from what PyTorch and others save.
//!
//! `tests/golden/pytorch.safetensors` was written by `tests/golden/interop.py`. With `PLANGRAD_PYTHON` naming an interpreter
//! that has torch and safetensors, the same script is run live on a model trained here.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use plangrad_nn::checkpoint::{self, Loaded};
use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{DType, SampleFormat, Samples, Session, Shape, Source, Targets};
use support::{Tensor, finish, plangrad, run, safetensors, select};

const ROWS: usize = 4;
const PIXELS: usize = 784;

/// Training with learning rate 0: the saved weights are the initial ones.
const STAND_STILL: &str = "train --dataset digits --optimizer sgd --lr 0 --max-steps 1";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}

/// The logits of a 784-`hidden`-10 network with the weights of `file` for interop.py's images.
fn logits(file: &Path, hidden: usize) -> Vec<f32> {
    let model = Mlp::new(&MlpConfig::new(&[PIXELS], 10).hidden(&[hidden])).unwrap();
    let (mean, deviation) = (0.1307, 0.3081);
    let samples = SampleFormat::new(Shape::new(&[PIXELS]).unwrap(), DType::U8)
        .normalized([1.0 / (255.0 * deviation)], [-mean / deviation]);
    let task = Task::new(Arc::new(model), samples, Loss::CrossEntropy).unwrap();
    let state = task.inference_state().unwrap();
    let prediction = task.prediction_plan(&state, ROWS).unwrap();
    let mut session =
        Session::new(&Cpu::open(CpuOptions::default()).unwrap(), vec![prediction.plan]).unwrap();
    checkpoint::load_weights(&checkpoint::read(file).unwrap(), task.model(), &mut session).unwrap();
    let pixel = |n: usize| {
        let (i, j) = (n / PIXELS, n % PIXELS);
        ((7 * i + 13 * j + i * j) % 256) as u8
    };
    let images = (0..ROWS * PIXELS).map(pixel).collect();
    let source = Source::new(Samples::U8(images), Targets::Classes(vec![0; ROWS]), PIXELS).unwrap();
    session.run(0, &source.batches(&[0, 1, 2, 3]).unwrap()).unwrap();
    session.read(0, prediction.scores).unwrap().into_iter().collect()
}

/// The values of one tensor.
fn values(file: &Loaded, name: &str) -> Vec<f32> {
    let tensor = file.tensors().find(|tensor| tensor.name == name).unwrap_or_else(|| panic!("no {name}"));
    file.values(name, &tensor.shape).unwrap()
}

/// Within 1e-5 of the largest: sums of 784 products, added in another order.
#[track_caller]
fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    assert!(largest > 0.1, "{expected:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-5 * largest, "{found} instead of {expected}");
    }
}

/// Asserts that both files hold the same tensors.
#[track_caller]
fn assert_same_weights(found: &Path, expected: &Path) {
    let (found, expected) = (checkpoint::read(found).unwrap(), checkpoint::read(expected).unwrap());
    let shapes = |file: &Loaded| -> Vec<_> {
        file.tensors().map(|tensor| (tensor.name.clone(), tensor.shape.clone())).collect()
    };
    assert_eq!(shapes(&found), shapes(&expected));
    for (name, shape) in shapes(&found) {
        assert_eq!(found.values(&name, &shape).unwrap(), expected.values(&name, &shape).unwrap(), "{name}");
    }
}

#[test]
fn a_file_that_pytorch_wrote_gives_pytorchs_logits() {
    let expected = values(&checkpoint::read(&golden("pytorch_logits.safetensors")).unwrap(), "logits");
    assert_close(&logits(&golden("pytorch.safetensors"), 8), &expected);
}

#[test]
fn training_starts_from_a_file_that_pytorch_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let file = golden("pytorch.safetensors");
    let options = ["--hidden", "8", "--out", "it", "--init", file.to_str().unwrap()];
    let started = plangrad(folder.path(), STAND_STILL.split(' ').chain(options));
    assert!(started.stderr.contains(&format!("\nweights from {}:\n", file.display())), "{started:?}");
    assert!(started.stderr.ends_with("\n  layer2.bias -> layer2.bias\n"), "{started:?}");
    started.succeeded();
    assert_same_weights(&folder.path().join("it/model.safetensors"), &file);
}

#[test]
fn training_starts_from_a_model_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "train --dataset digits --hidden 16 --max-steps 50 --out first").succeeded();
    for file in ["first/model.safetensors", "first/checkpoint.safetensors"] {
        run(
            folder.path(),
            &format!("{STAND_STILL} --hidden 16 --init {file} --seed 9 --overwrite --out second"),
        )
        .succeeded();
        let (second, first) = ("second/model.safetensors", "first/model.safetensors");
        assert_same_weights(&folder.path().join(second), &folder.path().join(first));
    }
    // What was learnt is there from the first step on.
    let arguments =
        "train --dataset digits --hidden 16 --init first/model.safetensors --max-steps 1 --format json";
    let events = run(folder.path(), arguments).objects();
    assert!(select(&events, "step")[0]["loss"].as_f64().unwrap() < 1.5, "{events:?}");
}

/// A network 784-3-2-10 under names of another framework, whose order differs from the alphabet's.
fn foreign(folder: &Path, tensors: &[Tensor<'_>]) {
    fs::write(folder.join("foreign.safetensors"), safetensors(None, tensors)).unwrap();
}

#[test]
fn a_foreign_file_is_matched_in_the_order_of_its_layers() {
    let folder = tempfile::tempdir().unwrap();
    let ramp =
        |count: usize, start: f32| -> Vec<f32> { (0..count).map(|i| start + i as f32 / 1024.0).collect() };
    let (first, second, third) = (ramp(3 * PIXELS, 0.0), ramp(6, 1.0), ramp(20, 2.0));
    let biases = [ramp(3, 3.0), ramp(2, 4.0), ramp(10, 5.0)];
    foreign(
        folder.path(),
        &[
            Tensor { name: "net.10.weight", shape: &[10, 2], values: &third },
            Tensor { name: "net.2.weight", shape: &[3, 784], values: &first },
            Tensor { name: "net.9.weight", shape: &[2, 3], values: &second },
            Tensor { name: "net.10.bias", shape: &[10], values: &biases[2] },
            Tensor { name: "net.2.bias", shape: &[3], values: &biases[0] },
            Tensor { name: "net.9.bias", shape: &[2], values: &biases[1] },
        ],
    );
    let started =
        run(folder.path(), &format!("{STAND_STILL} --hidden 3,2 --init foreign.safetensors --out it"));
    let layers = [("net.2", "layer1"), ("net.9", "layer2"), ("net.10", "layer3")];
    let pairs = layers.iter().flat_map(|(theirs, ours)| {
        ["weight", "bias"].map(|kind| format!("  {theirs}.{kind} -> {ours}.{kind}"))
    });
    let notes: Vec<String> =
        ["weights from foreign.safetensors:".to_owned()].into_iter().chain(pairs).collect();
    assert_eq!(started.stderr.lines().skip(1).collect::<Vec<_>>(), notes, "after that nothing is learnt");
    started.succeeded();
    let model = checkpoint::read(&folder.path().join("it/model.safetensors")).unwrap();
    for (name, expected) in [("layer1.weight", &first), ("layer2.weight", &second), ("layer3.weight", &third)]
    {
        assert_eq!(values(&model, name), *expected, "{name}");
    }
    for (i, expected) in biases.iter().enumerate() {
        assert_eq!(values(&model, &format!("layer{}.bias", i + 1)), *expected);
    }
}

#[test]
fn a_file_that_does_not_fit_is_refused_with_what_it_holds_and_what_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let weight = vec![0.5; 10 * PIXELS];
    let bias = vec![0.5; 10];
    let nan = vec![f32::NAN; 10];
    let tensor = |name, shape, values| Tensor { name, shape, values };
    let refused = |tensors: &[Tensor<'_>]| {
        foreign(folder.path(), tensors);
        let sentence =
            run(folder.path(), &format!("{STAND_STILL} --hidden none --init foreign.safetensors")).refused(1);
        assert!(sentence.contains("foreign.safetensors"), "{sentence}");
        assert!(!folder.path().join("runs").exists());
        sentence
    };
    let missing = refused(&[tensor("w", &[10, 784], &weight)]);
    assert_eq!(
        missing,
        "foreign.safetensors does not fit the model: expected 2 tensors (layer1.weight [10, 784], layer1.bias [10]), found 1"
    );
    let turned = refused(&[tensor("w", &[784, 10], &weight), tensor("b", &[10], &bias)]);
    assert!(
        turned.contains("\"w\"") && turned.contains("[784, 10]") && turned.contains("[10, 784]"),
        "{turned}"
    );
    let long = refused(&[tensor("w", &[10, 784], &weight), tensor("b", &[9], &bias[..9])]);
    assert!(long.contains("\"b\"") && long.contains("[9]") && long.contains("[10]"), "{long}");
    let no_vector = refused(&[tensor("w", &[10, 784], &weight), tensor("b", &[10, 1], &bias)]);
    assert!(
        no_vector.contains("\"b\"") && no_vector.contains("is of shape [10, 1], expected one of shape"),
        "{no_vector}"
    );
    let not_finite = refused(&[tensor("w", &[10, 784], &weight), tensor("b", &[10], &nan)]);
    assert!(not_finite.contains("NaN at element 0"), "{not_finite}");
}

#[test]
fn pytorch_opens_a_model_trained_here_and_the_other_way_round() {
    let Some(python) = std::env::var_os("PLANGRAD_PYTHON") else {
        eprintln!("SKIPPED: set PLANGRAD_PYTHON to a Python with torch and safetensors to run this test");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "train --dataset digits --hidden 24 --max-steps 400 --out it").succeeded();
    let model = folder.path().join("it/model.safetensors");
    let script = golden("interop.py");
    let checked = finish(Command::new(python).arg(script).arg("check").arg(&model).arg(folder.path()));
    assert_eq!(checked.code, 0, "{checked:?}");
    let theirs = values(&checkpoint::read(&folder.path().join("logits.safetensors")).unwrap(), "logits");
    let ours = logits(&model, 24);
    assert_close(&ours, &theirs);
    let copy = folder.path().join("copy.safetensors");
    assert_eq!(logits(&copy, 24), ours);
    assert_same_weights(&copy, &model);
}
