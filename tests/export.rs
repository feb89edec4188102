//! What leaves a run is what the run has: other programs compute the same.

mod support;

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::process::Command;

use plangrad_formats::Limits;
use plangrad_formats::numpy::Npz;
use plangrad_nn::checkpoint;
use support::{finish, refusal, run, small_mnist};

const RUN: &str = "train --dataset mnist --hidden 16 --epochs 2 --out it";

#[test]
fn weights_and_metrics_leave_as_they_are() {
    let folder = small_mnist();
    run(folder.path(), RUN).succeeded();
    let path = |name: &str| folder.path().join(name);
    let said = run(folder.path(), "export it --out weights.npz --format json").object();
    assert_eq!(
        (&said["format"], &said["bytes"]),
        (&"npz".into(), &path("weights.npz").metadata().unwrap().len().into())
    );
    let model = checkpoint::read(&path("it/model.safetensors")).unwrap();
    let mut npz =
        Npz::new(BufReader::new(File::open(path("weights.npz")).unwrap()), &Limits::default()).unwrap();
    for tensor in model.tensors() {
        let expected: Vec<f64> =
            model.values(&tensor.name, &tensor.shape).unwrap().into_iter().map(f64::from).collect();
        let array = npz.array(&tensor.name).unwrap();
        assert_eq!((array.dims(), array.to_f64().unwrap()), (tensor.shape.as_slice(), expected));
    }
    run(folder.path(), "export it --to safetensors --out copy").succeeded();
    assert!(fs::read(path("copy")).unwrap() == fs::read(path("it/model.safetensors")).unwrap());
    run(folder.path(), "export it --out metrics.csv").succeeded();
    let csv = fs::read_to_string(path("metrics.csv")).unwrap();
    assert_eq!(csv, fs::read_to_string(path("it/metrics.csv")).unwrap());
    let epoch = &support::select(&support::metrics(&path("it")), "epoch")[1].clone();
    let cells: Vec<&str> = csv.lines().nth(2).unwrap().split(',').collect();
    assert_eq!((cells[0], cells[2], cells[3]), ("2", "", ""));
    for (cell, key) in [(1, "train_loss"), (4, "test_loss"), (5, "test_accuracy"), (11, "measured_bytes")] {
        assert_eq!(cells[cell].parse::<f64>().unwrap(), epoch[key].as_f64().unwrap(), "{key}");
    }
}

#[test]
fn an_onnx_file_depends_on_the_model_alone() {
    let folder = small_mnist();
    run(folder.path(), RUN).succeeded();
    for name in ["one.onnx", "other.onnx"] {
        run(folder.path(), &format!("export it --out {name}")).succeeded();
    }
    let [one, other] = ["one.onnx", "other.onnx"].map(|name| fs::read(folder.path().join(name)).unwrap());
    assert!(one == other && one.len() > 4 * (784 * 16 + 16 + 160 + 10));
}

#[test]
fn what_cannot_be_exported_is_named() {
    let folder = small_mnist();
    run(folder.path(), RUN).succeeded();
    let message = refusal(folder.path(), &["export", "it", "--out", "model.pb"], 2);
    assert!(message.contains("--to onnx, safetensors, npz or csv"), "{message}");
    fs::copy(folder.path().join("it/model.safetensors"), folder.path().join("alone.safetensors")).unwrap();
    let message = refusal(folder.path(), &["export", "alone.safetensors", "--out", "x.csv"], 2);
    assert!(message.contains("not in the folder of"), "{message}");
}

/// Networks, each with what it trains on: every activation, one and several channels, tables of numbers and of words, classes
/// and numbers.
const NETWORKS: [(&str, &str); 9] = [
    ("relu", "--dataset mnist --hidden 16,8 --normalize dataset"),
    ("tanh", "--dataset mnist --hidden 16 --activation tanh --normalize half"),
    ("sigmoid", "--dataset mnist --hidden 16 --activation sigmoid --normalize none"),
    ("gelu", "--dataset npz:colours.npz --hidden 16,16 --activation gelu --dropout 0.2"),
    ("linear", "--dataset mnist --hidden none"),
    ("values", "--dataset csv:values.csv --loss mse --hidden 8"),
    ("words", "--dataset csv:words.csv --hidden 8"),
    ("layers", "--dataset mnist --network layers.toml"),
    ("values", "--dataset csv:values.csv --loss mse --network layers.toml --overwrite"),
];

/// Every kind of layer.
const LAYERS: &str = r#"layers = [
    { linear = 12 }, "batch_norm", "relu",
    { residual = [{ linear = 12 }, "layer_norm", "gelu", { dropout = 0.2 }, { linear = 12 }] },
    { parallel = [[{ linear = 6 }, "tanh"], [{ frozen = [{ linear = 6 }, "sigmoid"] }, "batch_norm"], [{ linear = 6 }]] },
    { group = { lr_scale = 0.5, layers = [{ linear = { units = 5, bias = false } }, { tied = "5.0" }] } },
    { linear = 12 }, { tied = { to = "0", bias = false } },
    { linear = "outputs" },
]"#;

/// `tests/export/onnx_check.py` has the file checked by `onnx.checker`, run by ONNX Runtime on batches of two sizes, and compared
/// with what `predict` says.
#[test]
fn onnx_runtime_computes_what_plangrad_computes() {
    let Some(python) = std::env::var_os("PLANGRAD_PYTHON") else {
        eprintln!("SKIPPED: set PLANGRAD_PYTHON to a Python with onnx and onnxruntime to run this test");
        return;
    };
    let folder = small_mnist();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/export/onnx_check.py");
    let made = finish(Command::new(&python).arg(&script).arg("data").arg(folder.path()));
    assert_eq!(made.code, 0, "{made:?}");
    fs::write(folder.path().join("layers.toml"), LAYERS).unwrap();
    for (name, options) in NETWORKS {
        run(folder.path(), &format!("train {options} --epochs 2 --batch-size 32 --out {name}")).succeeded();
        run(folder.path(), &format!("export {name} --out {name}.onnx")).succeeded();
        run(folder.path(), &format!("export {name} --out {name}.npz")).succeeded();
        let checked = finish(
            Command::new(&python)
                .arg(&script)
                .arg(name)
                .arg(folder.path())
                .env_remove("PLANGRAD_DATA")
                .env("PLANGRAD", env!("CARGO_BIN_EXE_plangrad")),
        );
        assert_eq!(checked.code, 0, "{name}: {checked:?}");
    }
}
