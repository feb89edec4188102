//! `plangrad train`: from arguments to a finished run.

use std::path::PathBuf;
use std::sync::Arc;

use plangrad_data::{Dataset, available, load};
use plangrad_nn::checkpoint;
use plangrad_tensor::backend::Backend;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};

use crate::cli::{Train, TrainingArgs};
use crate::train::{
    Intervals, Observer, Outcome, Reporter, RunFolder, Settings, Stop, Trainer, plan_line,
};
use crate::{Console, Error, Result};

/// Trains a network, or goes on with a run.
///
/// # Errors
/// Whatever is wrong with arguments, data, files or memory; [`Error::Interrupted`] after Ctrl-C, once all is saved.
pub(super) fn train(arguments: &Train, console: &mut Console) -> Result<()> {
    let stop = stop_on_ctrl_c();
    let outcome = match &arguments.run.resume {
        Some(path) => resume(arguments, path, *console, &stop),
        None => begin(arguments, *console, &stop),
    };
    match outcome? {
        Outcome::Complete => Ok(()),
        Outcome::Interrupted => Err(Error::Interrupted),
    }
}

/// A new run.
fn begin(arguments: &Train, console: Console, stop: &Stop) -> Result<Outcome> {
    let chosen = arguments.data.choose()?;
    let name = chosen.name.to_string();
    let path = arguments.run.out.clone().unwrap_or_else(|| RunFolder::default_path(&name));
    RunFolder::check_free(&path, arguments.run.overwrite)?;
    let task = arguments.task.task(&chosen.name)?;
    let optimizer = arguments.training.optimizer()?;
    arguments.training.schedule(1, 1)?; // what is wrong with the options shall not wait for the data
    if let Some(note) = &chosen.note {
        Console::remark(note);
    }
    let dataset = load(&chosen.name, &arguments.data.options(task, arguments.training.seed))?;
    let settings = settings(arguments, &chosen.name, optimizer, &dataset)?;
    let (mut trainer, mut reporter) = prepare(&settings, dataset, arguments, console)?;
    if let Some(file) = &settings.init {
        for (parameter, tensor) in trainer.start_from(&checkpoint::read(file)?)? {
            reporter.note(&format!("{parameter} starts as {tensor} of {}", file.display()));
        }
    }
    let mut folder = RunFolder::create(&path, &settings, arguments.run.overwrite)?;
    trainer.save_checkpoint(&folder)?;
    announce(&trainer, &settings, &mut folder, &mut reporter, console)?;
    trainer.run(&mut folder, &mut reporter, intervals(arguments), stop)
}

/// An earlier run, from its last checkpoint on.
fn resume(arguments: &Train, path: &std::path::Path, console: Console, stop: &Stop) -> Result<Outcome> {
    let (mut folder, mut settings) = RunFolder::open(path)?;
    settings.epochs = arguments.training.epochs.unwrap_or(settings.epochs);
    let name = settings.dataset_name()?;
    if !available(&name, &settings.data_dir) {
        settings.data_dir = absolute(&arguments.data.data_dir)?; // the data have moved
    }
    let dataset = load(&name, &settings.options()?)?;
    let (mut trainer, mut reporter) = prepare(&settings, dataset, arguments, console)?;
    let progress = trainer.resume(&checkpoint::read(&folder.checkpoint())?)?;
    folder.save_settings(&settings)?;
    folder.cut_back(&progress, settings.batch_size)?;
    let (epoch, step) = (progress.epoch + 1, progress.step);
    reporter.note(&format!("going on with {} in epoch {epoch} after {step} steps", path.display()));
    announce(&trainer, &settings, &mut folder, &mut reporter, console)?;
    trainer.run(&mut folder, &mut reporter, intervals(arguments), stop)
}

/// Data, plans and memory of a run, and who tells it.
fn prepare(
    settings: &Settings,
    dataset: Dataset,
    arguments: &Train,
    console: Console,
) -> Result<(Trainer, Reporter)> {
    let batches = dataset.train.len().div_ceil(settings.batch_size) as u64;
    let mut reporter = Reporter::new(console, settings.epochs, batches);
    dataset.notes.iter().for_each(|note| reporter.note(&format!("warning: {note}")));
    let backend = open(arguments.training.threads)?;
    Ok((Trainer::new(settings.clone(), dataset, &backend)?, reporter))
}

/// The processor. (There is no other device in this build; `auto` and `cpu` are the same.)
fn open(threads: Option<usize>) -> Result<Arc<dyn Backend>> {
    Ok(Cpu::open(CpuOptions { threads, ..CpuOptions::default() })?)
}

/// Tells the start: in full to people, as an event to programs and to the run's log.
fn announce(
    trainer: &Trainer,
    settings: &Settings,
    folder: &mut RunFolder,
    reporter: &mut Reporter,
    console: Console,
) -> Result<()> {
    let start = trainer.start_event();
    let model = &trainer.task().model;
    let layers: Vec<usize> = model
        .layers()
        .iter()
        .take(1)
        .map(|l| l.inputs())
        .chain(model.layers().iter().map(|l| l.outputs()))
        .collect();
    let training = format!(
        "{}, batch {}, {} epochs",
        settings.optimizer.describe(&settings.schedule),
        settings.batch_size,
        settings.epochs
    );
    console.text(&plan_line(&start, &layers, &training))?;
    folder.log(&start)?;
    reporter.event(&start)
}

fn intervals(arguments: &Train) -> Intervals {
    Intervals { log: arguments.run.log_every, checkpoint: arguments.run.checkpoint_every }
}

/// All that decides the result, with every default resolved.
fn settings(
    arguments: &Train,
    name: &plangrad_data::DatasetName,
    optimizer: plangrad_tensor::Optimizer,
    dataset: &Dataset,
) -> Result<Settings> {
    let Train { data, model, task, training, .. } = arguments;
    let epochs = training.epochs.unwrap_or(TrainingArgs::EPOCHS);
    let per_epoch = dataset.train.len().div_ceil(training.batch_size) as u64;
    let planned = per_epoch.saturating_mul(epochs);
    let total = training.max_steps.map_or(planned, |most| most.min(planned));
    Ok(Settings {
        dataset: match name {
            plangrad_data::DatasetName::Csv(file) => format!("csv:{}", absolute(file)?.display()),
            name => name.to_string(),
        },
        data_dir: absolute(&data.data_dir)?,
        normalize: data.normalize.to_string(),
        label: data.label.clone(),
        test_fraction: data.options(task.task(name)?, training.seed).test_fraction,
        loss: task.loss,
        hidden: model.hidden.0.clone(),
        activation: model.activation,
        dropout: model.dropout,
        batch_size: training.batch_size,
        epochs,
        max_steps: training.max_steps,
        seed: training.seed,
        shuffle: !training.no_shuffle,
        init: training.init.as_deref().map(absolute).transpose()?,
        eval_batch_size: training.eval_batch_size,
        optimizer: optimizer.into(),
        schedule: training.schedule(per_epoch, total)?.into(),
    })
}

/// A run is resumed from any folder: its paths are absolute.
fn absolute(path: &std::path::Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|reason| Error::Io { path: path.into(), action: "found", reason })
}

/// The first Ctrl-C asks the run to stop and save; the second ends the program at once.
fn stop_on_ctrl_c() -> Stop {
    let stop = Stop::default();
    let asked = stop.clone();
    let handler = move || {
        if asked.asked() {
            std::process::exit(130);
        }
        asked.ask();
    };
    // Without a handler (there is one already, in a program that embeds this library) Ctrl-C just ends the program.
    let _ = ctrlc::set_handler(handler);
    stop
}
