//! `plangrad search`: from what is to be tried to the best of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use indicatif::ProgressBar;
use plangrad_data::{Dataset, DatasetName, LoadOptions};
use plangrad_nn::{Architectures, checkpoint};
use plangrad_tensor::backend::cpu::InstructionSet;
use plangrad_tensor::{Device, Optimizer, Schedule};
use serde::Serialize;

use super::train::settings_of;
use super::{device, subject};
use crate::calendar;
use crate::charts::{Trial, trials};
use crate::cli::{
    BatchSize, DeviceArgs, HiddenSizes, OomArgs, OptimizerName, SearchArgs, SpaceArgs, SubjectArgs,
    TrainingArgs,
};
use crate::device::{Precision, UnsupportedPrecision};
use crate::drawing::PictureFile;
use crate::error::{Error, Result};
use crate::numbers::{counted, grouped, percent, short, size};
use crate::output::{Align, Console, Table, untrusted};
use crate::process;
use crate::report::{RunReport, search_page};
use crate::search::{Course, Draw, PlannedTrial, Progress, Rates, Reached, SearchPlan, Space, trial_folder};
use crate::train::{
    Interrupts, MemoryLayout, REPORT, Resources, SampleCounts, Settings, check_samples, class_counts, task,
};

/// Draws for each trial that is wanted, until a space counts as used up.
const MOST_DRAWS: u64 = 200;

/// Trials that the page shows side by side.
const MOST_SHOWN: usize = 8;

/// The share of samples by which trials are compared, where none was named: comparing by the test part would flatter the best.
const VALIDATION: f64 = 0.1;

/// Searches, or goes on with a search.
///
/// # Errors
/// If arguments, data, files or memory are wrong; [`Error::Interrupted`] after Ctrl-C, once everything is saved.
pub(super) fn perform(arguments: &SearchArgs, console: &Console) -> Result<()> {
    arguments.folder.plot.iter().try_for_each(PictureFile::check)?; // before time is spent in vain
    let interrupts = Interrupts::listen();
    let (folder, plan) = match &arguments.folder.resume {
        Some(folder) => (folder.clone(), SearchPlan::read(folder)?),
        None => begin(arguments)?,
    };
    let left_out = match plan.too_large {
        0 => String::new(),
        draws => format!(", {} left out since they need more memory", counted(draws, "draw")),
    };
    let trials = counted(plan.trials.len(), "trial");
    Console::remark(&format_args!("{trials} in {}{left_out}", folder.display()));
    let resume = process::command(&["search", "--resume", &folder.to_string_lossy()]);
    interrupts.run_begins(&resume, ProgressBar::hidden());
    let precision = plan.trials[0].settings.precision;
    let resources = |set| resources(&arguments.device, arguments.oom, precision, set);
    let course = Course { plan: &plan, folder: &folder, resources: &resources, stop: interrupts.stop() };
    let reached = course.run(&mut Told { console }).map_err(|error| match error {
        Error::Stopped => Error::Interrupted { resume: resume.clone() },
        error => error,
    })?;
    Results::of(&plan, &folder, &reached).show(arguments, console)
}

fn resources(
    device: &DeviceArgs,
    oom: OomArgs,
    precision: Precision,
    set: Option<InstructionSet>,
) -> Result<Resources> {
    let set = device.instruction_set.or(set);
    device::resources(device, oom, precision, UnsupportedPrecision::Refuse, set)
}

/// A new search: its trials, all of them planned, and its folder.
fn begin(arguments: &SearchArgs) -> Result<(PathBuf, SearchPlan)> {
    let SearchArgs { space, subject: SubjectArgs { data, task, .. }, training, device, oom, folder } =
        arguments;
    if let Some(path) = folder.out.as_ref().filter(|path| SearchPlan::is_in(path)) {
        let problem =
            format!("{} has a search; go on with it by --resume, or name another folder", path.display());
        return Err(Error::option("--out", problem));
    }
    if training.batch_size == Some(BatchSize::Auto) {
        return Err(Error::option(
            "--batch-size",
            "auto is for single runs; --try-batch-size 32,64,128 tries some",
        ));
    }
    training.levers.check(task.loss)?;
    training.schedule(1, u64::MAX)?; // wrong options are refused before the data are loaded
    let (name, labels) = subject::choose(data, *task)?;
    let mut options = data.options(labels, training.learning.seed);
    if data.validation_fraction.is_none() {
        options.validation_fraction = VALIDATION;
        let kept = percent(VALIDATION);
        Console::remark(&format_args!(
            "{kept} of the samples are kept to compare trials by (--validation-fraction)"
        ));
    }
    let dataset = subject::dataset(&name, &options)?;
    check_samples(&name, dataset.train.len())?;
    let resources = resources(device, *oom, training.precision.precision, None)?;
    let budget = device.budget.bytes();
    let planner = Planner {
        arguments,
        name: &name,
        options: &options,
        dataset: &dataset,
        device: resources.backend.device(),
    };
    let (trials, too_large) = planner.trials(&varied(space), budget)?;
    let plan = SearchPlan {
        command: process::own_command(),
        method: space.method,
        factor: space.factor,
        epochs: training.epochs.unwrap_or(TrainingArgs::EPOCHS),
        time_budget: space.time_budget,
        too_large,
        trials,
    };
    let folder = match &folder.out {
        Some(path) => path.clone(),
        None => {
            Path::new("runs").join(format!("search-{}-{}", name.kind(), calendar::compact(SystemTime::now())))
        }
    };
    fs::create_dir_all(&folder).map_err(Error::io(&folder, "made a folder"))?;
    plan.write(&folder)?;
    Ok((folder, plan))
}

/// What can be varied.
type SearchSpace = Space<HiddenSizes, OptimizerName>;

/// What is varied: learning rates, if nothing was named.
fn varied(space: &SpaceArgs) -> SearchSpace {
    let SpaceArgs { try_lr, try_hidden, try_batch_size, try_optimizer, .. } = space;
    let is_empty = try_hidden.is_empty() && try_batch_size.is_empty() && try_optimizer.is_empty();
    let by_default = is_empty.then_some(Rates::Between(1e-4, 1e-1));
    Space {
        rates: try_lr.clone().or(by_default),
        hidden: try_hidden.clone(),
        batch_sizes: try_batch_size.clone(),
        optimizers: try_optimizer.clone(),
    }
}

/// Plans trials.
struct Planner<'a> {
    arguments: &'a SearchArgs,
    name: &'a DatasetName,
    options: &'a LoadOptions,
    dataset: &'a Dataset,
    device: Device,
}

impl Planner<'_> {
    /// So many trials as are wanted, each another one, that fit into `budget` bytes; and how many draws did not.
    fn trials(&self, space: &SearchSpace, budget: Option<u64>) -> Result<(Vec<PlannedTrial>, usize)> {
        let SpaceArgs { trials: wanted, .. } = self.arguments.space;
        let seed = self.arguments.training.learning.seed;
        let (mut drawn, mut trials, mut least) = (Vec::new(), Vec::new(), None::<u64>);
        for number in 0..MOST_DRAWS.saturating_mul(wanted as u64) {
            let draw = space.draw(seed, number);
            if trials.len() == wanted {
                break;
            }
            if drawn.contains(&draw) {
                continue;
            }
            let settings = self.settings(&draw)?;
            drawn.push(draw);
            let planned_bytes = self.planned_bytes(&settings)?;
            least = Some(least.map_or(planned_bytes, |least| least.min(planned_bytes)));
            if budget.is_none_or(|budget| planned_bytes <= budget) {
                trials.push(PlannedTrial { number: trials.len() + 1, planned_bytes, settings });
            }
        }
        match (least, budget) {
            (Some(least), Some(budget)) if trials.is_empty() => {
                let problem =
                    format!("{} are too few for any trial; the smallest takes {}", size(budget), size(least));
                Err(Error::option("--memory-budget", problem))
            }
            _ => {
                let too_large = drawn.len() - trials.len();
                Ok((trials, too_large))
            }
        }
    }

    /// The settings of the run that a draw is.
    fn settings(&self, draw: &Draw<HiddenSizes, OptimizerName>) -> Result<Settings> {
        let (mut subject, mut training) = (self.arguments.subject.clone(), self.arguments.training.clone());
        training.learning.lr = draw.rate.or(training.learning.lr);
        training.batch_size = draw.batch_size.map(BatchSize::Samples).or(training.batch_size);
        draw.hidden.iter().for_each(|hidden| subject.model.hidden = hidden.clone());
        let step = &mut training.learning.step;
        step.optimizer = draw.optimizer.unwrap_or(step.optimizer);
        if draw.optimizer.is_some_and(|optimizer| optimizer != OptimizerName::Sgd) {
            step.momentum = None; // which the others do not have
        }
        let optimizer = training.learning.optimizer()?;
        let schedule = training.schedule(1, u64::MAX)?;
        let mut settings = settings_of(
            (&subject, &training),
            &Default::default(),
            self.name,
            self.options,
            (optimizer, schedule),
        )?;
        if let BatchSize::Samples(samples) = training.batch_size.unwrap_or_default() {
            settings.batch_size = samples; // auto was refused
        }
        training.selection.check(&settings)?;
        let counts = || class_counts(&self.dataset.train.targets, self.dataset.classes.len());
        settings.class_weights = training.levers.class_weights(counts)?;
        let described = subject::Described::of(&subject.model)?;
        if described.is_from_file() {
            let network = described.network(&self.dataset.sample_shape, self.dataset.outputs())?;
            settings = settings.with_network(network.architecture()?);
        }
        let (per_epoch, total) = settings.steps(self.dataset.train.len() as u64);
        settings.schedule = training.schedule(per_epoch, total)?;
        Ok(settings)
    }

    /// What the run will take, to the byte.
    fn planned_bytes(&self, settings: &Settings) -> Result<u64> {
        let Dataset { train, validation, test, .. } = self.dataset;
        let counts = SampleCounts { train: train.len(), validation: validation.len(), test: test.len() };
        let known = Architectures::new();
        let network = settings.network(&self.dataset.sample_shape, self.dataset.outputs(), &known)?;
        let task = task(self.dataset, settings.normalize()?, network, settings.loss)?;
        let weights = settings.class_weights.as_deref();
        let task = settings.levers().on(task, weights)?;
        let step = settings.step();
        let parts = self.arguments.oom.accumulate.unwrap_or(1).max(1);
        let layout = MemoryLayout::new(self.device, step.whole(counts.train).div_ceil(parts));
        Ok(layout.planned(&step, &task, counts)?.total())
    }
}

/// Tells how the search goes on.
struct Told<'a> {
    console: &'a Console,
}

/// A trial that has come as far as its rung says, in JSON.
#[derive(Serialize)]
struct TrialEvent<'a> {
    event: &'static str,
    #[serde(flatten)]
    row: &'a Row,
}

impl Progress for Told<'_> {
    fn reached(&mut self, trial: &PlannedTrial, reached: &Reached) -> Result<()> {
        let row = Row::of(trial, reached);
        self.console.json(&TrialEvent { event: "trial", row: &row })?;
        self.console.text(&row.sentence())
    }
}

/// What a trial is, and what it came to.
#[derive(Clone, Debug, Serialize)]
struct Row {
    trial: usize,
    optimizer: String,
    learning_rate: f64,
    hidden: String,
    batch_size: usize,
    planned_bytes: u64,
    epochs: u64,
    accuracy: Option<f64>,
    loss: Option<f64>,
    seconds: f64,
    is_complete: bool,
}

impl Row {
    fn of(trial: &PlannedTrial, reached: &Reached) -> Row {
        let settings = &trial.settings;
        let hidden = match (&settings.architecture, settings.hidden.as_slice()) {
            (Some(_), _) => "file".to_owned(),
            (None, []) => "none".to_owned(),
            (None, sizes) => sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("-"),
        };
        Row {
            trial: trial.number,
            optimizer: optimizer_name(settings.optimizer).to_owned(),
            learning_rate: peak(settings.schedule),
            hidden,
            batch_size: settings.batch_size,
            planned_bytes: trial.planned_bytes,
            epochs: reached.score.map_or(0, |score| score.epoch),
            accuracy: reached.score.and_then(|score| score.accuracy),
            loss: reached.score.map(|score| score.loss),
            seconds: reached.seconds,
            is_complete: reached.is_complete,
        }
    }

    fn cells(&self) -> [String; 9] {
        let or_dash = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
        [
            self.trial.to_string(),
            self.optimizer.clone(),
            short(self.learning_rate),
            self.hidden.clone(),
            grouped(self.batch_size),
            size(self.planned_bytes),
            self.epochs.to_string(),
            or_dash(self.accuracy.map(percent)),
            or_dash(self.loss.map(short)),
        ]
    }

    /// `trial 3, adam 0.0012, hidden 128, batch size 64: accuracy 96.12 %, loss 0.1234 after 3 epochs`
    fn sentence(&self) -> String {
        let Row { trial, optimizer, hidden, epochs, .. } = self;
        let accuracy = self.accuracy.map_or(String::new(), |share| format!("accuracy {}, ", percent(share)));
        let result = match self.loss {
            Some(loss) => {
                format!("{accuracy}loss {} after {}", short(loss), counted(*epochs as usize, "epoch"))
            }
            None => "no epoch that can be compared".to_owned(),
        };
        let rate = short(self.learning_rate);
        let batch = grouped(self.batch_size);
        format!("trial {trial}, {optimizer} {rate}, hidden {hidden}, batch size {batch}: {result}")
    }
}

/// As the command line has it.
fn optimizer_name(optimizer: Optimizer) -> &'static str {
    match optimizer {
        Optimizer::Sgd { .. } => "sgd",
        Optimizer::Adam { .. } => "adam",
        _ => "adamw",
    }
}

/// The rate that `--lr` gave a schedule.
fn peak(schedule: Schedule) -> f64 {
    match schedule {
        Schedule::Constant { learning_rate }
        | Schedule::Cosine { learning_rate, .. }
        | Schedule::Step { learning_rate, .. }
        | Schedule::OneCycle { learning_rate, .. } => learning_rate,
        _ => f64::NAN,
    }
}

/// What the search came to.
struct Results<'a> {
    folder: &'a Path,
    title: String,
    /// The best first.
    rows: Vec<Row>,
}

/// The last line of JSON.
#[derive(Serialize)]
struct End<'a> {
    event: &'static str,
    search: &'a Path,
    /// The best trial's run; null if none came to anything.
    best: Option<PathBuf>,
    report: Option<PathBuf>,
    trials: &'a [Row],
}

impl<'a> Results<'a> {
    fn of(plan: &SearchPlan, folder: &'a Path, reached: &[Reached]) -> Results<'a> {
        let row = |one: &Reached| Row::of(&plan.trials[one.number - 1], one);
        let title = format!(
            "{}, {}",
            untrusted(&plan.trials[0].settings.dataset),
            counted(plan.trials.len(), "trial")
        );
        Results { folder, title, rows: reached.iter().map(row).collect() }
    }

    fn show(&self, arguments: &SearchArgs, console: &Console) -> Result<()> {
        console.text(&format_args!("\n{}", self.table()))?;
        self.plot(&arguments.folder.plot, console)?;
        let report = match self.report() {
            Ok(path) => Some(path),
            Err(error) => {
                Console::warning(&format_args!("there is no report: {}", error.sentence()));
                None
            }
        };
        report.iter().try_for_each(|path| console.text(&format_args!("Report: {}", path.display())))?;
        let best = self.rows.first().filter(|row| row.loss.is_some());
        let best = best.map(|row| (trial_folder(self.folder, row.trial), row.is_complete));
        if let Some((run, is_complete)) = &best {
            let run = run.to_string_lossy();
            let next = if *is_complete { vec!["eval", &run] } else { vec!["train", "--resume", &run] };
            console.commands(&format_args!("Next:  {}", process::command(&next)))?;
        }
        let best = best.map(|(run, _)| run);
        console.json(&End { event: "end", search: self.folder, best, report, trials: &self.rows })
    }

    fn table(&self) -> Table {
        let headings =
            ["trial", "optimizer", "lr", "hidden", "batch", "planned", "epochs", "accuracy", "loss"];
        let is_left = |heading: &str| matches!(heading, "optimizer" | "hidden");
        let align = |heading| (heading, if is_left(heading) { Align::Left } else { Align::Right });
        let mut table = Table::new(headings.map(align));
        self.rows.iter().for_each(|row| table.row(row.cells()));
        table
    }

    fn plot(&self, files: &[PictureFile], console: &Console) -> Result<()> {
        let trial = |row: &Row| {
            let (kind, rate, accuracy) = (row.optimizer.clone(), row.learning_rate, row.accuracy);
            Some(Trial { kind, rate, accuracy, loss: row.loss? })
        };
        let shown: Vec<Trial> = self.rows.iter().filter_map(trial).collect();
        let Some(drawing) = trials(self.title.clone(), &shown) else { return Ok(()) };
        for file in files {
            file.write(&drawing, "--plot")?;
            console.text(&format_args!("Plot: {}", file.path().display()))?;
        }
        Ok(())
    }

    /// Writes the page of the search. Returns where it is.
    fn report(&self) -> Result<PathBuf> {
        let begun = self.rows.iter().filter(|row| row.epochs > 0).take(MOST_SHOWN);
        let gather = |row: &Row| -> Result<RunReport> {
            let mut report = RunReport::gather(&trial_folder(self.folder, row.trial), |_| Ok(None))?;
            report.set_problem("a search shows no samples; plangrad report does");
            Ok(report)
        };
        let reports = begun.map(gather).collect::<Result<Vec<_>>>()?;
        let path = self.folder.join(REPORT);
        checkpoint::replace(&path, search_page(&reports, &self.rows)?.as_bytes())?;
        Ok(path)
    }
}
