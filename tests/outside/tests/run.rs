//! The network in the library's hands: trained, planned to the byte, stopped, killed, resumed, fitted, saved, loaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plangrad::Model;
use plangrad::fit::{self, fit};
use plangrad::memory::{Blueprint, explain};
use plangrad::train::{
    Event, Existing, Observer, OnOom, Outcome, Recomputing, Resources, RunFolder, Settings, Stop, Subject,
    Trainer,
};
use plangrad_data::{Dataset, DatasetName, LoadOptions, load};
use plangrad_nn::checkpoint::{self, Folder, Loaded};
use plangrad_nn::{Architectures, Loss, Task};
use plangrad_outside::{Residual, ResidualConfig};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{
    Backend, DType, Device, Optimizer, SampleFormat, Samples, Schedule, Session, Shape, Source, Targets,
};

const BATCH: usize = 100;

/// The built-in digits, fewer of them.
fn digits() -> Dataset {
    let mut dataset = load(&DatasetName::Digits, &LoadOptions::default()).unwrap();
    for (split, len) in [(&mut dataset.train, 1_000), (&mut dataset.test, 250)] {
        let width = split.sample_len();
        let plangrad_data::Samples::U8(pixels) = &mut split.samples else { panic!("digits are bytes") };
        pixels.truncate(len * width);
        let plangrad_data::Targets::Classes(labels) = &mut split.targets else {
            panic!("digits have classes")
        };
        labels.truncate(len);
    }
    dataset
}

fn subject() -> Subject {
    let dataset = digits();
    let (sample_shape, outputs) = (dataset.sample_shape.clone(), dataset.classes.len());
    let network = Residual::new(ResidualConfig { sample_shape, width: 24, outputs }).unwrap();
    Subject::new(dataset, LoadOptions::default().normalize, Arc::new(network), Loss::CrossEntropy).unwrap()
}

fn known() -> Architectures {
    Architectures::new().with(Residual::ARCHITECTURE, Residual::new)
}

fn settings(subject: &Subject) -> Settings {
    let mut settings = Settings::new(subject, BATCH, 3);
    settings.checkpoint_every = Some(4);
    settings.log_every = 1;
    settings
}

fn cpu(budget: Option<u64>) -> Backend {
    Cpu::open(CpuOptions::default().threads(2).budget(budget)).unwrap()
}

fn trainer(resources: &Resources) -> Trainer {
    let subject = subject();
    Trainer::of(settings(&subject), subject, resources).unwrap()
}

fn begin(trainer: &Trainer, path: &Path) -> RunFolder {
    let stage = |folder: &Folder| trainer.stage_checkpoint(folder);
    RunFolder::create(Some(path), Existing::Keep, trainer.settings(), &trainer.start_event(), stage).unwrap()
}

/// Keeps events, and does something at a step.
struct Watcher<F: FnMut(u64)> {
    events: Vec<Event>,
    steps: u64,
    at_step: F,
}

impl<F: FnMut(u64)> Watcher<F> {
    fn new(at_step: F) -> Watcher<F> {
        Watcher { events: Vec::new(), steps: 0, at_step }
    }
}

impl<F: FnMut(u64)> Observer for Watcher<F> {
    fn event(&mut self, event: &Event) -> plangrad::Result<()> {
        self.events.push(event.clone());
        if matches!(event, Event::Step { .. }) {
            self.steps += 1;
            (self.at_step)(self.steps);
        }
        Ok(())
    }
}

/// A whole run in `path`; returns its events.
fn train(path: &Path) -> Vec<Event> {
    let mut trainer = trainer(&Resources::of(&cpu(None)));
    let (mut folder, mut watcher) = (begin(&trainer, path), Watcher::new(|_| ()));
    assert_eq!(trainer.run(&mut folder, &mut watcher, &Stop::default()).unwrap(), Outcome::Complete);
    watcher.events
}

/// Continues the run in `path` from its files alone.
fn resume(path: &Path) {
    let (mut folder, settings) = RunFolder::open(path).unwrap();
    let subject = settings.subject_with(digits(), &known()).unwrap();
    let batch_size = settings.batch_size;
    let mut trainer = Trainer::of(settings, subject, &Resources::of(&cpu(None))).unwrap();
    let progress = trainer.resume(&checkpoint::read(&folder.checkpoint()).unwrap()).unwrap();
    folder.cut_back(&progress, batch_size, trainer.is_finished()).unwrap();
    assert_eq!(
        trainer.run(&mut folder, &mut Watcher::new(|_| ()), &Stop::default()).unwrap(),
        Outcome::Complete
    );
}

fn assert_same_files(found: &Path, expected: &Path) {
    for name in ["config.toml", "checkpoint.safetensors", "model.safetensors"] {
        let [found, expected] = [found, expected].map(|folder| fs::read(folder.join(name)).unwrap());
        assert!(found == expected, "{name}");
    }
}

#[test]
fn it_learns_and_takes_the_bytes_that_were_planned() {
    let folder = tempfile::tempdir().unwrap();
    let events = train(&folder.path().join("run"));
    let Some(Event::Epoch { test_accuracy, planned_bytes, measured_bytes, .. }) =
        events.iter().rev().find(|event| matches!(event, Event::Epoch { .. }))
    else {
        panic!("no epoch")
    };
    assert!(test_accuracy.unwrap() > 0.5, "{test_accuracy:?}");
    assert_eq!(planned_bytes, measured_bytes);
}

#[test]
fn stopped_or_killed_it_continues_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, stopped, killed] = ["whole", "stopped", "killed"].map(|name| folder.path().join(name));
    train(&whole);

    let (mut trainer, stop) = (trainer(&Resources::of(&cpu(None))), Stop::default());
    let mut run = begin(&trainer, &stopped);
    let at_step = |step| match step {
        7 => copy(&stopped, &killed), // what a kill at this moment leaves
        13 => stop.ask(),
        _ => {}
    };
    let outcome = trainer.run(&mut run, &mut Watcher::new(at_step), &stop).unwrap();
    assert_eq!(outcome, Outcome::Interrupted);
    drop((trainer, run));
    for path in [&stopped, &killed] {
        assert!(!path.join("model.safetensors").exists());
        resume(path);
        assert_same_files(path, &whole);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn the_largest_batch_is_found_and_proven() {
    let mut subject = subject();
    let planned = Trainer::of(settings(&subject), self::subject(), &Resources::of(&cpu(None))).unwrap();
    let budget = planned.session().planned().total() - 1;
    drop(planned);
    let mut options = fit::FitOptions::new(settings(&subject).optimizer);
    options.measures_speed = false;
    let found = fit(&mut subject, &cpu(Some(budget)), &options, &mut |_| Ok(()), &Stop::default()).unwrap();
    assert!((2..BATCH + 20).contains(&found.max_batch_size), "{}", found.max_batch_size);
    assert_eq!(found.total_bytes, found.measured_bytes);
    assert!(found.total_bytes <= budget && found.next_total_bytes.unwrap() > budget);
}

#[test]
fn a_saved_model_is_evaluated_with_its_running_statistics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let events = train(&path);
    let last = events.iter().rev().find_map(|event| match event {
        Event::Epoch { test_loss, test_accuracy, .. } => Some((test_loss.unwrap(), test_accuracy.unwrap())),
        _ => None,
    });
    let (loss, accuracy) = last.unwrap();

    let model = Model::open_with(&path, &known()).unwrap();
    let source = plangrad::train::source(digits().test, 10).unwrap();
    // One sample at a time, for which statistics of the batch would be of no use.
    for batch_size in [1, 250] {
        let found = model.evaluate(&source, Some(batch_size), &cpu(None), &Stop::default()).unwrap();
        assert_eq!(found.accuracy().unwrap(), accuracy);
        assert!((found.loss - loss).abs() < 1e-5, "{} instead of {loss}", found.loss);
    }

    let refused = Model::open(&path).err().unwrap().to_string();
    assert!(refused.contains("unknown architecture \"residual\"; known are layers, mlp"), "{refused}");
}

/// A task on random bytes, with the data.
fn random_bytes(rows: usize) -> (Task, Source) {
    let network = Residual::new(ResidualConfig { sample_shape: vec![12], width: 5, outputs: 3 }).unwrap();
    let shape = Shape::new(&[12]).unwrap();
    let samples = SampleFormat::new(shape, DType::U8).normalized([0.01], [-1.0]);
    let pixels = (0..rows * 12).map(|i| (i * i * 7 + i * 13) as u8).collect();
    let labels = (0..rows).map(|i| (i % 3) as u8).collect();
    let source = Source::new(Samples::U8(pixels), Targets::Classes(labels), 12).unwrap();
    (Task::new(Arc::new(network), samples, Loss::CrossEntropy).unwrap(), source)
}

fn statistics(task: &Task, session: &Session) -> Vec<f32> {
    let statistics = task.model().weights().parameters().iter().filter(|parameter| !parameter.is_trained());
    statistics.flat_map(|parameter| session.parameter(parameter.id()).unwrap()).collect()
}

#[test]
fn each_part_of_a_step_assigns_the_statistics_of_its_own_rows() {
    let (task, source) = random_bytes(8);
    let still = Optimizer::Sgd { momentum: 0.0, weight_decay: 0.0 };
    let schedule = Schedule::Constant { learning_rate: 0.0 }; // weights stay, so that steps can be compared
    let rows: Vec<u32> = (0..8).collect();
    let session = |plans| {
        let mut session = Session::new(&cpu(None), plans).unwrap();
        task.initialise(&mut session, 1).unwrap();
        session
    };
    let mut plans = Vec::new();
    let parts = task.split_step(still, schedule, 8, 4).unwrap().add_to(&mut plans);
    let mut split = session(plans);
    parts.step(&mut split, &source, &rows).unwrap();

    let mut halves = session(vec![task.training_plan(still, schedule, 4).unwrap()]);
    halves.run(0, &source.batches(&rows).unwrap()).unwrap(); // two steps of four rows
    assert_eq!(statistics(&task, &split), statistics(&task, &halves));

    let mut whole = session(vec![task.training_plan(still, schedule, 8).unwrap()]);
    whole.run(0, &source.batches(&rows).unwrap()).unwrap();
    assert_ne!(statistics(&task, &split), statistics(&task, &whole));
}

#[test]
fn running_out_of_memory_does_not_split_its_batches_unasked() {
    let trainer = |resources: &Resources| {
        let subject = subject();
        let mut settings = settings(&subject);
        settings.keep_gradients = true; // as parts do
        settings.recompute = Recomputing::All; // the rung before parts
        Trainer::of(settings, subject, resources)
    };
    let budget = trainer(&Resources::of(&cpu(None))).unwrap().session().planned().total() - 1;
    let mut resources = Resources::of(&cpu(Some(budget)));
    resources.on_oom = OnOom::Ladder;
    let refused = trainer(&resources).err().unwrap();
    assert!(matches!(refused, plangrad::Error::OutOfMemory { .. }), "{refused}");
    resources.accumulate = 2; // asked for
    assert!(trainer(&resources).is_ok());
}

#[test]
fn a_run_with_statistics_of_parts_is_resumed_with_the_same_parts_only() {
    let folder = tempfile::tempdir().unwrap();
    let halves = Resources::of(&cpu(None)).accumulate(2);
    let path = folder.path().join("checkpoint.safetensors");
    trainer(&halves).stage_checkpoint(&Folder::open(folder.path()).unwrap()).unwrap().place().unwrap();
    let loaded = checkpoint::read(&path).unwrap();
    let refused = trainer(&Resources::of(&cpu(None))).resume(&loaded).unwrap_err();
    assert!(refused.to_string().contains("in parts of 50 samples"), "{refused}");
    trainer(&halves).resume(&loaded).unwrap();
}

#[test]
fn every_planned_byte_is_explained() {
    let subject = subject();
    let blueprint = Blueprint {
        task: subject.task().clone(),
        optimizer: Optimizer::adam(),
        samples: Some(subject.samples()),
        eval_batch_size: None,
        memory: plangrad::train::StepMemory::default(),
        budget: None,
        accumulate: 1,
        device: Device::Cpu,
    };
    let row = blueprint.row(BATCH).unwrap();
    let parts = explain(&row, &blueprint.task);
    assert_eq!(parts.iter().map(|part| part.bytes).sum::<u64>(), row.report.total());
    // Two in each of four layers of 24 units.
    let statistics = parts.iter().find(|part| part.name == "statistics").unwrap();
    assert_eq!((statistics.bytes, statistics.formula.as_str()), (4 * 192, "192 statistics × 4 B"));
}

#[test]
fn files_hold_statistics_without_moments() {
    let folder = tempfile::tempdir().unwrap();
    let trainer = trainer(&Resources::of(&cpu(None)));
    let path = folder.path().join("checkpoint.safetensors");
    trainer.stage_checkpoint(&Folder::open(folder.path()).unwrap()).unwrap().place().unwrap();
    let loaded: Loaded = checkpoint::read(&path).unwrap();
    let has = |name: &str| loaded.tensors().any(|tensor| tensor.name == name);
    assert!(has("stem.norm.running_var") && !has("optimizer.moment1.stem.norm.running_var"));
    assert!(has("stem.norm.weight") && has("optimizer.moment1.stem.norm.weight"));
    assert_eq!(loaded.description().unwrap().architecture().name(), "residual");
}
