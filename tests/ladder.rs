//! Out of memory, a run falls back rung by rung and ends with the same bytes.

mod support;

use std::fs;
use std::path::Path;

use plangrad::train::{
    Event, Existing, Observer, OnOom, Outcome, Resources, RunFolder, Rung, Settings, Stop, Trainer,
};
use plangrad_data::{Dataset, load};
use plangrad_nn::checkpoint::{self, Folder};
use plangrad_tensor::Backend;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions, Faults};
use serde_json::Value;
use support::{Left, metrics, real_data, refusal, run, select, small_mnist, undisturbed};

/// On [`small_mnist`], whose epochs have 25 steps.
const TRAIN: &str = "train --dataset mnist --epochs 4 --max-steps 90 --dropout 0.1 --keep-inputs";

/// What `train` plans with these options.
fn planned(folder: &Path, options: &str) -> u64 {
    let events = run(folder, &format!("{TRAIN} {options} --out planned --overwrite --format json")).objects();
    events[0]["planned_bytes"].as_u64().unwrap()
}

/// The rungs in a run's log, and its start event.
fn rungs(run: &Path) -> (Vec<String>, Value) {
    let events = metrics(run);
    let start = select(&events, "start")[0].clone();
    let oom = select(&events, "oom");
    for event in &oom {
        assert!(event["reason"].as_str().unwrap().contains(" bytes for the run, which needs "), "{event}");
        let bytes = |key: &str| event[key].as_u64().unwrap();
        assert!(bytes("bytes_before") > bytes("bytes_after"), "{event}");
    }
    for pair in oom.windows(2) {
        assert_eq!(pair[0]["bytes_after"], pair[1]["bytes_before"]);
    }
    if let Some(last) = oom.last() {
        assert_eq!(last["bytes_after"], start["planned_bytes"]);
    }
    (oom.iter().map(|event| event["rung"].as_str().unwrap().to_owned()).collect(), start)
}

#[test]
fn each_rung_is_reached_under_its_budget_and_leads_to_the_same_bytes() {
    let folder = small_mnist();
    let expected = undisturbed(folder.path(), TRAIN);
    // Parts keep gradients: where the whole does not, they take more. Where it does, they cost less arithmetic.
    let (device, kept) = ("--device accelerator", "--device accelerator --keep-gradients");
    let below = |options: &str, bytes: u64| {
        planned(folder.path(), &format!("{options} --on-oom ladder --memory-budget {}", bytes - 1))
    };
    let resident = planned(folder.path(), device);
    let streamed = below(device, resident);
    let again = below(device, streamed);
    let streamed_kept = below(kept, planned(folder.path(), kept));
    let parted = below(kept, streamed_kept);
    let (host, recomputation, parts, cpu) = ("dataset-on-host", "recomputation", "micro-batches", "cpu");
    let cases = [
        (device, resident, vec![], "accelerator"),
        (device, resident - 1, vec![host], "accelerator"),
        (device, streamed, vec![host], "accelerator"),
        (device, streamed - 1, vec![host, recomputation], "accelerator"),
        (device, again, vec![host, recomputation], "accelerator"),
        (kept, streamed_kept - 1, vec![host, parts], "accelerator"),
        (kept, parted, vec![host, parts], "accelerator"),
        (device, 1 << 20, vec![host, cpu], "cpu"),
        (device, 0, vec![host, cpu], "cpu"),
    ];
    for (options, budget, names, device) in cases {
        let out = folder.path().join(format!("run{budget}"));
        let options = format!("{options} --on-oom ladder");
        let said =
            run(folder.path(), &format!("{TRAIN} {options} --memory-budget {budget} --out run{budget}"));
        let said = said.succeeded();
        assert_eq!(said.matches("Out of memory: accelerator has ").count(), names.len(), "{said}");
        let (found, start) = rungs(&out);
        assert_eq!(
            (found, start["device"].as_str().unwrap()),
            (names.iter().map(|&n| n.into()).collect(), device)
        );
        let is_parted = names.contains(&parts);
        assert_eq!(start["micro_batch_size"].as_u64().is_some_and(|part| part < 64), is_parted, "{start}");
        assert!(Left::by(&out).has_the_bytes_of(&expected), "{budget}");
        for epoch in select(&metrics(&out), "epoch") {
            assert_eq!(epoch["planned_bytes"], epoch["measured_bytes"]);
            assert_eq!(epoch["planned_bytes"], start["planned_bytes"]);
        }
    }
}

#[test]
fn a_named_device_ends_with_an_error_and_auto_continues() {
    let folder = small_mnist();
    let expected = undisturbed(folder.path(), TRAIN);
    for device in ["cpu", "accelerator"] {
        let arguments =
            format!("{TRAIN} --keep-gradients --device {device} --memory-budget 1800KiB --out named");
        let sentence = refusal(folder.path(), &arguments.split(' ').collect::<Vec<_>>(), 1);
        assert!(sentence.starts_with(&format!("out of memory on {device}: ")), "{sentence}");
        assert!(!folder.path().join("named").exists());
    }
    run(folder.path(), &format!("{TRAIN} --keep-gradients --memory-budget 1800KiB --out auto")).succeeded();
    assert_eq!(rungs(&folder.path().join("auto")).0, ["micro-batches"]);
    assert!(Left::by(&folder.path().join("auto")).has_the_bytes_of(&expected));

    let at_once = format!(
        "{TRAIN} --keep-gradients --device accelerator --on-oom cpu --memory-budget 1800KiB --out at-once"
    );
    run(folder.path(), &at_once).succeeded();
    assert_eq!(rungs(&folder.path().join("at-once")).0, ["cpu"]);
    assert!(Left::by(&folder.path().join("at-once")).has_the_bytes_of(&expected));

    let nowhere = format!("{TRAIN} --memory-budget 1MiB --out nowhere");
    let sentence = refusal(folder.path(), &nowhere.split(' ').collect::<Vec<_>>(), 1);
    assert!(sentence.contains("not even a batch of 1 fits"), "{sentence}");
}

#[test]
fn parts_by_hand_are_the_same_steps_in_less_memory() {
    let folder = small_mnist();
    let expected = undisturbed(folder.path(), TRAIN);
    let whole = planned(folder.path(), "--keep-gradients"); // as parts do
    for (count, part) in [(1, None), (2, Some(32)), (5, Some(13)), (64, Some(1)), (999, Some(1))] {
        run(folder.path(), &format!("{TRAIN} --keep-gradients --accumulate {count} --out parts{count}"))
            .succeeded();
        let (names, start) = rungs(&folder.path().join(format!("parts{count}")));
        assert_eq!((names.len(), start["micro_batch_size"].as_u64()), (0, part));
        assert_eq!(start["planned_bytes"].as_u64().unwrap() < whole, part.is_some());
        assert!(
            Left::by(&folder.path().join(format!("parts{count}"))).has_the_bytes_of(&expected),
            "{count}"
        );
    }
}

#[test]
fn the_resume_command_repeats_the_memory_options() {
    let folder = small_mnist();
    let means = "--device accelerator --threads 1 --memory-budget 1800KiB --on-oom ladder --accumulate 3";
    let arguments = format!("{TRAIN} {means} --out run");
    let mut child = support::command(folder.path());
    let mut child = child.args(arguments.split(' ')).stdout(std::process::Stdio::piped());
    child = child.stderr(std::process::Stdio::piped());
    let mut child = child.spawn().unwrap();
    drop(child.stdout.take()); // nobody reads on
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains(&format!("train --resume run {means}")), "{error}");
}

/// The CPU, refusing the reservations with these numbers, counted from 0.
fn faulty(accelerator: bool, refused: impl IntoIterator<Item = u64>) -> Backend {
    let faults = Faults::refuse_reservations(refused);
    Cpu::open(CpuOptions::default().threads(2).accelerator(accelerator).faults(faults)).unwrap()
}

/// Records rungs and ignores other events.
#[derive(Default)]
struct Listener(Vec<Rung>);

impl Observer for Listener {
    fn event(&mut self, event: &Event) -> plangrad::Result<()> {
        if let Event::Oom { rung, .. } = event {
            self.0.push(*rung);
        }
        Ok(())
    }
}

/// A run to compare with, and what it is made of.
struct Scene {
    folder: tempfile::TempDir,
    expected: Left,
    settings: Settings,
    dataset: Dataset,
}

impl Scene {
    fn new() -> Scene {
        let folder = small_mnist();
        let arguments = "train --dataset mnist --hidden 24,12 --dropout 0.2 --batch-size 96 --epochs 8 --max-steps 120 --keep-inputs";
        let expected = undisturbed(folder.path(), arguments);
        let settings = Settings::read(&folder.path().join("undisturbed/config.toml")).unwrap();
        let dataset = load(&settings.dataset_name().unwrap(), &settings.options().unwrap()).unwrap();
        Scene { folder, expected, settings, dataset }
    }

    fn trainer(&self, settings: &Settings, backend: &Backend, on_oom: OnOom) -> plangrad::Result<Trainer> {
        let resources = Resources::of(backend).on_oom(on_oom);
        Trainer::new(settings.clone(), self.dataset.clone(), &resources)
    }

    /// Trains to the end in a folder of this name; returns the reported rungs.
    fn train(&self, mut trainer: Trainer, settings: &Settings, name: &str) -> Vec<Rung> {
        let (out, start) = (self.folder.path().join(name), trainer.start_event());
        let stage = |folder: &Folder| trainer.stage_checkpoint(folder);
        let mut run = RunFolder::create(Some(&out), Existing::Keep, settings, &start, stage).unwrap();
        let mut listener = Listener::default();
        assert_eq!(trainer.run(&mut run, &mut listener, &Stop::default()).unwrap(), Outcome::Complete);
        listener.0
    }

    fn assert_same(&self, name: &str) {
        assert!(Left::by(&self.folder.path().join(name)).has_the_bytes_of(&self.expected), "{name}");
    }
}

#[test]
fn settings_that_no_run_can_have_are_refused() {
    let scene = Scene::new();
    let backend = faulty(false, []);
    let refused = |change: fn(&mut Settings)| {
        let mut settings = scene.settings.clone();
        change(&mut settings);
        scene.trainer(&settings, &backend, OnOom::Error).err().unwrap().to_string()
    };
    assert_eq!(
        refused(|it| it.log_every = 0),
        "the settings of the run: log_every is 0, expected at least 1"
    );
    assert!(refused(|it| it.checkpoint_every = Some(0)).contains("checkpoint_every is 0"));
    assert!(refused(|it| it.eval_batch_size = Some(0)).contains("eval_batch_size is 0"));
    assert!(
        refused(|it| it.test_fraction = 1.0).contains("test_fraction is 1, expected at least 0 and below 1")
    );
}

#[test]
fn with_the_ladder_a_failure_of_any_reservation_leads_to_the_same_bytes() {
    let scene = Scene::new();
    for (accelerator, reservations) in [(false, 1), (true, 3)] {
        let enough = faulty(accelerator, [reservations]);
        let trainer = scene.trainer(&scene.settings, &enough, OnOom::Ladder).unwrap();
        let rungs = scene.train(trainer, &scene.settings, "counted");
        assert_eq!(rungs, [], "a run makes {reservations} reservations, all of which are tried below");
        fs::remove_dir_all(scene.folder.path().join("counted")).unwrap();
        for first in 0..reservations {
            for failures in 1..=4 {
                let backend = faulty(accelerator, first..first + failures as u64);
                let name = format!("ladder-{accelerator}-{first}-{failures}");
                let trainer = scene.trainer(&scene.settings, &backend, OnOom::Ladder).unwrap();
                let rungs = scene.train(trainer, &scene.settings, &name);
                let first = if accelerator { Rung::DatasetOnHost } else { Rung::Recomputation };
                assert_eq!(rungs[0], first, "{name}");
                assert!(rungs.len() > 1 || failures == 1 || !accelerator, "{name}: {rungs:?}");
                let is_smaller = |rung: &Rung| [Rung::Recomputation, Rung::MicroBatches].contains(rung);
                assert!(rungs[usize::from(accelerator)..].iter().all(is_smaller), "{name}: {rungs:?}");
                let is_again = rungs.windows(2).any(|pair| pair[0] == pair[1]);
                assert!(!is_again, "{name}: a rung is reported once, however often it was tried: {rungs:?}");
                scene.assert_same(&name);
            }
        }
    }
}

#[test]
fn without_it_the_same_process_trains_to_the_same_bytes_after_any_failure() {
    let scene = Scene::new();
    for (accelerator, reservations) in [(false, 1), (true, 3)] {
        for failing in 0..reservations {
            let backend = faulty(accelerator, [failing]);
            let refused = scene.trainer(&scene.settings, &backend, OnOom::Error).err().unwrap();
            assert!(matches!(refused, plangrad::Error::OutOfMemory { .. }), "{refused}");
            assert_eq!(backend.memory().reserved, 0, "nothing is left behind");
            let name = format!("again-{accelerator}-{failing}");
            scene.train(
                scene.trainer(&scene.settings, &backend, OnOom::Error).unwrap(),
                &scene.settings,
                &name,
            );
            scene.assert_same(&name);
        }
    }
}

#[test]
fn a_failure_while_a_run_is_resumed_leaves_it_as_it_was() {
    let scene = Scene::new();
    let mut half = scene.settings.clone();
    half.max_steps = Some(60);
    for failing in 0..3 {
        let name = format!("half-{failing}");
        let backend = faulty(true, [3 + failing]); // the first three succeed
        scene.train(scene.trainer(&half, &backend, OnOom::Error).unwrap(), &half, &name);
        let path = scene.folder.path().join(&name);
        let before = Left::by(&path);
        assert!(scene.trainer(&scene.settings, &backend, OnOom::Error).is_err());
        before.assert_same(&path);

        let (mut folder, _) = RunFolder::open(&path).unwrap();
        let mut trainer = scene.trainer(&scene.settings, &backend, OnOom::Error).unwrap();
        let progress = trainer.resume(&checkpoint::read(&folder.checkpoint()).unwrap()).unwrap();
        folder.cut_back(&progress, scene.settings.batch_size, false).unwrap();
        trainer.run(&mut folder, &mut Listener::default(), &Stop::default()).unwrap();
        scene.assert_same(&name);
    }
}

#[test]
fn where_two_batches_are_larger_than_the_dataset_it_stays_on_the_device() {
    let folder = tempfile::tempdir().unwrap();
    let expected = undisturbed(folder.path(), "train --dataset digits --epochs 2 --batch-size 20000");
    let arguments =
        "train --dataset digits --epochs 2 --batch-size 20000 --out run --device accelerator --on-oom ladder";
    run(folder.path(), &format!("{arguments} --memory-budget 24MiB")).succeeded();
    let (names, start) = rungs(&folder.path().join("run"));
    assert_eq!((names, start["device"].as_str()), (vec!["micro-batches".to_owned()], Some("accelerator")));
    assert!(Left::by(&folder.path().join("run")).has_the_bytes_of(&expected));
}

#[test]
fn with_a_large_batch_the_process_takes_what_it_had_and_the_plan() {
    assert_peak("--dataset digits");
    if let Some(data) = real_data() {
        assert_peak(&format!("--dataset mnist --data-dir {}", data.display()));
    }
}

fn assert_peak(dataset: &str) {
    let folder = tempfile::tempdir().unwrap();
    let arguments = format!("train {dataset} --batch-size 16384 --epochs 2 --out run --format json");
    let events = run(folder.path(), &arguments).objects();
    let bytes = |event: &Value, key: &str| event[key].as_u64().unwrap();
    let (planned, resident) = (bytes(&events[0], "planned_bytes"), bytes(&events[0], "resident_bytes"));
    for epoch in select(&events, "epoch") {
        let (peak, four) = (bytes(epoch, "peak_resident_bytes"), 4 << 20);
        assert!(
            peak <= resident + planned + four,
            "{peak} with {resident} resident before and {planned} planned"
        );
        assert!(peak >= planned);
    }
}
