//! A failure around a run is reported in one sentence and never costs what was saved before.

#![cfg(unix)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use plangrad_nn::checkpoint;
use serde_json::Value;
use support::{Left, Run, command, files, finish, refusal, run, select};

/// A short run.
const SMALL: &str = "train --dataset digits --hidden 16 --max-steps 20 --log-every 10";

/// All files below a folder and their bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let found = files(folder).into_iter().filter(|path| path.is_file());
    found.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Runs the program where no file may become larger than `blocks` of 512 bytes (1024 with some shells).
fn limited(folder: &Path, blocks: usize, arguments: &str) -> Run {
    let script = format!("ulimit -f {blocks}; exec \"$0\" {arguments}");
    let program = env!("CARGO_BIN_EXE_plangrad");
    finish(Command::new("sh").args(["-c", &script, program]).current_dir(folder).env_remove("PLANGRAD_DATA"))
}

/// The error of a run that began training and then failed.
#[track_caller]
fn failed(run: &Run) -> &str {
    assert_eq!(run.code, 1, "{run:?}");
    let sentence = run.stderr.lines().last().unwrap().strip_prefix("error: ").unwrap();
    assert!(!run.stderr.contains("panicked") && !sentence.is_empty(), "{run:?}");
    sentence
}

/// Asserts that the checkpoint can be read and that no partial file is left.
#[track_caller]
fn assert_intact(run: &Path) {
    checkpoint::read(&run.join("checkpoint.safetensors")).unwrap();
    assert!(files(run).iter().all(|file| file.extension().unwrap() != "tmp"), "{:?}", files(run));
}

#[test]
fn a_full_disk_at_the_start_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    for (blocks, file) in [(0, "config.toml"), (20, "checkpoint.safetensors")] {
        let sentence = limited(folder.path(), blocks, &format!("{SMALL} --out full")).refused(1);
        assert_eq!(sentence, format!("cannot write full/{file}: File too large (os error 27)"));
        assert_eq!(files(folder.path()), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_full_disk_does_not_cost_the_run_that_is_to_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &format!("{SMALL} --out it")).succeeded();
    let before = contents(folder.path());
    for blocks in [0, 1, 8, 20, 100] {
        limited(folder.path(), blocks, &format!("{SMALL} --seed 7 --out it --overwrite")).refused(1);
        assert_eq!(contents(folder.path()), before, "with {blocks} blocks");
    }
}

#[test]
fn a_disk_that_fills_in_mid_run_costs_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    // A checkpoint of 2 KiB fits; the log outgrows the limit at some moment.
    fs::write(folder.path().join("t.csv"), "a,b,y\n1,2,x\n3,5,z\n5,7,x\n8,8,z\n2,9,x\n4,4,z\n").unwrap();
    let arguments = "train --dataset csv:t.csv --hidden 8 --epochs 150 --batch-size 1 --test-fraction 0 --checkpoint-every 3";
    run(folder.path(), &format!("{arguments} --log-every 1 --out whole")).succeeded();
    let model = |out: &str| fs::read(folder.path().join(out).join("model.safetensors")).unwrap();
    for blocks in [8, 24, 50] {
        let out = format!("full{blocks}");
        let full = limited(folder.path(), blocks, &format!("{arguments} --log-every 1 --out {out}"));
        assert_eq!(
            failed(&full),
            format!("{out}/metrics.jsonl: cannot be written: File too large (os error 27)")
        );
        assert_intact(&folder.path().join(&out));
        // On a disk that is still full the run fails again, and is as far as it was.
        let before = fs::read(folder.path().join(&out).join("checkpoint.safetensors")).unwrap();
        failed(&limited(folder.path(), 1, &format!("train --resume {out}")));
        assert_intact(&folder.path().join(&out));
        assert_eq!(fs::read(folder.path().join(&out).join("checkpoint.safetensors")).unwrap(), before);
        run(folder.path(), &format!("train --resume {out}")).succeeded();
        assert!(model(&out) == model("whole"), "with {blocks} blocks");
        assert_eq!(
            support::metrics(&folder.path().join(&out)),
            support::metrics(&folder.path().join("whole"))
        );
    }
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &format!("{SMALL} --out it")).succeeded();
    let before = contents(folder.path());
    let full = limited(folder.path(), 20, "train --resume it --max-steps 40");
    assert_eq!(failed(&full), "cannot write it/checkpoint.safetensors: File too large (os error 27)");
    assert_intact(&folder.path().join("it"));
    for name in ["it/checkpoint.safetensors", "it/model.safetensors"] {
        assert!(
            contents(folder.path())[&folder.path().join(name)] == before[&folder.path().join(name)],
            "{name}"
        );
    }
    run(folder.path(), "train --resume it").succeeded();
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "mine").unwrap();
    for (out, reason) in [
        ("file/below", "file/below: cannot be made a folder: Not a directory (os error 20)"),
        ("file", "file: cannot be made a folder: File exists (os error 17)"),
        #[cfg(target_os = "linux")]
        ("/proc/plangrad", "/proc/plangrad: cannot be made a folder: No such file or directory (os error 2)"),
    ] {
        assert_eq!(
            refusal(folder.path(), &["train", "--dataset", "digits", "--max-steps", "1", "--out", out], 1),
            reason
        );
    }
    assert_eq!(contents(folder.path()), BTreeMap::from([(folder.path().join("file"), b"mine".to_vec())]));
    assert!(refusal(folder.path(), &["train", "--out", ""], 2).contains("--out"));
}

#[cfg(target_os = "linux")]
#[test]
fn full_standard_output_ends_a_run_that_can_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &format!("{SMALL} --out whole")).succeeded();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output =
        command(folder.path()).args(format!("{SMALL} --out it").split(' ')).stdout(full).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let (remark, error) = stderr.trim_end().split_once('\n').unwrap();
    assert_eq!(error, "error: standard output cannot be written: No space left on device (os error 28)");
    let (_, resume) = remark.split_once("the last checkpoint is intact; continue from it with: ").unwrap();
    assert!(resume.ends_with(" train --resume it"), "{resume}");
    assert_intact(&folder.path().join("it"));
    run(folder.path(), "train --resume it").succeeded();
    let model = |out: &str| fs::read(folder.path().join(out).join("model.safetensors")).unwrap();
    assert!(model("it") == model("whole"));
}

/// The variable that puts functions of this C source before the system's; `None` where there is no compiler.
#[cfg(target_os = "linux")]
fn preload(folder: &Path, source: &str) -> Option<String> {
    let (file, library) = (folder.join("shim.c"), folder.join("shim.so"));
    fs::write(&file, source).unwrap();
    let mut cc = Command::new("cc");
    let compiled = cc.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&file).status();
    if !compiled.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: needs a C compiler, cc");
        return None;
    }
    Some(library.to_str().unwrap().to_owned())
}

/// Folders cannot be made durable from the call on that the variable numbers, counted from 1.
#[cfg(target_os = "linux")]
const FAILING_SYNC: &str = r#"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
static int calls;
int fsync(int file) {
    struct stat found;
    if (fstat(file, &found) == 0 && S_ISDIR(found.st_mode) && ++calls >= atoi(getenv("FAILS_FROM"))) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_fsync, file);
}
"#;

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_made_durable_ends_the_run_with_a_sentence_and_the_bytes_stay() {
    let folder = tempfile::tempdir().unwrap();
    let Some(shim) = preload(folder.path(), FAILING_SYNC) else { return };
    let whole = support::undisturbed(folder.path(), SMALL);
    let mut failures = 0;
    for from in 1.. {
        let out = format!("it{from}");
        let mut failing = command(folder.path());
        failing.args(SMALL.split(' ')).args(["--out", &out]);
        let ended = finish(failing.env("LD_PRELOAD", &shim).env("FAILS_FROM", from.to_string()));
        let there = |name: &str| folder.path().join(&out).join(name).exists();
        let is_begun = there("checkpoint.safetensors") || there(".new-run");
        if ended.code == 0 {
            break; // no call is left to fail
        }
        let sentence = failed(&ended);
        assert!(
            sentence.contains(&out) && sentence.ends_with("Input/output error (os error 5)"),
            "{sentence}"
        );
        failures += 1;
        let arguments =
            if is_begun { format!("train --resume {out}") } else { format!("{SMALL} --out {out}") };
        run(folder.path(), &arguments).succeeded();
        assert!(Left::by(&folder.path().join(&out)).has_the_bytes_of(&whole), "from call {from} on");
    }
    assert!(failures >= 3, "the beginning, the checkpoint and the model: {failures}");
}

/// The system gives no thread at all.
#[cfg(target_os = "linux")]
const NO_THREADS: &str =
    "#include <errno.h>\nint pthread_create(void *a, void *b, void *c, void *d) { return EAGAIN; }\n";

#[cfg(target_os = "linux")]
#[test]
fn where_the_system_gives_no_thread_every_command_works_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let Some(shim) = preload(folder.path(), NO_THREADS) else { return };
    run(folder.path(), &format!("{SMALL} --out many")).succeeded();
    let alone =
        |arguments: &str| finish(command(folder.path()).args(arguments.split(' ')).env("LD_PRELOAD", &shim));
    alone(&format!("{SMALL} --out one")).succeeded();
    let left = |out: &str| Left::by(&folder.path().join(out));
    assert!(left("one").has_the_bytes_of(&left("many")), "the same bits as with threads");
    for arguments in [
        "train --resume one --max-steps 30",
        "eval one",
        "predict one --random",
        "show --dataset digits --index 0",
        "fit --dataset digits --hidden 8 --max-batch 64",
        "sweep --dataset digits --hidden 8 --batch-sizes 64 --seconds 0.01",
        "plan --dataset digits",
    ] {
        alone(arguments).succeeded();
    }
    let named = alone("eval one --threads 2");
    assert!(
        named.code == 1 && failed(&named).contains("2"),
        "threads that were asked for are not given up: {named:?}"
    );
}

#[test]
fn an_earlier_run_is_replaced_only_on_request_and_only_by_one_that_begins() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &format!("{SMALL} --out it")).succeeded();
    fs::write(folder.path().join("it/notes.txt"), "mine").unwrap();
    fs::write(folder.path().join("bad.csv"), "a,y\n1,x\nno,y\n").unwrap();
    let before = contents(folder.path());
    let sentence = run(folder.path(), &format!("{SMALL} --out it")).refused(1);
    let remedies = "choose another --out, continue it with --resume, or replace it with --overwrite";
    assert_eq!(sentence, format!("it already holds a run; {remedies}"));
    for options in [
        "--dataset mnist",
        "--dataset csv:missing.csv",
        "--dataset csv:bad.csv",
        "--dataset digits --init missing.safetensors",
        "--dataset digits --init bad.csv",
        "--dataset digits --init it/model.safetensors --hidden 17",
        "--dataset digits --hidden 16777216,16777216",
    ] {
        run(folder.path(), &format!("train {options} --out it --overwrite")).refused(1);
        assert!(contents(folder.path()) == before, "{options}");
    }
    // A new run may start from the one it replaces; files that do not belong to a run stay.
    run(folder.path(), &format!("{SMALL} --init it/model.safetensors --out it --overwrite")).succeeded();
    let after = contents(folder.path());
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    let model = folder.path().join("it/model.safetensors");
    assert!(after[&model] != before[&model]);
}

#[test]
fn a_loss_that_explodes_ends_the_run_before_it_saves_nonsense() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.csv"), "a,b,y\n1,2,3\n3,4,7\n5,6,11\n7,8,15\n").unwrap();
    let table = "train --dataset csv:t.csv --loss mse --normalize none --optimizer sgd --max-steps 1";
    for (arguments, sign, place) in [
        ("train --dataset digits --lr 1e20 --log-every 1", "the loss is ", "in epoch 1, by step 2;"),
        // One step, after which nobody looks at the loss: the test does, or the checkpoint.
        (
            &*format!("{table} --lr 1e30 --test-fraction 0.5"),
            "the test loss is inf ",
            "in epoch 1, by step 1;",
        ),
        (&*format!("{table} --lr 1e38 --test-fraction 0"), "layer", "in epoch 1, by step 1;"),
    ] {
        let exploded = run(folder.path(), &format!("{arguments} --out it --overwrite --format json"));
        let sentence = failed(&exploded);
        assert!(sentence.starts_with(&format!("training has diverged: {sign}")), "{sentence}");
        assert!(sentence.contains(place) && sentence.contains("try a smaller --lr"), "{sentence}");
        let events: Vec<Value> =
            exploded.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let error = select(&events, "error")[0];
        assert_eq!((error["kind"].as_str(), error["message"].as_str()), (Some("diverged"), Some(sentence)));
        assert_eq!(select(&events, "end").len(), 0);
        assert_intact(&folder.path().join("it"));
        assert!(!folder.path().join("it/model.safetensors").exists());
        assert_eq!(failed(&run(folder.path(), "train --resume it")), sentence, "the same again");
    }
}

#[test]
fn a_folder_without_a_run_cannot_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for path in ["empty", "missing", "file"] {
        let sentence = refusal(folder.path(), &["train", "--resume", path], 1);
        assert_eq!(
            sentence,
            format!("{path} holds no run to resume: expected config.toml and checkpoint.safetensors")
        );
    }
    // A model is not a checkpoint.
    run(folder.path(), &format!("{SMALL} --out it")).succeeded();
    fs::copy(folder.path().join("it/model.safetensors"), folder.path().join("it/checkpoint.safetensors"))
        .unwrap();
    let sentence = refusal(folder.path(), &["train", "--resume", "it"], 1);
    assert!(sentence.contains("is a model without optimizer state"), "{sentence}");
}

/// A small finished run of a table, and the bytes of one of its files.
fn run_with(folder: &Path, file: &str) -> (PathBuf, Vec<u8>) {
    fs::write(folder.join("t.csv"), "a,b,y\n1,2,x\n3,5,z\n5,7,x\n8,8,z\n").unwrap();
    run(folder, "train --dataset csv:t.csv --hidden 4 --epochs 2 --test-fraction 0 --out it").succeeded();
    let path = folder.join("it").join(file);
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

#[test]
fn a_damaged_checkpoint_is_refused_or_read_but_crashes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, whole) = run_with(folder.path(), "checkpoint.safetensors");
    let damage = |at: usize, by: u8| -> Vec<u8> {
        let mut bytes = whole.clone();
        bytes[at] = bytes[at].wrapping_add(by);
        bytes
    };
    // Every byte, and every length, for the reader; some of them for the program.
    for at in 0..whole.len() {
        for (kind, bytes) in
            [("cut", whole[..at].to_vec()), ("one more", damage(at, 1)), ("other", damage(at, 0x80))]
        {
            fs::write(&path, &bytes).unwrap();
            let readable = checkpoint::read(&path).is_ok();
            assert!(!(readable && kind == "cut"), "cut at {at}");
            if at % 61 == 0 {
                let resumed = run(folder.path(), "train --resume it");
                if resumed.code != 0 {
                    resumed.refused(1);
                }
            }
        }
    }
}

#[test]
fn any_changed_bit_of_a_model_or_checkpoint_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["model.safetensors", "checkpoint.safetensors"] {
        let (path, whole) = run_with(folder.path(), file);
        assert!(checkpoint::read(&path).unwrap().has_checksum());
        for at in 0..whole.len() {
            for bit in [at % 8, (at + 3) % 8] {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                fs::write(&path, &bytes).unwrap();
                // If it is the checksum's own name that was hit, the file has none, which is reported.
                let accepted = checkpoint::read(&path).is_ok_and(|loaded| loaded.has_checksum());
                assert!(!accepted, "bit {bit} of byte {at} of {file}");
            }
        }
        fs::remove_dir_all(folder.path().join("it")).unwrap();
    }
}

#[test]
fn a_checkpoint_that_no_run_can_reach_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, whole) = run_with(folder.path(), "checkpoint.safetensors");
    let length = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&whole[8..8 + length]).unwrap();
    let description: Value =
        serde_json::from_str(header["__metadata__"]["plangrad"].as_str().unwrap()).unwrap();
    for (key, value) in [
        ("step", 3),
        ("step", u64::MAX),
        ("epoch", 1),
        ("epoch", u64::MAX),
        ("position", 1),
        ("position", u64::MAX),
        ("samples", 0),
        ("seed", 1),
    ] {
        let mut changed = description.clone();
        changed["progress"][key] = value.into();
        changed.as_object_mut().unwrap().remove("checksum"); // or it would be refused as damaged
        let mut header = header.clone();
        header["__metadata__"]["plangrad"] = changed.to_string().into();
        let mut header = header.to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        let parts = [&(header.len() as u64).to_le_bytes()[..], &header, &whole[8 + length..]];
        fs::write(&path, parts.concat()).unwrap();
        let sentence = run(folder.path(), "train --resume it").refused(1);
        assert!(sentence.starts_with("the run was trained on csv, but "), "{key} {value}: {sentence}");
    }
}

#[test]
fn damaged_settings_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (path, whole) = run_with(folder.path(), "config.toml");
    let text = String::from_utf8(whole).unwrap();
    let refused = |config: &str| {
        fs::write(&path, config).unwrap();
        run(folder.path(), "train --resume it --epochs 3").refused(1)
    };
    for (from, to, reason) in [
        ("batch_size = 64", "batch_size = 0", "batch_size is 0, expected at least 1"),
        ("log_every = 100", "log_every = 0", "log_every is 0, expected at least 1"),
        ("dropout = 0.0", "dropout = 1.5", "dropout is 1.5, expected at least 0 and below 1"),
        ("beta1 = 0.", "beta1 = 1.", "beta1 is 1.9"),
        (
            "learning_rate = 0.001",
            "learning_rate = nan",
            "learning_rate is NaN, expected a finite number of at least 0",
        ),
        ("weight_decay = 0.0", "weight_decay = -1.0", "weight_decay is -1, expected a finite number"),
        ("log_every = 100", "log_every = 100\nwarmup_steps = 0", "warmup_steps is 0, expected at least 1"),
        (
            "log_every = 100",
            "log_every = 100\nclip_norm = 0.0",
            "clip_norm is 0, expected a finite number above 0",
        ),
        (
            "log_every = 100",
            "log_every = 100\nlabel_smoothing = 1.0",
            "label_smoothing is 1, expected at least 0",
        ),
        ("log_every = 100", "log_every = 100\nclass_weights = [1.0]", "class weights"),
        ("log_every = 100", "log_every = 100\nclip_norm = 1.0", "clip_norm = 1.0, which was absent"),
        ("test_fraction = 0.0", "test_fraction = 1.0", "test_fraction is 1, expected at least 0 and below 1"),
        ("seed = 42", "seed = -1", "invalid value: integer `-1`"),
        ("seed = 42", "seeds = 42", "unknown field `seeds`"),
        ("seed = 42\n", "", "missing field `seed`"),
        ("\"relu\"", "\"rely\"", "unknown variant `rely`"),
        ("name = \"adam\"", "name = \"atom\"", "unknown variant `atom`"),
        ("hidden = [4]", "hidden = [5]", "hidden = [5], which was [4]"),
        ("hidden = [4]", "hidden = [0]", "a network cannot have a layer without units"),
        ("hidden = [4]", "hidden = [99999999999999]", ""),
        ("\"csv:", "\"nonsense:", "nonsense:"),
        ("normalize = \"dataset\"", "normalize = \"other\"", "other"),
        ("batch_size = 64", "batch_size = 3", "batch_size = 3, which was 64"),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        let sentence = refused(&text.replacen(from, to, 1));
        assert!(sentence.contains(reason), "{to}: {sentence}");
    }
    for at in (0..text.len()).step_by(11) {
        refused(&format!("{}\u{0}{}", &text[..at], &text[at..]));
    }
    fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert!(run(folder.path(), "train --resume it").refused(1).contains("it/config.toml"));
    fs::write(&path, text).unwrap();
    run(folder.path(), "train --resume it --epochs 3").succeeded();
}
