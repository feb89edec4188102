//! `plangrad train`: from arguments to a finished run.

use std::io::ErrorKind;
use std::path::{Path, PathBuf, absolute};
use std::thread::Builder;
use std::time::Duration;

use plangrad_data::{DatasetName, ImageOptions, LoadOptions, available, open_regular_file};
use plangrad_nn::checkpoint::{Folder, Progress};
use plangrad_tensor::backend::cpu::InstructionSet;
use plangrad_tensor::{Category, Optimizer, Schedule};

use super::subject::Described;
use super::{device, subject};
use crate::charts::learning_curves;
use crate::cli::{BatchSize, ProgressView, RunArgs, SubjectArgs, TrainArgs, TrainingArgs};
use crate::device::UnsupportedPrecision;
use crate::drawing::PictureFile;
use crate::error::{Error, Result};
use crate::export::metrics_csv;
use crate::fit::{FitOptions, auto};
use crate::history::History;
use crate::language::{Language, text};
use crate::model::{Model, dominance};
use crate::numbers::{counted, counted_text, grouped};
use crate::output::{Console, untrusted};
use crate::process;
use crate::report::{RunReport, examine, page};
use crate::screen::{Board, Screen, is_built};
use crate::tensorboard::{EventFile, Watched};
use crate::train::{
    CHANGEABLE, Event, Existing, Interrupts, KeptModel, Observer, Outcome, Reporter, RowChanges, RunFolder,
    SettingChange, Settings, Shows, Stop, Subject, Tested, Trainer, class_counts, known_instruction_set,
    layers, learning, network, plan_line,
};
use crate::watch::{Examples, inspect};
use crate::weights;

/// The share of the largest batch that `--batch-size auto` takes at most.
const AUTO_SAFETY: f64 = 0.8;

/// The time that `--batch-size auto` spends on measuring speeds, unless a few steps on the smallest batch take longer.
const AUTO_TIME: Duration = Duration::from_secs(3);

/// The most letters of column names that are shown as an example of a row.
const LONGEST_ROW: usize = 60;

/// Trains a network, or resumes a run.
///
/// # Errors
/// If arguments, data, files or memory are wrong; [`Error::Interrupted`] after Ctrl-C, once everything is saved.
pub(super) fn train(arguments: &TrainArgs, console: &mut Console) -> Result<()> {
    arguments.run.plot.iter().try_for_each(PictureFile::check)?; // before time is spent in vain
    check_progress(arguments.run.progress, console)?;
    let Some(path) = &arguments.run.resume else {
        let (run, folder, interrupts) = begin(arguments, *console)?;
        return perform(run, folder, &interrupts, arguments).map(drop);
    };
    let (run, folder, interrupts) = resume(arguments, path, *console, None)?;
    if perform(run, folder, &interrupts, arguments)? == Performed::UntilChange {
        let (run, folder, interrupts) = resume(arguments, path, *console, Some(interrupts))?;
        perform(run, folder, &interrupts, arguments)?;
    }
    Ok(())
}

/// Refuses the screen where there cannot be one.
fn check_progress(progress: ProgressView, console: &Console) -> Result<()> {
    let problem = match progress {
        ProgressView::Tui if !is_built() => "tui is not in this program; build it with --features tui",
        ProgressView::Tui if console.is_json() => "tui is for people, --format json for programs",
        _ => return Ok(()),
    };
    Err(Error::option("--progress", problem))
}

/// How far a run was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Performed {
    /// To its end.
    Whole,
    /// To the end of an epoch, from which on it has another batch size.
    UntilChange,
}

/// A run that is ready to go.
struct Run {
    settings: Settings,
    trainer: Trainer,
    reporter: Reporter,
    console: Console,
}

/// A new run.
fn begin(arguments: &TrainArgs, console: Console) -> Result<(Run, RunFolder, Interrupts)> {
    if arguments.run.accept_changed_data {
        return Err(Error::option("--accept-changed-data", "is for --resume"));
    }
    let out = arguments.run.out.as_deref();
    out.map_or(Ok(()), |path| check_text("--out", path))?;
    let existing = if arguments.run.overwrite { Existing::Replace } else { Existing::Keep };
    out.map_or(Ok(()), |path| RunFolder::check_free(path, existing))?;
    let learning = &arguments.training.learning;
    arguments.training.init.as_deref().map_or(Ok(()), check_readable)?;
    let optimizer = learning.optimizer()?;
    if learning.learning_rate() == 0.0 {
        Console::remark(&text!("the learning rate is 0: nothing will be learnt"));
    }
    arguments.training.levers.check(arguments.subject.task.loss)?;
    let schedule = arguments.training.schedule(1, u64::MAX)?; // wrong options are refused before the data are loaded
    let described = Described::of(&arguments.subject.model)?;
    let (name, labels) = subject::choose(&arguments.subject.data, arguments.subject.task)?;
    let options = arguments.subject.data.options(labels, learning.seed);
    let of = (&arguments.subject, &arguments.training);
    let mut settings = settings_of(of, &arguments.run, &name, &options, (optimizer, schedule))?;
    arguments.training.selection.check(&settings)?;
    check_text("--data-dir", &settings.data_dir)?;
    let dataset = subject::dataset(&name, &options)?;
    let counts = || class_counts(&dataset.train.targets, dataset.classes.len());
    settings.class_weights = arguments.training.levers.class_weights(counts)?;
    if described.is_from_file() {
        let network = described.network(&dataset.sample_shape, dataset.outputs())?;
        settings = settings.with_network(network.architecture()?);
    }
    let interrupts = Interrupts::listen(); // before, a signal ends the program: reading a pipe may never end
    let mut subject = settings.subject(dataset)?;
    settings.batch_size = batch_size(arguments, &settings, &mut subject, interrupts.stop())?;
    let (per_epoch, total) = settings.steps(subject.samples().train as u64);
    settings.schedule = arguments.training.schedule(per_epoch, total)?;
    let mut run = Run::prepare(settings, subject, arguments, arguments.device.instruction_set, console)?;
    arguments.training.init.as_deref().map_or(Ok(()), |file| run.start_from(file))?;
    let start = run.trainer.start_event();
    let stage = |folder: &Folder| run.trainer.stage_checkpoint(folder);
    let folder = RunFolder::create(out, existing, &run.settings, &start, stage)?;
    Ok((run, folder, interrupts))
}

/// An earlier run, from its last checkpoint on.
fn resume(
    arguments: &TrainArgs,
    path: &Path,
    console: Console,
    interrupts: Option<Interrupts>,
) -> Result<(Run, RunFolder, Interrupts)> {
    check_text("--resume", path)?;
    let (mut folder, settings) = RunFolder::open(path)?;
    let checkpoint = folder.read_checkpoint()?;
    let done = checkpoint.description().and_then(|description| description.progress);
    check_raised(arguments, &settings, done.map_or((0, 0), |progress| (progress.epoch, progress.step)))?;
    let old_batch_size = settings.batch_size;
    let mut settings = resumed(settings, arguments)?;
    let is_within =
        done.is_some_and(|progress| progress.position > 0 && progress.position < progress.samples);
    let waits = is_within && settings.batch_size != old_batch_size;
    let batch_size = settings.batch_size;
    if waits {
        settings.batch_size = old_batch_size;
    }
    let dataset = subject::dataset(&settings.dataset_name()?, &settings.options()?)?;
    let interrupts = interrupts.unwrap_or_else(Interrupts::listen);
    let subject = settings.subject(dataset)?;
    let set = match arguments.device.instruction_set {
        None => known_instruction_set(&checkpoint)?,
        named => named,
    };
    let mut run = Run::prepare(settings, subject, arguments, set, console)?;
    if arguments.run.accept_changed_data {
        run.trainer.accept_changed_data();
    }
    run.trainer.accept_changed_settings(&asked_settings(arguments));
    if waits {
        run.trainer.pause_after_epoch();
        run.reporter.note(&format!("the batch size is {} from the next epoch on", grouped(batch_size)));
    }
    if let Some(changes) = changed_rows(&folder, &run.trainer)? {
        run.reporter.note(&changes.to_string());
    }
    let progress = run.trainer.resume(&checkpoint)?;
    if !checkpoint.has_checksum() {
        run.reporter.note(&format!(
            "{} was written by an earlier version: it has no checksum, and does not say which data and settings it was made with",
            folder.checkpoint().display()
        ));
    }
    run.trainer.setting_changes().iter().for_each(|change| run.reporter.note(&changed(change)));
    folder.save_settings(&run.settings)?;
    folder.cut_back(&progress, run.settings.batch_size, run.trainer.is_finished())?;
    run.reporter.note(&run.where_it_stands(path, &progress));
    if let Some(warning) = past_the_schedule(&run.settings, &progress) {
        run.reporter.note(&warning);
    }
    Ok((run, folder, interrupts))
}

/// Trains, and says what can be done next.
fn perform(
    mut run: Run,
    mut folder: RunFolder,
    interrupts: &Interrupts,
    arguments: &TrainArgs,
) -> Result<Performed> {
    let resume = resume_command(folder.path(), &arguments.device.given(arguments.oom));
    interrupts.run_begins(&resume, run.reporter.bar());
    let stop = interrupts.stop();
    let outcome = run.go(&mut folder, interrupts, &arguments.run);
    match outcome {
        Ok((Outcome::Complete, events)) => {
            run.plot(&folder, &arguments.run.plot)?;
            run.complete(&folder, !arguments.run.no_report, events, stop)?;
            Ok(Performed::Whole)
        }
        Ok((Outcome::Paused, _)) => Ok(Performed::UntilChange),
        Ok((Outcome::Interrupted, _)) => {
            run.plot(&folder, &arguments.run.plot)?;
            Err(Error::Interrupted { resume })
        }
        // The reader has gone: that ends the training, but is not a success.
        Err(Error::Output(reason)) if reason.kind() == ErrorKind::BrokenPipe => Err(Error::Unread { resume }),
        // It would diverge again; or its folder is gone.
        Err(error @ (Error::Diverged { .. } | Error::RunGone { .. })) => Err(error),
        Err(error) => {
            Console::remark(&format_args!("the last checkpoint is intact; continue from it with: {resume}"));
            Err(error)
        }
    }
}

impl Run {
    /// Plans, memory and reporter.
    fn prepare(
        settings: Settings,
        subject: Subject,
        arguments: &TrainArgs,
        instruction_set: Option<InstructionSet>,
        console: Console,
    ) -> Result<Run> {
        let shows = match arguments.run.progress {
            ProgressView::Bar => Shows::Bar,
            ProgressView::Tui | ProgressView::Plain => Shows::Lines,
            ProgressView::None => Shows::Epochs,
        };
        let reporter = Reporter::showing(shows, console, &settings, subject.samples().train);
        let unsupported = match arguments.run.resume {
            Some(_) => UnsupportedPrecision::UseF32, // a resumed run is not tied to the GPU it began on
            None => UnsupportedPrecision::Refuse,
        };
        let (device, oom, precision) = (&arguments.device, arguments.oom, settings.precision);
        let resources = device::resources(device, oom, precision, unsupported, instruction_set)?;
        let trainer = Trainer::of(settings.clone(), subject, &resources)?;
        let note = other_parts(oom.accumulate.unwrap_or(1), &trainer.start_event());
        note.iter().for_each(|note| reporter.note(note));
        Ok(Run { settings, trainer, reporter, console })
    }

    /// Takes the weights of `--init`, and reports the mapping.
    fn start_from(&mut self, file: &Path) -> Result<()> {
        let pairs = self.trainer.start_from(&weights::open(file)?)?;
        self.reporter.note(&format!("weights from {}:", file.display()));
        for (parameter, tensor) in pairs {
            self.reporter.note(&format!("  {tensor} -> {parameter}"));
        }
        Ok(())
    }

    /// Reports the start: in one line to people, as an event to programs.
    fn announce(&mut self) -> Result<()> {
        let start = self.trainer.start_event();
        self.console.text(&plan_line(
            &start,
            &network(self.trainer.task(), Language::current()),
            &self.settings,
        ))?;
        self.idle_schedule().iter().for_each(|note| self.reporter.note(note));
        if self.settings.compares_epochs() && self.settings.validation_fraction == 0.0 {
            let by =
                "epochs are compared by the test part, whose figures then flatter the model that is chosen";
            self.reporter.note(&format!("{by}; --validation-fraction 0.1 keeps samples for that"));
        }
        self.reporter.event(&start)
    }

    /// A sentence about a schedule that the run ends before.
    fn idle_schedule(&self) -> Option<String> {
        let Schedule::Step { every, .. } = self.settings.schedule else { return None };
        let (_, total) = self.settings.steps(self.trainer.train_samples() as u64);
        (every >= total).then(|| {
            let total = counted(total as usize, "step");
            format!("the learning rate stays as it is: its first change is due after step {every}, and the run ends after {total}")
        })
    }

    /// Trains. Also returns the file of events, if they are written.
    fn go(
        &mut self,
        folder: &mut RunFolder,
        interrupts: &Interrupts,
        arguments: &RunArgs,
    ) -> Result<(Outcome, Option<EventFile>)> {
        let session = self.trainer.session_record();
        folder.begin_session(&session)?;
        self.announce()?;
        let numbers = self.trainer.step_numbers();
        let begin = || EventFile::begin(folder, &self.settings, numbers, session.step);
        let mut events = arguments.tensorboard.then(begin).transpose()?;
        if arguments.progress == ProgressView::Tui {
            self.cover(folder, interrupts)?;
        }
        let mut observer = Watched { reporter: &mut self.reporter, events: events.as_mut() };
        let outcome = self.trainer.run(folder, &mut observer, interrupts.stop());
        self.reporter.uncover()?;
        Ok((outcome?, events))
    }

    /// Covers the terminal with a screen, if there is a terminal.
    fn cover(&mut self, folder: &RunFolder, interrupts: &Interrupts) -> Result<()> {
        if Console::columns().is_none() {
            self.reporter.note("standard output is no terminal, so there are lines");
            return Ok(());
        }
        let planned = self.trainer.session().planned();
        let of = |category: Category| (category.name(), planned.get(category));
        let mut board = Board::titled(self.title());
        board.memory = Category::ALL.map(of).into_iter().filter(|(_, bytes)| *bytes > 0).collect();
        board.lasts(&self.settings, self.trainer.train_samples() as u64);
        board.follow(&History::read(folder.path())?);
        let (source, part) = self.trainer.evaluation_samples();
        let examples = Examples::first_of(source, &format!("{} {part}", self.settings.dataset))?;
        let screen = Screen::open(board, interrupts.stop())?;
        interrupts.shows(screen.clone());
        let (own, path) = (screen.clone(), folder.path().to_path_buf());
        // Without it there are no mistakes to be seen.
        let _ = Builder::new().name("mistakes".to_owned()).spawn(move || inspect(&own, &path, &examples));
        self.reporter.cover(screen);
        Ok(())
    }

    /// Draws the curves of the run. The run itself is whole, whatever cannot be written now.
    fn plot(&self, folder: &RunFolder, files: &[PictureFile]) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let history = History::read(folder.path())?;
        let Some(drawing) = learning_curves(self.title(), &history) else {
            Console::warning(&"there is no plot: no epoch has ended yet, and no batch was reported");
            return Ok(());
        };
        for file in files {
            match file.write(&drawing, "--plot") {
                Ok(()) => self.console.text(&text!("Plot: {file}", file = file.path().display()))?,
                Err(error) => Console::warning(&format_args!("there is no plot: {}", error.sentence())),
            }
        }
        Ok(())
    }

    /// `mnist, 784-128-10, Adam 0.001, batch size 64`
    fn title(&self) -> String {
        let Settings { dataset, optimizer, batch_size, .. } = &self.settings;
        let (layers, rate) = (layers(self.trainer.task()), self.settings.learning_rate());
        let text = format!(
            "{dataset}, {layers}, {}, batch size {}",
            learning(*optimizer, rate),
            grouped(*batch_size)
        );
        untrusted(&text)
    }

    /// What follows a run that is complete: remarks on its classes, its report, and commands that make use of it.
    fn complete(
        self,
        folder: &RunFolder,
        reports: bool,
        events: Option<EventFile>,
        stop: &Stop,
    ) -> Result<()> {
        self.uncompared().iter().for_each(|note| self.reporter.note(note));
        let (next, settings, console) = (self.next_steps(folder.path()), self.settings, self.console);
        let tested = self.trainer.into_test();
        let remarks = class_remarks(&settings, tested.as_ref(), folder, stop);
        remarks.iter().for_each(|remark| Console::remark(remark));
        // Whatever cannot be written now: the run itself is whole.
        let csv = History::read(folder.path()).and_then(|run| folder.save_metrics_csv(&metrics_csv(&run)));
        if let Err(error) = csv {
            Console::warning(&format_args!("there is no metrics.csv: {}", error.sentence()));
        }
        match show(folder, &settings, tested.as_ref(), reports, events) {
            Ok(Some(path)) => console.text(&text!("Report: {file}", file = path.display()))?,
            Ok(None) => {}
            Err(error) => Console::warning(&format_args!("there is no report: {}", error.sentence())),
        }
        console.commands(&next)
    }

    /// A sentence about a last epoch that was not taken whole, where epochs are compared.
    fn uncompared(&self) -> Option<String> {
        let is_partial = self.settings.compares_epochs() && self.trainer.is_within_an_epoch();
        is_partial.then(|| match self.trainer.best_epoch() {
            None => "the run ended within its first epoch, and only whole epochs are compared: there is no best one",
            Some(_) => "the last epoch was not taken whole, so it was not compared with the others",
        })
        .map(str::to_owned)
    }

    fn where_it_stands(&self, path: &Path, progress: &Progress) -> String {
        let steps = counted_text!(progress.step as usize, "{number} step", "{number} steps");
        let path = path.display();
        if self.trainer.is_finished() {
            let epochs = counted_text!(progress.epoch as usize, "{number} epoch", "{number} epochs");
            if self.trainer.has_stopped_early() {
                return text!(
                    "{path} has ended early after {epochs}, {steps}: none was better for long enough",
                    path,
                    epochs,
                    steps
                );
            }
            match self.settings.max_steps {
                Some(_) => text!(
                    "{path} is complete with {epochs}, {steps}; a larger --max-steps or --epochs continues it",
                    path,
                    epochs,
                    steps
                ),
                None => text!(
                    "{path} is complete with {epochs}, {steps}; a larger --epochs continues it",
                    path,
                    epochs,
                    steps
                ),
            }
        } else {
            text!("resuming {path} in epoch {epoch} after {steps}", path, epoch = progress.epoch + 1, steps)
        }
    }

    /// Commands that make use of the run.
    fn next_steps(&self, folder: &Path) -> String {
        let folder = folder.to_string_lossy();
        let predict = match self.trainer.table() {
            Some(table)
                if table.features.iter().map(|name| name.chars().count() + 1).sum::<usize>()
                    <= LONGEST_ROW =>
            {
                process::command(&["predict", &folder, "--values", &table.features.join(",")])
            }
            Some(_) => process::command(&["predict", &folder, "--dataset", "csv:FILE"]),
            None => process::command(&["predict", &folder, "--random"]),
        };
        let has_best = self.settings.keep == KeptModel::Best && self.trainer.best_epoch().is_some();
        let best: &[&str] = if has_best { &["--best"] } else { &[] };
        let evaluate = process::command(&[&["eval", folder.as_ref()], best].concat());
        if self.trainer.test_samples() > 0 {
            text!("Next:  {evaluate}\n       {predict}", evaluate, predict)
        } else {
            text!("Next:  {predict}", predict)
        }
    }
}

/// What the accuracy of a finished run does not tell. The model is only evaluated class by class where a class may have been
/// missed altogether; that needs no more memory than the run did.
fn class_remarks(
    settings: &Settings,
    tested: Option<&Tested>,
    folder: &RunFolder,
    stop: &Stop,
) -> Vec<String> {
    if settings.max_steps.is_some() {
        return Vec::new(); // a trial
    }
    let Some(Tested { source, backend, metrics }) = tested else { return Vec::new() };
    let Ok(model) = Model::open(&folder.model()) else { return Vec::new() };
    let names = &model.description().classes;
    let mut labelled = vec![0; names.len()];
    (0..source.len() as u32).filter_map(|row| source.label(row)).for_each(|label| labelled[label] += 1);
    let rarest = labelled.iter().copied().filter(|&samples| samples > 0).min().unwrap_or(0);
    let is_weighted = settings.class_weights.is_some();
    if metrics.samples - metrics.correct < rarest {
        return dominance(&labelled, names, is_weighted).into_iter().collect();
    }
    let evaluation = model.evaluate(source, settings.eval_batch_size, backend, stop).ok();
    let found = evaluation.and_then(|evaluation| evaluation.classification);
    found.map_or(Vec::new(), |found| found.remarks(names, is_weighted))
}

/// Shows a finished run in its report and to TensorBoard, as far as wanted; its model predicts the test samples again for it.
/// Returns where the report is.
fn show(
    folder: &RunFolder,
    settings: &Settings,
    tested: Option<&Tested>,
    reports: bool,
    events: Option<EventFile>,
) -> Result<Option<PathBuf>> {
    if !reports && events.is_none() {
        return Ok(None);
    }
    let report = RunReport::gather(folder.path(), |model| {
        let of = |tested: &Tested| {
            examine(model, &tested.source, format!("{} test", settings.dataset), &tested.backend)
        };
        tested.map(of).transpose()
    })?;
    if let (Some(mut events), Some(examined)) = (events, report.examined()) {
        events.show_pictures(
            examined.mistakes().filter_map(|(title, picture)| Some((format!("mistakes/{title}"), picture?))),
        )?;
    }
    if reports { Ok(Some(folder.save_report(&page(&[report])?)?)) } else { Ok(None) }
}

/// A sentence about a batch that does not come in as many parts as asked for: parts hold whole samples, all but the last as many.
fn other_parts(asked: usize, start: &Event) -> Option<String> {
    let Event::Start { batch_size, micro_batch_size, train_samples, .. } = start else { return None };
    let batch = *batch_size.min(train_samples);
    let part = micro_batch_size.unwrap_or(batch);
    let parts = batch.div_ceil(part);
    (asked > 1 && parts != asked).then(|| {
        let (batch, part) = (counted(batch, "sample"), counted(part, "sample"));
        format!("--accumulate {asked}: a batch of {batch} is taken in {parts} parts of {part}")
    })
}

/// Samples per step: as asked for, or as `auto` chooses and reports.
fn batch_size(
    arguments: &TrainArgs,
    settings: &Settings,
    subject: &mut Subject,
    stop: &Stop,
) -> Result<usize> {
    if let BatchSize::Samples(count) = arguments.training.batch_size.unwrap_or_default() {
        return Ok(count);
    }
    let (backend, budget) =
        device::open_within_means(&arguments.device, settings.precision, subject.order_bytes())?;
    let options = FitOptions {
        eval_batch_size: settings.eval_batch_size,
        memory: settings.memory(),
        safety: AUTO_SAFETY,
        time_limit: AUTO_TIME,
        budget,
        ..FitOptions::new(settings.optimizer)
    };
    let on_oom = arguments.device.on_oom(arguments.oom);
    let found = auto(subject, &backend, &options, on_oom, stop)?;
    Console::remark(&found);
    Ok(found.batch_size)
}

/// The settings, with every default resolved, but for a batch size, class weights and a schedule that depend on the data.
pub(super) fn settings_of(
    (subject, training): (&SubjectArgs, &TrainingArgs),
    run: &RunArgs,
    name: &DatasetName,
    options: &LoadOptions,
    (optimizer, schedule): (Optimizer, Schedule),
) -> Result<Settings> {
    let SubjectArgs { model, task, .. } = subject;
    Ok(Settings {
        dataset: name.map_path(|path| anchored_data(name, path))?.to_string(),
        data_dir: anchored(&options.data_dir)?,
        precision: training.precision.precision,
        normalize: options.normalize.to_string(),
        label: options.label.clone(),
        test_fraction: options.test_fraction,
        validation_fraction: options.validation_fraction,
        keep: training.selection.keep,
        best_by: training.selection.best_by,
        patience: training.selection.patience,
        loss: task.loss,
        hidden: model.hidden.0.clone(),
        activation: model.activation,
        dropout: model.dropout,
        batch_size: 0,
        epochs: training.epochs.unwrap_or(TrainingArgs::EPOCHS),
        max_steps: training.max_steps,
        seed: options.seed,
        shuffle: !training.learning.no_shuffle,
        init: training.init.as_deref().map(anchored).transpose()?,
        eval_batch_size: training.learning.step.eval_batch_size,
        keep_gradients: training.learning.step.keep_gradients,
        keep_inputs: training.learning.step.keep_inputs,
        recompute: training.learning.step.recompute.unwrap_or_default(),
        log_every: run.log_every.unwrap_or(Settings::LOG_EVERY),
        checkpoint_every: run.checkpoint_every,
        warmup_steps: training.warmup,
        class_weights: None,
        label_smoothing: training.levers.label_smoothing.filter(|&share| share != 0.0),
        clip_norm: training.levers.clip_norm,
        decay_of: training.levers.decayed(),
        ema: training.levers.ema,
        optimizer,
        schedule,
        table: matches!(name, DatasetName::Csv(_)).then(|| options.table.clone()),
        architecture: None,
        images: ImageOptions {
            cache: options.images.cache.as_deref().map(anchored).transpose()?,
            ..options.images.clone()
        },
    })
}

/// What has become of the rows of its table since the run learnt from them, if anything has.
fn changed_rows(folder: &RunFolder, trainer: &Trainer) -> Result<Option<RowChanges>> {
    let (Some(was), Some(rows)) = (folder.fingerprint()?, trainer.rows()) else { return Ok(None) };
    Ok(was.changes(rows).filter(RowChanges::is_any))
}

/// Refuses to make a run shorter than it is, or than it was planned.
fn check_raised(
    arguments: &TrainArgs,
    settings: &Settings,
    (epochs_done, steps_done): (u64, u64),
) -> Result<()> {
    if let Some(asked) = arguments.training.max_steps.filter(|&asked| asked < steps_done) {
        let done = counted(steps_done as usize, "step");
        let problem = format!("the run has already taken {done}, and {asked} are fewer");
        return Err(Error::option("--max-steps", problem));
    }
    let Some(asked) = arguments.training.epochs else { return Ok(()) };
    let had = match (epochs_done, settings.epochs) {
        (done, _) if asked < done => format!("completed {}", counted(done as usize, "epoch")),
        (_, own) if asked < own => format!("been given {}", counted(own as usize, "epoch")),
        _ => return Ok(()),
    };
    Err(Error::option("--epochs", format!("the run has already {had}; it can only be raised")))
}

/// A run's settings with the changes that are allowed on resuming.
fn resumed(mut settings: Settings, arguments: &TrainArgs) -> Result<Settings> {
    let TrainArgs { training, run, .. } = arguments;
    settings.epochs = training.epochs.unwrap_or(settings.epochs);
    settings.batch_size = match training.batch_size {
        Some(BatchSize::Samples(samples)) => samples,
        Some(BatchSize::Auto) => {
            return Err(Error::option("--batch-size", "auto is for new runs; give a resumed one a number"));
        }
        None => settings.batch_size,
    };
    if let Some(rate) = training.learning.lr {
        if let Schedule::Cosine { minimum, .. } = settings.schedule
            && minimum > rate
        {
            let problem =
                format!("{rate} is below the rate at which the run's cosine ends, which is {minimum}");
            return Err(Error::option("--lr", problem));
        }
        settings = settings.with_learning_rate(rate);
    }
    settings.max_steps = training.max_steps.or(settings.max_steps);
    settings.eval_batch_size = training.learning.step.eval_batch_size.or(settings.eval_batch_size);
    settings.keep_gradients |= training.learning.step.keep_gradients;
    settings.keep_inputs |= training.learning.step.keep_inputs;
    settings.recompute = training.learning.step.recompute.unwrap_or(settings.recompute);
    settings.log_every = run.log_every.unwrap_or(settings.log_every);
    settings.checkpoint_every = run.checkpoint_every.or(settings.checkpoint_every);
    let data = &arguments.subject.data;
    if data.named_folder().is_some() || !available(&settings.dataset_name()?, &settings.data_dir) {
        settings.data_dir = anchored(data.folder())?; // the data have moved
    }
    Ok(settings)
}

/// The keys of settings that the command line gives by name, and from which bits follow.
fn asked_settings(arguments: &TrainArgs) -> Vec<&'static str> {
    let TrainingArgs { batch_size, learning, .. } = &arguments.training;
    let is_given = |option: &str| match option {
        "lr" => learning.lr.is_some(),
        "batch_size" => batch_size.is_some(),
        _ => false,
    };
    let asked = CHANGEABLE.iter().filter(|one| one.fixes_bits && is_given(one.option));
    asked.flat_map(|one| one.keys.iter().copied()).collect()
}

/// `from step 313 on schedule.learning_rate is 0.01, which was 0.001`
fn changed(change: &SettingChange) -> String {
    let SettingChange { step, setting, was, now } = change;
    format!("from step {} on {setting} is {now}, which was {was}", grouped(*step as usize))
}

/// A warning, if the run is longer than its schedule.
fn past_the_schedule(settings: &Settings, progress: &Progress) -> Option<String> {
    let (name, steps, minimum) = match settings.schedule {
        Schedule::Cosine { steps, minimum, .. } => ("cosine", steps, minimum),
        Schedule::OneCycle { steps, minimum, .. } => ("cycle", steps, minimum),
        _ => return None,
    };
    let end = settings.warmup_steps.unwrap_or(0).saturating_add(steps);
    let (_, total) = settings.steps(progress.samples);
    (total > end)
        .then(|| format!("the {name} ends at step {end}; from there on the learning rate is {minimum}"))
}

/// The command that resumes the run in `folder` with the same resources.
fn resume_command(folder: &Path, resources: &[String]) -> String {
    let folder = folder.to_string_lossy();
    let folder = if folder.starts_with('-') { format!("./{folder}") } else { folder.into_owned() };
    let words = ["train", "--resume", &folder].into_iter().chain(resources.iter().map(String::as_str));
    process::command(&words.collect::<Vec<_>>())
}

/// Refuses the name of a run folder that is not text: events and the command that resumes the run contain it.
fn check_text(option: &'static str, path: &Path) -> Result<()> {
    match path.to_str() {
        Some(_) => Ok(()),
        None => Err(Error::option(option, format!("{} is not UTF-8; choose another name", path.display()))),
    }
}

/// Refuses a file that cannot be read, before time is spent on what comes first.
fn check_readable(path: &Path) -> Result<()> {
    open_regular_file(path).map(drop).map_err(Error::io(path, "read"))
}

/// An absolute path: a run can be resumed from any folder.
fn anchored(path: &Path) -> Result<PathBuf> {
    absolute(path).map_err(Error::io(path, "found"))
}

/// The same for a path in the name of a dataset, which must be text; standard input has none.
fn anchored_data(name: &DatasetName, path: &Path) -> Result<PathBuf> {
    if matches!(name, DatasetName::Csv(_)) && path == Path::new("-") {
        return Ok(path.to_path_buf());
    }
    let path = anchored(path)?;
    check_text("--dataset", &path)?;
    Ok(path)
}
