//! Every JSON object has the keys that `docs/json.md` promises, no more and no fewer.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{Keys, command, documented, finish, keys, run};

#[test]
fn every_command_prints_the_documented_keys() {
    let folder = tempfile::tempdir().unwrap();
    let documented = documented();
    let train = run(folder.path(), "train --dataset digits --max-steps 3 --out run --format json").objects();
    let events: Vec<&str> = train.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["start", "step", "epoch", "end"]);
    for event in &train {
        assert_eq!(keys(event), documented[event["event"].as_str().unwrap()]);
    }
    std::fs::write(folder.path().join("table.csv"), "a,b,sum\n1,2,3\n3,4,7\n5,6,11\n").unwrap();
    let commands = [
        ("summary", "summary"),
        ("plan", "plan"),
        ("plan", "plan --explain --compare --owners 2 --timeline - --memory-budget 8MiB"),
        ("fit", "fit --dataset digits --memory-budget 2MiB"),
        ("sweep", "sweep --dataset digits --batch-sizes 64 --seconds 0.001"),
        ("devices", "devices"),
        ("show", "show --dataset digits"),
        ("show", "show --dataset digits --random --out x.png"),
        ("show", "show --dataset csv:table.csv"),
        ("show", "show --dataset csv:table.csv --loss mse"),
        ("eval", "eval run"),
        ("completions", "completions bash"),
        ("man", "man train"),
        ("help", "help train"),
        ("report", "report run"),
        ("export", "export run --out x.onnx"),
        ("predict", "predict run --index 0"),
        ("predict", "predict run --image x.png"),
    ];
    for (section, arguments) in commands {
        let object = run(folder.path(), &format!("{arguments} --format json")).object();
        assert_eq!(keys(&object), documented[section], "{arguments}");
    }
}

#[test]
fn nested_objects_have_the_documented_keys_too() {
    let folder = tempfile::tempdir().unwrap();
    let summary = run(folder.path(), "summary --format json").object();
    let layer = ["kind", "name", "output_shape", "parameters"].map(str::to_owned);
    assert_eq!(keys(&summary["layers"][0]), Keys::from(layer));
    let documented = documented();
    let plan = run(folder.path(), "plan --explain --compare --owners 2 --levers --timeline - --format json")
        .object();
    let row = &plan["rows"][0];
    let sweep =
        "sweep --dataset digits --batch-sizes 1024,64 --memory-budget 1500KiB --seconds 0.001 --format json";
    let sweep = run(folder.path(), sweep).objects();
    let fit = run(folder.path(), "fit --dataset digits --memory-budget 2MiB --levers --format json").object();
    run(folder.path(), "train --dataset digits --max-steps 1 --out run").succeeded();
    let evaluated = run(folder.path(), "eval run --format json").object();
    for (section, object) in [
        ("row of plan", row),
        ("part of an explanation", &row["explanation"][0]),
        ("claim of a comparison", &row["comparison"][0]),
        ("owners of a step", &row["owners"]),
        ("stage of owners", &row["owners"]["stages"][0]),
        ("lever of plan", &plan["levers"][0]),
        ("timeline of plan", &plan["timeline"]),
        ("buffer of a timeline", &plan["timeline"]["buffers"][0]),
        ("shortage of a sweep", &sweep[0]["out_of_memory"]),
        ("lever of a fit", &fit["levers"][0]),
        ("trial of a fit", &fit["trials"][1]),
        ("speed at a batch size", &fit["throughput"][0]),
        ("cpu", &run(folder.path(), "devices --format json").object()["cpu"]),
        ("class of eval", &evaluated["per_class"][0]),
    ] {
        assert_eq!(keys(object), documented[section], "{section}");
    }
    let train = "train --dataset digits --hidden none --epochs 1 --keep best --out kept --format json";
    let end = run(folder.path(), train).objects().pop().unwrap();
    assert_eq!(keys(&end["best"]), documented["best epoch"]);
    let shown = run(folder.path(), "show --dataset digits --format json").object();
    for part in ["raw", "normalized"] {
        assert_eq!(keys(&shown[part]), Keys::from(["max", "mean", "min"].map(str::to_owned)));
    }
}

#[test]
fn errors_have_the_documented_keys_and_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json.md")).unwrap();
    std::fs::write(folder.path().join("x.png"), "no image").unwrap();
    std::fs::write(folder.path().join("x.csv"), "a,b\n1\n").unwrap();
    std::fs::write(folder.path().join("x.safetensors"), "no model").unwrap();
    let cases = [
        ("train --lr -1", "usage"),
        ("show --dataset mnist", "not-found"),
        ("show --dataset csv:x.csv", "data"),
        ("show --dataset csv:y.csv", "io"),
        ("eval x.safetensors", "model"),
        ("train --resume nowhere", "run"),
        ("download mnist --mirror http://127.0.0.1:1/", "download"),
    ];
    for (arguments, kind) in cases {
        let mut command = command(folder.path());
        let run = finish(command.args(arguments.split(' ')).args(["--format", "json"]));
        let error: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!((&error["event"], error["kind"].as_str()), (&"error".into(), Some(kind)), "{arguments}");
        assert_eq!(keys(&error), documented()["error"]);
        assert!(page.contains(&format!("`{kind}`")), "{kind} is documented");
    }
}

#[test]
fn a_downloaded_file_is_reported_with_the_documented_keys() {
    let Some(data) = support::real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("mnist")).unwrap();
    for file in std::fs::read_dir(data.join("mnist")).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), folder.path().join("mnist").join(file.file_name())).unwrap();
    }
    let files = run(folder.path(), "download mnist --data-dir . --mirror http://127.0.0.1:1/ --format json")
        .objects();
    assert_eq!(files.len(), 4);
    for file in &files {
        assert_eq!(keys(file), documented()["download"]);
        assert_eq!(file["outcome"], "already-verified");
    }
}
