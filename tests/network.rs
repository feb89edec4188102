//! `--network FILE.toml`: networks as lists of layers, through every command.

mod support;

use std::fs;
use std::path::Path;

use plangrad_nn::checkpoint::{self, Loaded};
use serde_json::Value;
use support::{metrics, plangrad, refusal, run, select, small_mnist};

/// Every kind of layer.
const ALL: &str = r#"
# A comment.
layers = [
    "flatten",
    { linear = 24 },
    "batch_norm",
    "relu",
    { residual = [{ linear = 24 }, "layer_norm", "gelu", { dropout = 0.2 }, { linear = 24 }] },
    { parallel = [
        [{ linear = 12 }, "tanh"],
        [{ linear = 12 }, "sigmoid", "batch_norm"],
    ] },
    { linear = "outputs" },
]
"#;

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

/// A folder with data and the file `all.toml`.
fn folder() -> tempfile::TempDir {
    let folder = small_mnist();
    write(folder.path(), "all.toml", ALL);
    folder
}

fn model(run: &Path) -> Loaded {
    checkpoint::read(&run.join("model.safetensors")).unwrap()
}

fn values(model: &Loaded, name: &str) -> Vec<f32> {
    let tensor = model.tensors().find(|tensor| tensor.name == name).unwrap_or_else(|| panic!("no {name}"));
    model.values(name, &tensor.shape).unwrap()
}

#[test]
fn a_perceptron_in_a_file_trains_to_the_bits_of_hidden() {
    let folder = small_mnist();
    let layers = r#"layers = [
        { linear = 20 }, "gelu", { dropout = 0.1 }, { linear = 9 }, "gelu", { dropout = 0.1 }, { linear = "outputs" },
    ]"#;
    write(folder.path(), "mlp.toml", layers);
    let common = "train --dataset mnist --epochs 2 --batch-size 50 --seed 3";
    run(folder.path(), &format!("{common} --hidden 20,9 --activation gelu --dropout 0.1 --out hidden"))
        .succeeded();
    run(folder.path(), &format!("{common} --network mlp.toml --out file")).succeeded();
    let [hidden, file] = ["hidden", "file"].map(|run| folder.path().join(run));
    assert_eq!(metrics(&hidden), metrics(&file));
    let [hidden, file] = [hidden, file].map(|run| model(&run));
    for (layer, place) in [("layer1", "0"), ("layer2", "3"), ("layer3", "6")] {
        for part in ["weight", "bias"] {
            let [hidden, file] = [(&hidden, layer), (&file, place)]
                .map(|(model, name)| values(model, &format!("{name}.{part}")));
            assert_eq!(hidden, file, "{layer}.{part}");
        }
    }
}

#[test]
fn a_run_that_is_resumed_ends_with_the_same_bytes() {
    let folder = folder();
    let train = "train --dataset mnist --network all.toml --batch-size 60 --epochs 2 --log-every 1";
    run(folder.path(), &format!("{train} --out whole")).succeeded();
    run(folder.path(), &format!("{train} --max-steps 11 --checkpoint-every 4 --out stopped")).succeeded();
    fs::remove_file(folder.path().join("all.toml")).unwrap(); // the run has it
    let stopped = fs::read(folder.path().join("stopped/model.safetensors")).unwrap();
    run(folder.path(), "train --resume stopped --max-steps 1000").succeeded();
    let [whole, resumed] =
        ["whole", "stopped"].map(|run| fs::read(folder.path().join(run).join("model.safetensors")).unwrap());
    assert!(whole == resumed && whole != stopped);
    let [whole, resumed] = ["whole", "stopped"].map(|run| metrics(&folder.path().join(run)));
    assert_eq!(select(&resumed, "epoch").last(), select(&whole, "epoch").last());
}

#[test]
fn every_command_knows_the_network() {
    let folder = folder();
    let path = folder.path();
    let options = "--dataset mnist --network all.toml";
    let summary = run(path, &format!("summary {options} --format json")).object();
    let kinds: Vec<&str> =
        summary["layers"].as_array().unwrap().iter().map(|layer| layer["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[..4], ["Flatten", "Flatten", "Linear", "BatchNorm1d"]);
    assert_eq!(kinds[kinds.len() - 2..], ["Parallel", "Linear"]);
    let planned = run(path, &format!("plan {options} --batch-sizes 100 --format json")).object();
    assert_eq!(planned["parameters"], summary["trainable_parameters"]);

    let events =
        run(path, &format!("train {options} --batch-size 100 --epochs 1 --out it --format json")).objects();
    let epoch = select(&events, "epoch")[0].clone();
    assert_eq!(epoch["planned_bytes"], epoch["measured_bytes"]);

    let evaluated = run(path, "eval it --format json").object();
    assert_eq!(evaluated["accuracy"], epoch["test_accuracy"]);
    let whole = evaluated["loss"].as_f64().unwrap();
    let alone = run(path, "eval it --batch-size 7 --format json").object();
    assert!(
        (alone["loss"].as_f64().unwrap() - whole).abs() < 1e-6,
        "evaluation does not depend on the batch"
    );
    assert_eq!(run(path, "predict it --index 3 --format json").object()["label"], 3);
    let fit = run(path, &format!("fit {options} --memory-budget 2MiB --format json")).object();
    assert!(fit["max_batch_size"].as_u64().unwrap() > 1, "{fit}");
    let swept = run(path, &format!("sweep {options} --batch-sizes 200,400 --epochs 1 --format json"));
    assert!(swept.succeeded().contains("400"));
}

/// Every byte of a row is explained, and what nothing trains is called what it is.
fn check_explanation(row: &Value, network: &str) {
    let parts = row["explanation"].as_array().unwrap();
    let bytes: u64 = parts.iter().map(|part| part["bytes"].as_u64().unwrap()).sum();
    assert_eq!(row["total_bytes"], bytes);
    let name = if network == "all.toml" { "statistics" } else { "frozen parameters" };
    assert!(parts.iter().any(|part| part["name"] == name), "{network}: {row}");
}

#[test]
fn plan_and_run_take_the_same_bytes() {
    let folder = folder();
    let path = folder.path();
    write(
        path,
        "frozen.toml",
        "layers = [{ frozen = [{ linear = 30 }, \"relu\"] }, { linear = \"outputs\" }]",
    );
    for (network, size) in [("all.toml", 1), ("all.toml", 333), ("frozen.toml", 64)] {
        let options = format!("--dataset mnist --network {network}");
        let plan =
            run(path, &format!("plan {options} --batch-sizes {size} --explain --format json")).object();
        check_explanation(&plan["rows"][0], network);
        let train =
            format!("train {options} --batch-size {size} --max-steps 2 --out run --overwrite --format json");
        let events = run(path, &train).objects();
        let total = &plan["rows"][0]["total_bytes"];
        assert_eq!(&events[0]["planned_bytes"], total, "{network} {size}");
        assert_eq!(&select(&events, "epoch")[0]["measured_bytes"], total, "{network} {size}");
    }
}

#[test]
fn frozen_layers_stay_as_they_began() {
    let folder = small_mnist();
    let path = folder.path();
    let layers = |first: &str| {
        format!("layers = [{{ {first} = [{{ linear = 784 }}, \"relu\"] }}, {{ linear = \"outputs\" }}]")
    };
    write(path, "open.toml", &layers("residual"));
    write(path, "frozen.toml", &layers("frozen"));
    run(path, "train --dataset mnist --network open.toml --epochs 1 --out open").succeeded();
    let summary = run(path, "summary --dataset mnist --network frozen.toml").succeeded();
    assert!(summary.contains("Trainable params: 7,850\nNon-trainable params: 615,440"), "{summary}");
    let plan = run(path, "plan --dataset mnist --network frozen.toml --batch-sizes 64").succeeded();
    assert!(plan.starts_with("784-784-10 with 7,850 parameters and 615,440 frozen, Adam"), "{plan}");
    let train =
        "train --dataset mnist --network frozen.toml --init open/model.safetensors --epochs 1 --out head";
    run(path, train).succeeded();
    let [open, head] = ["open", "head"].map(|run| model(&path.join(run)));
    assert_eq!(values(&open, "0.0.weight"), values(&head, "0.0.weight"));
    assert_ne!(values(&open, "1.weight"), values(&head, "1.weight"));
}

#[test]
fn settings_and_networks_of_a_run_are_taken_again() {
    let folder = folder();
    let path = folder.path();
    run(path, "train --dataset mnist --network all.toml --epochs 1 --out first --no-report").succeeded();
    run(path, "train --config first --out second --no-report").succeeded();
    run(path, "train --dataset mnist --network first --epochs 1 --out third --no-report").succeeded();
    let of = |run: &str| fs::read(path.join(run).join("model.safetensors")).unwrap();
    assert!(of("first") == of("second") && of("first") == of("third"));
    let other = run(path, "train --config first --hidden 6 --max-steps 1 --out fourth --no-report");
    assert!(other.stderr.contains("settings of first, but for architecture, hidden"), "{other:?}");
    assert!(model(&path.join("fourth")).tensors().any(|tensor| tensor.name == "layer1.weight"));
    let refused = refusal(path, &["train", "--dataset", "mnist", "--network", "fourth", "--out", "x"], 1);
    assert!(
        refused.contains("config.toml:") && refused.contains("without a network of its own"),
        "{refused}"
    );
}

#[test]
fn numbers_are_learnt_by_networks_of_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String =
        (0..200).map(|i| format!("{},{},{}\n", i % 17, i % 11, 3 * (i % 17) + i % 11)).collect();
    write(folder.path(), "sums.csv", &format!("a,b,sum\n{rows}"));
    let layers = "layers = [{ linear = 16 }, \"layer_norm\", \"tanh\", { linear = \"outputs\" }]";
    write(folder.path(), "net.toml", layers);
    let train = "train --dataset csv:sums.csv --loss mse --network net.toml --epochs 30 --lr 0.01 --format json --out it";
    let events = run(folder.path(), train).objects();
    let losses: Vec<f64> =
        select(&events, "epoch").iter().map(|epoch| epoch["test_loss"].as_f64().unwrap()).collect();
    assert!(losses[29] < 0.1 * losses[0], "{losses:?}");
    let value =
        run(folder.path(), "predict it --values 10,5 --format json").object()["value"].as_f64().unwrap();
    assert!((value - 35.0).abs() < 5.0, "{value}");
}

#[test]
fn wrong_files_are_refused_with_their_line() {
    let folder = folder();
    let refused = |text: &str| {
        write(folder.path(), "bad.toml", text);
        refusal(folder.path(), &["summary", "--network", "bad.toml"], 1)
    };
    for (text, expected) in [
        ("layers = [\n\"rely\"]", "bad.toml:2: unknown layer `rely`; expected one of linear, "),
        ("layers = [\n\"rely\"]", "; did you mean `relu`?"),
        ("layers = [{ batchnorm = 1 }]", "did you mean `batch_norm`?"),
        (
            "layers = [\n\n{ linear = 0 }]",
            "bad.toml:3: linear: expected units from 1 to 16777216, or \"outputs\"",
        ),
        ("layers = [{ linear = 1.5 }]", "found 1.5"),
        ("layers = [{ linear = \"output\" }]", "did you mean `outputs`?"),
        ("layers = [\"linear\"]", "linear needs a value, as in { linear = 128 }"),
        ("layers = [{ relu = true }]", "relu has no value: write \"relu\", without braces"),
        (
            "layers = [{ linear = 4, dropout = 0.1 }]",
            "expected one layer in these braces, found dropout and linear",
        ),
        ("layers = [{}]", "expected one layer in these braces, found none"),
        ("layers = [[\"relu\"]]", "expected a layer such as \"relu\" or { linear = 128 }, found a list"),
        (
            "layers = [{ residual = \"relu\" }]",
            "expected a list of layers such as [{ linear = 128 }, \"relu\"], found \"relu\"",
        ),
        ("layers = [{ parallel = [\"relu\"] }]", "expected a list of layers"),
        ("layers = [{ dropout = 1 }]", "dropout: expected a share of at least 0 and below 1, found 1"),
        ("layers = [{ dropout = nan }]", "found nan"),
        ("layers = [{ residual = [] }]", "expected at least one layer in it, found none"),
        (
            "layers = [\n{ linear = 8 },\n{ residual = [{ linear = 4 }] },\n]",
            "bad.toml:3: a residual block adds",
        ),
        (
            "layers = [\n{ linear = 8 },\n{ parallel = [\n[],\n[{ linear = 4 }],\n] },\n]",
            "bad.toml:5: the results of parallel branches are added: expected 8 units as from the first branch, found 4",
        ),
        (
            "layers = [\n{ linear = 8 },\n\"relu\"\n]",
            "bad.toml:3: the last layer makes the scores: expected 10 units",
        ),
        ("layers = []", "bad.toml:1: the last layer makes the scores"),
        ("layers = [", "bad.toml:1: "),
        ("layer = []", "did you mean `layers`?"),
        (
            "layers = []\nepochs = 3",
            "bad.toml:2: expected `layers`, a list of layers, and nothing else; found `epochs`",
        ),
        ("", "expected `layers`, a list of layers; found nothing"),
    ] {
        let message = refused(text);
        assert!(message.contains(expected), "{text}: {message}");
    }
    let many = format!("layers = [{}]", "\"relu\",".repeat(2000));
    assert!(refused(&many).contains("expected at most 1024 layers in all"));
    assert!(refused(&format!("layers = {}{}", "[".repeat(5000), "]".repeat(5000))).contains("bad.toml:1"));
    fs::write(folder.path().join("bad.toml"), [0xff, 0xfe, 0]).unwrap();
    let message = refusal(folder.path(), &["train", "--network", "bad.toml"], 1);
    assert!(message.contains("bad.toml:1: expected TOML in UTF-8"), "{message}");
    assert!(refusal(folder.path(), &["fit", "--network", "absent.toml"], 1).contains("absent.toml"));
}

#[test]
fn a_network_is_described_once() {
    let folder = folder();
    for other in ["--hidden=4", "--activation=tanh", "--dropout=0.1"] {
        let option = other.split('=').next().unwrap();
        let message = plangrad(folder.path(), ["train", "--network", "all.toml", other]).refused(2);
        assert!(message.contains(&format!("--network cannot be used with {option}")), "{message}");
    }
    let message = plangrad(folder.path(), ["train", "--network", "all.toml", "--resume", "it"]).refused(2);
    assert!(message.starts_with("--network cannot be used with --resume"), "{message}");
}

#[test]
fn parts_of_batches_are_asked_for_and_remembered_where_there_are_statistics() {
    let folder = folder();
    let path = folder.path();
    let train = "train --dataset mnist --network all.toml --batch-size 100 --max-steps 3 --no-report";
    run(path, &format!("{train} --accumulate 2 --out halves")).succeeded();
    let message = plangrad(path, ["train", "--resume", "halves", "--max-steps", "6"]).refused(1);
    assert!(message.contains("in parts of 50 samples"), "{message}");
    run(path, "train --resume halves --max-steps 6 --accumulate 2").succeeded();
    let config: Value = serde_json::to_value(model(&path.join("halves")).description().unwrap()).unwrap();
    assert_eq!(config["architecture"], "layers");
}
