//! Event files say what the run says, to TensorBoard's own reader.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use plangrad_nn::checkpoint;
use serde_json::Value;
use support::{finish, metrics, run, select, small_mnist};

const RUN: &str = "train --dataset mnist --hidden 16 --epochs 2 --log-every 10 --tensorboard --out it";

/// The event files of the run `it`.
fn event_files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder.join("it/tensorboard")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn event_files_are_written_when_asked_for_and_go_with_their_run() {
    let folder = small_mnist();
    run(folder.path(), RUN).succeeded();
    let files = event_files(folder.path());
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(files.len() == 1 && name.starts_with("events.out.tfevents."), "{files:?}");
    let plain = RUN.replace(" --tensorboard", " --overwrite");
    run(folder.path(), &plain).succeeded();
    assert!(!folder.path().join("it/tensorboard").exists());
}

#[test]
fn event_files_change_nothing_in_the_model() {
    let folder = small_mnist();
    run(folder.path(), RUN).succeeded();
    run(folder.path(), &RUN.replace("--tensorboard --out it", "--out plain")).succeeded();
    let model = |name: &str| fs::read(folder.path().join(name).join("model.safetensors")).unwrap();
    assert!(model("it") == model("plain"));
}

/// What TensorBoard finds in the run `it`; `None` where there is none.
fn read(folder: &Path) -> Option<Value> {
    let Some(python) = std::env::var_os("PLANGRAD_PYTHON") else {
        eprintln!("SKIPPED: set PLANGRAD_PYTHON to a Python with tensorboard to run this test");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tensorboard/read.py");
    let read = finish(Command::new(python).arg(script).arg(folder.join("it/tensorboard")));
    Some(serde_json::from_str(&read.succeeded()).unwrap())
}

#[test]
fn tensorboard_reads_what_the_run_has_logged() {
    let folder = small_mnist();
    run(folder.path(), RUN).succeeded();
    let Some(found) = read(folder.path()) else { return };
    let logged = metrics(&folder.path().join("it"));
    let epochs = select(&logged, "epoch");
    for (tag, key) in
        [("loss/train", "train_loss"), ("loss/test", "test_loss"), ("accuracy/test", "test_accuracy")]
    {
        for (epoch, shown) in epochs.iter().zip(found["scalars"][tag].as_array().unwrap()) {
            let expected = epoch[key].as_f64().unwrap() as f32; // as TensorBoard keeps numbers
            assert_eq!(shown[1].as_f64().unwrap() as f32, expected, "{tag}");
            assert_eq!(shown[0].as_u64(), epoch["epoch"].as_u64().map(|epoch| 25 * epoch), "{tag}");
        }
    }
    let batches = found["scalars"]["loss/batch"].as_array().unwrap();
    let steps: Vec<u64> = batches.iter().map(|batch| batch[0].as_u64().unwrap()).collect();
    assert_eq!(steps, [1, 11, 21, 26, 36, 46]);
    assert_eq!(found["scalars"]["learning_rate"][0][1].as_f64().unwrap() as f32, 0.001);
    let model = checkpoint::read(&folder.path().join("it/model.safetensors")).unwrap();
    let weights = model.values("layer1.weight", &[16, 784]).unwrap();
    let last = &found["histograms"]["layer1.weight"][1];
    let most = weights.iter().copied().fold(f32::MIN, f32::max);
    assert_eq!(
        (last[0].as_u64(), last[1].as_f64(), last[4].as_f64()),
        (Some(50), Some(12_544.0), Some(12_544.0))
    );
    assert_eq!(last[3].as_f64().unwrap() as f32, most);
    assert!(found["texts"]["settings"][0].as_str().unwrap().contains("hidden = [16]"));
}

#[test]
fn mistakes_are_shown_as_pictures() {
    let folder = small_mnist();
    run(folder.path(), &format!("{RUN} --max-steps 2 --no-report")).succeeded();
    let Some(found) = read(folder.path()) else { return };
    let images = found["images"].as_object().unwrap();
    assert_eq!(images.len(), 24);
    for (tag, image) in images {
        assert!(tag.starts_with("mistakes/sample ") && tag.contains(", predicted "), "{tag}");
        assert_eq!(*image, serde_json::json!([[2, 28, 28, "89504e470d0a1a0a"]]));
    }
}

#[test]
fn a_resumed_run_goes_on_where_it_stopped_and_no_step_is_there_twice() {
    let folder = small_mnist();
    run(folder.path(), &format!("{RUN} --max-steps 30")).succeeded();
    run(folder.path(), "train --resume it --max-steps 50 --tensorboard").succeeded();
    let Some(found) = read(folder.path()) else { return };
    let batches = found["scalars"]["loss/batch"].as_array().unwrap();
    let steps: Vec<u64> = batches.iter().map(|batch| batch[0].as_u64().unwrap()).collect();
    assert_eq!(steps, [1, 11, 21, 26, 36, 46]);
}
