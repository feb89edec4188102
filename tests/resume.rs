//! A run that is killed, interrupted or ended early can be resumed and ends with the same bytes.

#![cfg(unix)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use support::{Left, Run, command, finish, run, select, send, undisturbed};

/// Five epochs of 313 steps, with every feature that has state.
///
/// Its events are more than 100 KB, more than a pipe and a reader's buffer hold. So a run whose events are not read waits
/// for its reader long before its end, however fast it is.
const DIGITS: &str = "train --dataset digits --hidden 48,24 --dropout 0.2 --epochs 5 --log-every 1";

/// A run in the background whose events can be waited for.
struct Running {
    child: Child,
    events: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Running {
    fn start(folder: &Path, arguments: &str) -> Running {
        let mut command = command(folder);
        command.args(arguments.split_whitespace()).args(["--format", "json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let events = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { child, events }
    }

    /// Waits for an event that holds all of `texts`; false if the run ends before.
    fn wait_for(&mut self, texts: &[&str]) -> bool {
        self.events.by_ref().map(Result::unwrap).any(|line| texts.iter().all(|text| line.contains(text)))
    }

    fn signal(&self, name: &str) {
        send(name, self.child.id());
    }

    /// Reads the remaining events and returns how the run ended.
    fn end(mut self) -> Run {
        let rest: Vec<String> = self.events.map(Result::unwrap).collect();
        let mut stderr = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Run { code, stdout: rest.join("\n"), stderr }
    }
}

/// Starts a run, kills it, resumes it, kills that, and so on, each after so many events, and lets the last one finish.
fn kill_again_and_again(folder: &Path, arguments: &str, events: &[usize]) {
    let mut killed = 0;
    for (i, &count) in events.iter().enumerate() {
        let arguments =
            if i == 0 { format!("{arguments} --out killed") } else { "train --resume killed".to_owned() };
        let mut running = Running::start(folder, &arguments);
        let _ = running.events.by_ref().take(count).count();
        running.child.kill().unwrap();
        killed += usize::from(running.end().code == -1);
    }
    assert!(killed > 0, "no run was killed before its end");
    run(folder, "train --resume killed").succeeded();
}

#[test]
fn a_run_killed_repeatedly_ends_with_the_bytes_of_an_undisturbed_one() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = format!("{DIGITS} --checkpoint-every 7");
    let expected = undisturbed(folder.path(), &arguments);
    kill_again_and_again(folder.path(), &arguments, &[1, 2, 0, 30, 301, 1, 9, 330, 100, 0, 200]);
    expected.assert_same(&folder.path().join("killed"));
}

#[test]
fn a_run_killed_between_epochs_ends_with_the_bytes_of_an_undisturbed_one() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        "--optimizer sgd --momentum 0.9 --lr 0.05 --schedule cosine --batch-size 50 --max-steps 1900";
    let arguments = format!("{DIGITS} {options}");
    let expected = undisturbed(folder.path(), &arguments);
    kill_again_and_again(folder.path(), &arguments, &[390, 420, 1, 500]);
    expected.assert_same(&folder.path().join("killed"));
}

#[test]
fn ctrl_c_saves_and_prints_the_resume_command() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("it's here");
    let expected = undisturbed(folder.path(), DIGITS);
    for signal in ["-INT", "-TERM"] {
        let mut interrupted = command(folder.path());
        interrupted.args(DIGITS.split_whitespace()).args([
            "--format",
            "json",
            "--overwrite",
            "--out",
            "it's here",
        ]);
        let mut child = interrupted.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let events = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut running = Running { child, events };
        assert!(running.wait_for(&["step", "\"epoch\":2", "\"step\":20,"]));
        // `timeout` sends its signal twice, which counts as one request.
        running.signal(signal);
        running.signal(signal);
        let end = running.end();
        assert_eq!(end.code, 130, "{end:?}");
        let said = "stopping after this step and saving; press Ctrl-C again to end without saving\nerror: ";
        assert!(end.stderr.starts_with(said), "{end:?}");
        let events: Vec<Value> = end.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(select(&events, "end")[0]["model"], Value::Null);
        assert_eq!(events.last().unwrap()["kind"], "interrupted");
        assert!(!out.join("model.safetensors").exists());
        let (_, resume) = end.stderr.trim_end().split_once("continue with: ").unwrap();
        let mut again = Command::new("sh");
        again.args(["-c", resume]).current_dir(folder.path()).env("PLANGRAD_DEVICE", "cpu");
        let resumed = finish(&mut again);
        assert_eq!(resumed.code, 0, "{resume}: {resumed:?}");
        assert!(resumed.stderr.starts_with("resuming it's here in epoch "), "{resumed:?}");
        expected.assert_same(&out);
    }
}

#[test]
fn a_second_ctrl_c_ends_the_program_at_once() {
    let folder = tempfile::tempdir().unwrap();
    // 600 thousand million operations a step, seconds for one core, and the first Ctrl-C waits for its end.
    let arguments =
        "train --dataset digits --hidden 2048,2048,2048 --batch-size 10000 --threads 1 --out slow";
    let mut running = Running::start(folder.path(), arguments);
    assert!(running.wait_for(&["start"]));
    running.signal("-INT");
    let mut stderr = BufReader::new(running.child.stderr.take().unwrap());
    let mut first = String::new();
    stderr.read_line(&mut first).unwrap();
    assert!(first.starts_with("stopping after this step and saving; "), "{first}");
    // Those that follow at once count as the same request, a later one as the second.
    while running.child.try_wait().unwrap().is_none() {
        running.signal("-INT");
    }
    let mut second = String::new();
    stderr.read_to_string(&mut second).unwrap();
    let sentence = "ended without saving; the run stands at its last checkpoint, continue with: ";
    assert!(
        second.starts_with(sentence) && second.ends_with("train --resume slow --threads 1\n"),
        "{second}"
    );
    assert_eq!(running.child.wait().unwrap().code(), Some(130));
    assert_eq!(running.events.count(), 0);
}

#[test]
fn a_run_whose_output_is_closed_is_saved_and_can_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let expected = undisturbed(folder.path(), DIGITS);
    let mut running = Running::start(folder.path(), &format!("{DIGITS} --out unread"));
    assert!(running.wait_for(&["step", "\"epoch\":1", "\"step\":50,"]));
    let Running { child, events } = running;
    drop(events);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let sentence = "error: standard output was closed; the run is saved, continue with: ";
    assert!(stderr.starts_with(sentence) && stderr.ends_with("train --resume unread\n"), "{stderr}");
    run(folder.path(), "train --resume unread").succeeded();
    expected.assert_same(&folder.path().join("unread"));
}

#[test]
fn resuming_a_complete_run_changes_nothing_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let expected = undisturbed(folder.path(), "train --dataset digits --hidden 16 --epochs 2");
    let out = folder.path().join("undisturbed");
    for _ in 0..2 {
        let again = run(folder.path(), "train --resume undisturbed");
        let note = "undisturbed is complete with 2 epochs, 626 steps; a larger --epochs continues it";
        assert_eq!(again.stderr.trim_end(), note);
        assert!(again.succeeded().contains("model in undisturbed/model.safetensors"));
        expected.assert_same(&out);
    }
    // What was killed after its last checkpoint has no model yet.
    fs::remove_file(out.join("model.safetensors")).unwrap();
    run(folder.path(), "train --resume undisturbed").succeeded();
    expected.assert_same(&out);
}

#[test]
fn raising_epochs_gives_the_bytes_of_one_longer_run() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "train --dataset digits --hidden 16";
    let expected = undisturbed(folder.path(), &format!("{arguments} --epochs 3"));
    run(folder.path(), &format!("{arguments} --epochs 1 --out grown")).succeeded();
    run(folder.path(), "train --resume grown --epochs 3").succeeded();
    expected.assert_same(&folder.path().join("grown"));
    let config = fs::read_to_string(folder.path().join("grown/config.toml")).unwrap();
    assert!(config.contains("\nepochs = 3\n"), "{config}");
}

/// What the last process that worked on a run has changed.
fn changes(run: &Path) -> Vec<Value> {
    let sessions = fs::read_to_string(run.join("sessions.jsonl")).unwrap();
    let last: Value = serde_json::from_str(sessions.lines().last().unwrap()).unwrap();
    last["changes"].as_array().cloned().unwrap_or_default()
}

#[test]
fn a_learning_rate_that_is_asked_for_by_name_is_taken_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["whole", "parts", "same"] {
        run(folder.path(), &format!("train --dataset digits --hidden 16 --epochs 1 --out {name}"))
            .succeeded();
    }
    let resumed = run(folder.path(), "train --resume whole --epochs 2 --lr 0.01");
    assert!(
        resumed.stderr.contains("from step 313 on schedule.learning_rate is 0.01, which was 0.001"),
        "{resumed:?}"
    );
    let whole = folder.path().join("whole");
    let expected = json!([{ "step": 313, "setting": "schedule.learning_rate", "was": 0.001, "now": 0.01 }]);
    assert_eq!(Value::Array(changes(&whole)), expected);
    assert!(fs::read_to_string(whole.join("config.toml")).unwrap().contains("learning_rate = 0.01\n"));
    // It stays, and an interruption changes nothing.
    run(folder.path(), "train --resume parts --epochs 2 --max-steps 400 --lr 0.01").succeeded();
    run(folder.path(), "train --resume parts --max-steps 100000").succeeded();
    assert!(changes(&folder.path().join("parts")).is_empty());
    run(folder.path(), "train --resume same --epochs 2 --lr 0.001").succeeded();
    assert!(changes(&folder.path().join("same")).is_empty(), "it is none");
    let model = |name: &str| fs::read(folder.path().join(name).join("model.safetensors")).unwrap();
    assert!(model("whole") == model("parts") && model("whole") != model("same"));
}

#[test]
fn a_batch_size_that_is_asked_for_by_name_holds_from_the_next_epoch_on() {
    let folder = tempfile::tempdir().unwrap();
    let begin = "train --dataset digits --hidden 16 --epochs 3 --log-every 1";
    run(folder.path(), &format!("{begin} --max-steps 400 --out it")).succeeded();
    let resumed = run(folder.path(), "train --resume it --max-steps 100000 --batch-size 128");
    assert_eq!(resumed.code, 0, "{resumed:?}");
    assert!(resumed.stderr.contains("the batch size is 128 from the next epoch on"), "{resumed:?}");
    assert!(resumed.stderr.contains("from step 626 on batch_size is 128, which was 64"), "{resumed:?}");
    let it = folder.path().join("it");
    let metrics = fs::read_to_string(it.join("metrics.jsonl")).unwrap();
    let events: Vec<Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps = |epoch: u64| {
        let of_epoch = events.iter().filter(|event| event["event"] == "step" && event["epoch"] == epoch);
        of_epoch.map(|event| event["step"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let expected = [(1, 313), (2, 313), (3, 157)];
    expected.into_iter().for_each(|(epoch, count)| assert_eq!(steps(epoch), Vec::from_iter(0..count)));
    assert_eq!(select(&events, "end").len(), 1);
    let expected = json!([{ "step": 626, "setting": "batch_size", "was": 64, "now": 128 }]);
    assert_eq!(Value::Array(changes(&it)), expected);
    run(folder.path(), "train --resume it --epochs 4").succeeded();
    let again = fs::read_to_string(it.join("config.toml")).unwrap();
    assert!(again.contains("\nbatch_size = 128\n") && again.contains("\nepochs = 4\n"), "{again}");
    let auto = run(folder.path(), "train --resume it --epochs 5 --batch-size auto").refused(2);
    assert_eq!(auto, "--batch-size: auto is for new runs; give a resumed one a number");
}

#[test]
fn fewer_epochs_than_a_run_has_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "train --dataset digits --hidden 16 --epochs 3 --max-steps 700 --out part";
    run(folder.path(), arguments).succeeded();
    let part = folder.path().join("part");
    let before = Left::by(&part);
    let config = fs::read(part.join("config.toml")).unwrap();
    for (epochs, had) in [(1, "completed 2 epochs"), (2, "been given 3 epochs")] {
        let sentence = run(folder.path(), &format!("train --resume part --epochs {epochs}")).refused(2);
        assert_eq!(sentence, format!("--epochs: the run has already {had}; it can only be raised"));
        before.assert_same(&part);
        assert_eq!(fs::read(part.join("config.toml")).unwrap(), config);
    }
}

#[test]
fn a_run_ended_by_max_steps_in_mid_epoch_resumes_there() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "train --dataset digits --hidden 16 --epochs 2 --log-every 10 --checkpoint-every 50";
    let expected = undisturbed(folder.path(), &format!("{arguments} --max-steps 500"));
    run(folder.path(), &format!("{arguments} --max-steps 100 --out part")).succeeded();
    let part = folder.path().join("part");
    let ended = Left::by(&part);
    assert_eq!(select(&ended.metrics, "epoch").len(), 1);
    let again = run(folder.path(), "train --resume part");
    assert!(again.stderr.contains("is complete with 0 epochs, 100 steps; a larger --max-steps"), "{again:?}");
    let fewer = run(folder.path(), "train --resume part --max-steps 99");
    assert!(
        fewer.stderr.contains("--max-steps: the run has already taken 100 steps, and 99 are fewer"),
        "{fewer:?}"
    );
    ended.assert_same(&part);
    run(folder.path(), "train --resume part --max-steps 500").succeeded();
    expected.assert_same(&part);
}

#[test]
fn a_log_that_is_cut_off_or_ahead_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "train --dataset digits --hidden 16 --epochs 2";
    let expected = undisturbed(folder.path(), arguments);
    run(folder.path(), &format!("{arguments} --max-steps 350 --out cut")).succeeded();
    let log = folder.path().join("cut/metrics.jsonl");
    let mut text = fs::read(&log).unwrap();
    text.extend(b"{\"event\":\"step\",\"epoch\":2,\"step\":200,\"loss\":7.0}\n{\"event\":\"epoch\",\"epoch\":2}\n\xff{\"ev");
    fs::write(&log, text).unwrap();
    run(folder.path(), "train --resume cut --max-steps 9999").succeeded();
    expected.assert_same(&folder.path().join("cut"));
}

#[test]
fn a_run_in_use_is_refused_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let expected = undisturbed(folder.path(), DIGITS);
    let mut running = Running::start(folder.path(), &format!("{DIGITS} --out busy"));
    assert!(running.wait_for(&["start"]));
    for arguments in ["train --resume busy", "train --dataset digits --overwrite --out busy"] {
        let sentence = run(folder.path(), arguments).refused(1);
        assert_eq!(sentence, "busy is in use by another plangrad process; wait for it or end it first");
    }
    assert_eq!(running.end().code, 0);
    expected.assert_same(&folder.path().join("busy"));
}

#[test]
fn a_run_killed_before_its_first_checkpoint_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    run(folder.path(), "train --dataset digits --max-steps 1 --out whole").succeeded();
    // In the order in which a run's files are written.
    let begun: PathBuf = folder.path().join("begun");
    fs::create_dir(&begun).unwrap();
    for (from, to) in [
        ("config.toml", "config.toml.tmp"),
        ("config.toml", "config.toml"),
        ("metrics.jsonl", "metrics.jsonl"),
    ] {
        fs::copy(whole.join(from), begun.join(to)).unwrap();
        let sentence = run(folder.path(), "train --resume begun").refused(1);
        assert_eq!(sentence, "begun holds no run to resume: expected config.toml and checkpoint.safetensors");
    }
    let sentence = run(folder.path(), "train --dataset digits --max-steps 1 --out begun").refused(1);
    assert!(sentence.contains("--overwrite"), "{sentence}");
    run(folder.path(), "train --dataset digits --max-steps 1 --out begun --overwrite").succeeded();
    Left::by(&whole).assert_same(&begun);
}

#[test]
fn a_run_whose_data_or_settings_have_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("t.csv");
    let original = "a,b,y\n1,2,x\n3,5,z\n5,7,x\n8,8,z\n2,9,x\n";
    fs::write(&table, original).unwrap();
    run(folder.path(), "train --dataset csv:t.csv --epochs 1 --test-fraction 0 --hidden 4 --out it")
        .succeeded();
    let refused = || run(folder.path(), "train --resume it --epochs 2").refused(1);
    for (changed, reason) in [
        (format!("{original}4,4,z\n"), "there are 6 samples to learn from now, where there were 5"),
        (original.replace("8,8", "8,80"), "its columns, classes or statistics have changed"),
        (original.replace("a,b", "a,c"), "its columns, classes or statistics have changed"),
        (original.replace('z', "w"), "its columns, classes or statistics have changed"),
    ] {
        fs::write(&table, changed).unwrap();
        let refused = refused();
        assert!(refused.contains(&format!("the run was trained on csv, but {reason}")), "{refused}");
    }
    fs::remove_file(&table).unwrap();
    assert!(refused().contains("t.csv"));
    fs::write(&table, original).unwrap();
    let config = folder.path().join("it/config.toml");
    let settings = fs::read_to_string(&config).unwrap();
    for (from, to, said) in [
        ("seed = 42", "seed = 43", "seed = 43, which was 42"),
        ("hidden = [4]", "hidden = [5]", "hidden = [5], which was [4]"),
        ("\"relu\"", "\"tanh\"", "activation = \"tanh\", which was \"relu\""),
    ] {
        fs::write(&config, settings.replace(from, to)).unwrap();
        assert!(refused().ends_with(&format!("config.toml now says {said}; set that back")), "{to}");
    }
    fs::write(&config, settings).unwrap();
    run(folder.path(), "train --resume it --epochs 2").succeeded();
}

#[test]
fn changed_settings_and_data_that_fix_the_bits_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("t.csv");
    let original = "a,b,y\n1,2,x\n3,5,z\n5,7,x\n8,8,z\n2,9,x\n";
    fs::write(&table, original).unwrap();
    let options = "--epochs 1 --test-fraction 0 --hidden 4 --normalize none";
    run(folder.path(), &format!("train --dataset csv:t.csv {options} --out it")).succeeded();
    let config = folder.path().join("it/config.toml");
    let settings = fs::read_to_string(&config).unwrap();
    let refused = || run(folder.path(), "train --resume it --epochs 2").refused(1);
    for (from, to, said) in [
        ("learning_rate = 0.001", "learning_rate = 0.5", "schedule.learning_rate = 0.5, which was 0.001"),
        ("shuffle = true", "shuffle = false", "shuffle = false, which was true"),
        ("\"adam\"", "\"adamw\"", "optimizer.name = \"adamw\", which was \"adam\""),
        ("beta1 = 0.9", "beta1 = 0.5", "optimizer.beta1 = 0.5, which was 0.9"),
        ("weight_decay = 0.0", "weight_decay = 0.25", "optimizer.weight_decay = 0.25, which was 0.0"),
    ] {
        assert!(settings.contains(from), "{from} in {settings}");
        fs::write(&config, settings.replace(from, to)).unwrap();
        let expected =
            format!("the run was trained on csv, but its config.toml now says {said}; set that back");
        assert_eq!(refused(), expected);
    }
    fs::write(&config, &settings).unwrap();
    for changed in [
        "a,b,y\n3,5,z\n1,2,x\n5,7,x\n8,8,z\n2,9,x\n",
        "a,b,y\n1,2,z\n3,5,x\n5,7,x\n8,8,z\n2,9,x\n",
        "a,b,y\n1,2,x\n3,5,z\n5,7,x\n8,8,z\n2,9.5,x\n",
    ] {
        fs::write(&table, changed).unwrap();
        assert!(refused().contains("its samples or labels, or their order, have changed since"), "{changed}");
    }
    fs::write(&table, original).unwrap();
    run(folder.path(), "train --resume it --epochs 2").succeeded();
}

/// The state in which a kill leaves a folder while a new run takes the place of an old one.
#[test]
fn a_run_that_was_killed_while_it_replaced_another_stands_or_the_other_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let arguments = |hidden: usize| format!("train --dataset digits --hidden {hidden} --max-steps 3");
    let expected = undisturbed(folder.path(), &arguments(9));
    run(folder.path(), &format!("{} --out old", arguments(8))).succeeded();
    run(folder.path(), &format!("{} --out new --checkpoint-every 1", arguments(9))).succeeded();
    let all = ["config.toml", "metrics.jsonl", "checkpoint.safetensors"];
    let begin = |within: &str| {
        let it = path("it");
        let _ = fs::remove_dir_all(&it);
        fs::create_dir_all(it.join(within)).unwrap();
        for name in all.iter().chain(&["model.safetensors"]) {
            fs::copy(path("old").join(name), it.join(name)).unwrap();
        }
        for name in all {
            fs::copy(path("undisturbed").join(name), it.join(within).join(name)).unwrap();
        }
        it
    };
    // Before the new run counts, all of the old one is there, and what was written of the new one is removed.
    let it = begin(".new-run.tmp");
    run(folder.path(), "eval it").succeeded();
    run(folder.path(), "train --resume it").succeeded();
    assert!(
        fs::read(it.join("model.safetensors")).unwrap() == fs::read(path("old/model.safetensors")).unwrap()
    );
    assert_eq!(fs::read_dir(&it).unwrap().count(), 7);
    // From then on the new one is there, however much of it is in its place.
    for moved in 0..=all.len() {
        let it = begin(".new-run");
        for name in &all[..moved] {
            fs::remove_file(it.join("model.safetensors")).ok();
            fs::rename(it.join(".new-run").join(name), it.join(name)).unwrap();
        }
        let other = run(folder.path(), &format!("{} --out it", arguments(8))).refused(1);
        assert!(other.contains("already holds a run"), "{other}");
        run(folder.path(), "train --resume it").succeeded();
        expected.assert_same(&it);
        assert_eq!(fs::read_dir(&it).unwrap().count(), 7);
    }
}

#[test]
fn leftovers_of_writers_that_were_killed_are_removed_and_other_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "train --dataset digits --hidden 8 --max-steps 3 --out it").succeeded();
    let it = folder.path().join("it");
    for name in [".checkpoint.safetensors.0123456789abcdef.tmp", "notes.txt"] {
        fs::write(it.join(name), "").unwrap();
    }
    run(folder.path(), "train --resume it --max-steps 4").succeeded();
    let mut left: Vec<_> = fs::read_dir(&it).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(
        left,
        [
            "checkpoint.safetensors",
            "config.toml",
            "fingerprint.json",
            "metrics.csv",
            "metrics.jsonl",
            "model.safetensors",
            "notes.txt",
            "report.html",
            "sessions.jsonl"
        ]
    );
}

#[test]
fn what_lies_under_a_temporary_name_is_neither_followed_nor_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (it, precious) = (folder.path().join("it"), folder.path().join("precious"));
    fs::create_dir(&it).unwrap();
    fs::write(&precious, "precious").unwrap();
    let files = ["checkpoint.safetensors", "config.toml", "model.safetensors"];
    for name in
        files.map(|name| it.join(format!("{name}.tmp"))).iter().chain(&[folder.path().join("p.svg.tmp")])
    {
        std::os::unix::fs::symlink(&precious, name).unwrap();
    }
    run(folder.path(), "train --dataset digits --hidden 8 --max-steps 3 --out it").succeeded();
    run(folder.path(), "plan --dataset digits --timeline p.svg").succeeded();
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
}

#[test]
fn a_data_folder_that_is_named_on_resuming_is_used() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), "train --dataset digits --hidden 4 --max-steps 2 --out run").succeeded();
    run(folder.path(), "train --resume run --max-steps 3 --data-dir elsewhere").succeeded();
    let config = fs::read_to_string(folder.path().join("run/config.toml")).unwrap();
    let line = config.lines().find(|line| line.starts_with("data_dir = ")).unwrap();
    assert!(line.ends_with("/elsewhere\""), "{line}");
}

#[cfg(unix)]
#[test]
fn a_run_folder_whose_name_is_not_text_is_refused_before_anything_is_done() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"run\xff");
    for option in ["--out", "--resume"] {
        let arguments = [OsStr::new("train"), OsStr::new(option), name];
        let sentence = support::refusal(folder.path(), &arguments, 2);
        assert!(sentence.starts_with(&format!("{option}: run\u{fffd} is not UTF-8; ")), "{sentence}");
    }
    assert!(support::files(folder.path()).is_empty());
}

#[test]
fn a_run_folder_whose_name_looks_like_an_option_is_resumed_by_the_command_that_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "train --dataset digits --hidden 4 --max-steps 9 --out=-run --format json";
    let mut command = support::command(folder.path());
    command.args(arguments.split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take()); // the reader is gone
    let end = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(end.stderr).unwrap();
    let (_, resume) = stderr.trim_end().split_once("continue with: ").unwrap_or_else(|| panic!("{stderr}"));
    let resumed = Command::new("sh").args(["-c", resume]).current_dir(folder.path()).output().unwrap();
    assert!(resumed.status.success(), "{resume}: {resumed:?}");
}
