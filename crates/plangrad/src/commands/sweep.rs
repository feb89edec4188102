//! `plangrad sweep`: batch sizes compared, as a table for people, a line per row for programs, and plots for both.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plangrad_data::Split;
use plangrad_nn::Loss;
use plangrad_tensor::Backend;
use plangrad_tensor::{Device, Schedule};

use super::{device, subject};
use crate::cli::SweepArgs;
use crate::device::{Precision, open};
use crate::error::{Error, Result};
use crate::fit::{Throughput, knee};
use crate::language::Language;
use crate::numbers::{counted, grouped, short, size};
use crate::output::Console;
use crate::output::{Align, Table};
use crate::sweep::{self, Race, Recipe, Row, Sweep, SweepProgress, Watcher};
use crate::train::{Interrupts, SampleCounts, Subject, layers, learning, network, samples};

/// Parts of a run that the progress bar distinguishes.
const PARTS: usize = 1000;

pub(super) fn sweep(arguments: &SweepArgs, console: &mut Console) -> Result<()> {
    let recipe = recipe(arguments)?;
    arguments.plot.iter().try_for_each(|file| file.check())?; // before minutes are spent in vain
    let (dataset, subject) = subject::load(&arguments.subject, &arguments.levers, arguments.learning.seed)?;
    let interrupts = Interrupts::listen(); // before, a signal ends the program: reading a pipe may never end
    let mut sweep = Sweep::new(recipe, arguments.batch_sizes.clone(), subject);
    let devices = devices(arguments)?;
    let words = Words::of(&sweep, dataset.to_string(), arguments.precision.precision);
    console.text(&words.heading(&devices))?;
    let mut display = Display { console: *console, bar: bar(*console), part: words.part };
    interrupts.shows(display.bar.clone());
    let (rows, ended) = sweep.run(&devices, &mut display, interrupts.stop());
    display.bar.finish_and_clear();
    if !rows.is_empty() {
        console.text(&words.results(&rows))?;
    }
    ended?;
    let drawing = sweep::draw(words.title(&rows), &rows);
    for (i, file) in arguments.plot.iter().enumerate() {
        file.write(&drawing, "--plot")?;
        let gap = if i == 0 { "\n" } else { "" };
        console.text(&format_args!("{gap}written to {}", file.path().display()))?;
    }
    sweep.check_measured(&devices, &rows)
}

fn recipe(arguments: &SweepArgs) -> Result<Recipe> {
    let learning = &arguments.learning;
    Ok(Recipe {
        optimizer: learning.optimizer()?,
        learning_rate: learning.learning_rate(),
        epochs: arguments.epochs,
        seconds: arguments.seconds,
        seed: learning.seed,
        shuffle: !learning.no_shuffle,
        eval_batch_size: learning.step.eval_batch_size,
        memory: learning.step.memory(arguments.precision),
    })
}

/// The devices, each of them once.
fn devices(arguments: &SweepArgs) -> Result<Vec<Backend>> {
    arguments.budget.note().iter().for_each(|note| Console::remark(note));
    let mut devices: Vec<Backend> = Vec::new();
    let options = device::options(arguments.threads, &arguments.budget, arguments.precision.precision);
    let mut refused = None;
    for &choice in &arguments.devices {
        let device = match open(choice, options) {
            Ok(device) => device,
            Err(error @ (Error::Cuda { .. } | Error::Graphics { .. } | Error::NoGpu { .. }))
                if arguments.devices.len() > 1 =>
            {
                Console::warning(&format_args!("left out: {}", error.sentence()));
                refused = Some(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        if devices.iter().all(|other| other.device() != device.device()) {
            devices.push(device);
        }
    }
    match refused {
        Some(error) if devices.is_empty() => Err(error),
        _ => Ok(devices),
    }
}

fn bar(console: Console) -> ProgressBar {
    let is_hidden = console.is_json() || Console::is_quiet();
    let target = if is_hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{bar:24} {percent:>3} %  {msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(None, target).with_style(style)
}

/// Reports progress as it happens.
struct Display {
    console: Console,
    bar: ProgressBar,
    /// The part that sizes are compared by.
    part: Split,
}

impl Watcher for Display {
    fn progress(&mut self, progress: &SweepProgress) {
        let SweepProgress { device, batch_size, runs_done, runs, share, race } = *progress;
        self.bar.set_length((runs * PARTS) as u64);
        self.bar.set_position((runs_done * PARTS + (share * PARTS as f64) as usize) as u64);
        let what = match race {
            Race::EqualEpochs => "equal epochs",
            Race::EqualTime => "equal time",
        };
        let batch_size = grouped(batch_size);
        self.bar.set_message(format!(
            "run {} of {runs}: {what}, {device}, batch size {batch_size}",
            runs_done + 1
        ));
    }

    /// On standard error, in case the sweep does not come to its end.
    fn measured(&mut self, row: &Row) {
        let what = match (row.seconds_per_epoch, row.accuracy_after_epochs) {
            (None, _) => "out of memory".to_owned(),
            (Some(time), None) => format!("{} an epoch", sweep::seconds(time)),
            (Some(time), Some(accuracy)) => {
                let (time, part) = (sweep::seconds(time), self.part);
                format!("{time} an epoch, {part} accuracy {:.2} %", 100.0 * accuracy)
            }
        };
        let line = format!("{}, batch size {}: {what}", row.device, grouped(row.batch_size));
        self.bar.suspend(|| Console::remark(&line));
    }

    fn row(&mut self, row: &Row) -> Result<()> {
        self.console.json(row)
    }
}

/// The comparison in words.
struct Words {
    dataset: String,
    samples: SampleCounts,
    /// The part that sizes are compared by.
    part: Split,
    /// `784-128-10`
    layers: String,
    /// The same with the number of parameters.
    network: String,
    /// `Adam 0.001`
    optimizer: String,
    /// ` in TF32`
    numbers: &'static str,
    epochs: String,
    has_accuracy: bool,
}

impl Words {
    fn of(sweep: &Sweep, dataset: String, precision: Precision) -> Words {
        let Subject { task, data, .. } = sweep.subject();
        let (recipe, samples, part) = (sweep.recipe, data.samples(), data.evaluation_part());
        let schedule = Schedule::Constant { learning_rate: recipe.learning_rate };
        let optimizer = learning(recipe.optimizer, schedule.into());
        Words {
            dataset,
            samples,
            part,
            layers: layers(task),
            network: network(task, Language::English),
            optimizer,
            numbers: precision.words(),
            epochs: counted(recipe.epochs as usize, "epoch"),
            has_accuracy: task.loss() == Loss::CrossEntropy && !data.of(part).is_empty(),
        }
    }

    /// What will be compared.
    fn heading(&self, devices: &[Backend]) -> String {
        let devices: Vec<String> = devices.iter().map(|device| device.device().to_string()).collect();
        format!(
            "{}: {}; {}; {} for every batch size; on {}{}",
            self.dataset,
            samples(self.samples.train, self.samples.validation, self.samples.test),
            self.network,
            self.optimizer,
            devices.join(" and "),
            self.numbers
        )
    }

    /// The title of the plots.
    fn title(&self, rows: &[Row]) -> String {
        let first = rows.first().map(|row| row.device);
        let device = match first.filter(|&first| rows.iter().all(|row| row.device == first)) {
            Some(device) => format!(" on {device}"),
            None => String::new(),
        };
        format!("{}, {}, {}{device}{}", self.dataset, self.layers, self.optimizer, self.numbers)
    }

    /// Everything measured, and conclusions.
    fn results(&self, rows: &[Row]) -> String {
        let mut text = format!("\n{}\n", self.table(rows));
        for row in rows {
            if let Some(shortage) = row.out_of_memory {
                let [needed, free] = [shortage.needed_bytes, shortage.free_bytes];
                text += &format!(
                    "\n{}, batch size {}: out of memory, {} needed and {} free",
                    row.device,
                    grouped(row.batch_size),
                    size(needed),
                    size(free)
                );
            }
        }
        for row in rows {
            if let (Some(seconds), Some(equal)) = (row.overtime(), row.equal_seconds) {
                text += &format!(
                    "\n* {}, batch size {}: its last step ended after {} and not after {}; it is not compared after equal time",
                    row.device,
                    grouped(row.batch_size),
                    sweep::seconds(seconds),
                    sweep::seconds(equal)
                );
            }
        }
        if let Some(largest) =
            rows.iter().map(|row| row.batch_size).max().filter(|&most| most > self.samples.train)
        {
            let there = counted(self.samples.train, "sample");
            text += &format!(
                "\nbatch size {}: there are only {there} to learn from, so a step takes those",
                grouped(largest)
            );
        }
        let mut devices: Vec<Device> = rows.iter().map(|row| row.device).collect();
        devices.dedup();
        for device in devices {
            let rows: Vec<&Row> = rows.iter().filter(|row| row.device == device).collect();
            text += &self.conclusion(device, &rows).map_or(String::new(), |sentence| format!("\n{sentence}"));
        }
        text
    }

    fn table(&self, rows: &[Row]) -> Table {
        let learnt = format!("{} {}", self.part, if self.has_accuracy { "accuracy" } else { "loss" });
        let seconds = rows.iter().find_map(|row| row.equal_seconds).map(sweep::seconds);
        let seconds = seconds.unwrap_or_else(|| "equal time".to_owned());
        let headings = [
            "device",
            "batch size",
            "s/epoch",
            "samples/s",
            "ms/step",
            "planned",
            "measured",
            "loss std. dev.",
        ];
        let [after_epochs, after_time] = [&self.epochs, &seconds].map(|when| format!("after {when}"));
        let left = |heading| (heading, if heading == "device" { Align::Left } else { Align::Right });
        let last = [&*after_epochs, &after_time, "in steps"].map(left);
        let headings = headings.map(left).into_iter().chain(last);
        let above = ["", "", "", "", "", "", "", "", &learnt, &learnt, ""].into_iter();
        let mut table = Table::new(above.zip(headings.clone()).map(|(above, (_, align))| (above, align)));
        table.row(headings.map(|(heading, _)| heading));
        rows.iter().for_each(|row| table.row(self.cells(row)));
        table
    }

    fn cells(&self, row: &Row) -> [String; 11] {
        let or_dash = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
        let number =
            |value: Option<f64>, decimals: usize| or_dash(value.map(|value| format!("{value:.decimals$}")));
        let learnt = |accuracy: Option<f64>, loss: Option<f64>| match (accuracy, loss) {
            (_, Some(loss)) if !loss.is_finite() => "diverged".to_owned(),
            (Some(accuracy), _) => format!("{:.2} %", 100.0 * accuracy),
            (None, loss) => or_dash(loss.map(short)),
        };
        let overtime = if row.overtime().is_some() { " *" } else { "" };
        [
            row.device.to_string(),
            grouped(row.batch_size),
            number(row.seconds_per_epoch, 3),
            or_dash(row.samples_per_second.map(|rate| grouped(rate.round() as usize))),
            number(row.milliseconds_per_step, 3),
            size(row.planned_bytes),
            or_dash(row.measured_bytes.map(size)),
            number(row.step_loss_deviation, 4),
            learnt(row.accuracy_after_epochs, row.loss_after_epochs),
            learnt(row.accuracy_after_equal_time, row.loss_after_equal_time) + overtime,
            or_dash(row.steps_in_equal_time.map(|steps| grouped(steps as usize))),
        ]
    }

    /// Which sizes did best on a device; nothing if there is only one.
    fn conclusion(&self, device: Device, rows: &[&Row]) -> Option<String> {
        let pace = |row: &&Row| {
            Some(Throughput { batch_size: row.batch_size, samples_per_second: row.samples_per_second? })
        };
        let paces: Vec<Throughput> = rows.iter().filter_map(pace).collect();
        let fastest = paces.iter().max_by(|a, b| a.samples_per_second.total_cmp(&b.samples_per_second));
        let (fastest, as_good) = (fastest.filter(|_| paces.len() > 1)?.batch_size, knee(&paces)?);
        let after_epochs = self.best(rows, |row| (row.accuracy_after_epochs, row.loss_after_epochs));
        let in_time: Vec<&Row> = rows.iter().copied().filter(|row| row.overtime().is_none()).collect();
        let after_time =
            self.best(&in_time, |row| (row.accuracy_after_equal_time, row.loss_after_equal_time));
        let mut learnt =
            after_epochs.map_or(String::new(), |size| format!("; the best after {} is {size}", self.epochs));
        if let Some(size) = after_time.filter(|_| !learnt.is_empty()) {
            learnt += &format!(", after equal time {size}");
        }
        let [fastest, as_good] = [fastest, as_good].map(grouped);
        Some(format!(
            "{device}: the fastest is batch size {fastest}, the smallest within 5 % of it {as_good}{learnt}"
        ))
    }

    /// The size of the row with the largest accuracy, or with the smallest loss if there is none; nothing if there is nothing
    /// to compare.
    fn best(&self, rows: &[&Row], learnt: fn(&Row) -> (Option<f64>, Option<f64>)) -> Option<String> {
        let score = |row: &Row| match learnt(row) {
            (accuracy, _) if self.has_accuracy => accuracy,
            (_, loss) => loss.map(|loss| -loss),
        };
        let scores = rows.iter().filter_map(|row| Some((score(row)?, row.batch_size)));
        let scores: Vec<(f64, usize)> = scores.collect();
        let finite = scores.iter().filter(|(score, _)| score.is_finite());
        let best = finite.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|_| scores.len() > 1);
        best.map(|(_, size)| grouped(*size))
    }
}
