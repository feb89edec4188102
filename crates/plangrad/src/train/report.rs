//! A run reported to people or programs: lines on standard output, a progress bar on a terminal.

use std::cell::RefCell;
use std::fmt::Write;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use plangrad_data::Split;

use super::best::Criterion;
use super::event::{BestModel, Event, Observer, Position, Rung, Verdict};
use super::settings::Settings;
use super::words::{learning, levers, samples};
use crate::error::Result;
use crate::language::text;
use crate::numbers::{counted_text, grouped, percent, size};
use crate::output::Console;
use crate::screen::Screen;

/// What a reporter shows of a run that goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shows {
    /// Lines, and a bar below them.
    #[default]
    Bar,
    /// Lines.
    Lines,
    /// Lines without those for single batches.
    Epochs,
}

/// Reports a run on a console.
pub struct Reporter {
    console: Console,
    shows: Shows,
    bar: ProgressBar,
    /// Covers the terminal, while it is there; lines wait.
    screen: Option<Screen>,
    waiting: RefCell<Vec<String>>,
    epochs: u64,
    /// Batches of one epoch.
    batches: u64,
    is_moving: bool,
}

impl Reporter {
    /// For a run with these settings on so many samples.
    #[must_use]
    pub fn new(console: Console, settings: &Settings, samples: usize) -> Reporter {
        Reporter::showing(Shows::default(), console, settings, samples)
    }

    /// The same, which shows this.
    #[must_use]
    pub fn showing(shows: Shows, console: Console, settings: &Settings, samples: usize) -> Reporter {
        let (samples, batch_size) = (samples as u64, settings.batch_size as u64);
        let all = settings.epochs.saturating_mul(samples);
        let allowed = settings.max_steps.map_or(all, |steps| steps.saturating_mul(batch_size));
        let is_hidden = console.is_json() || Console::is_quiet() || shows != Shows::Bar;
        let target = if is_hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(all.min(allowed)), target).with_style(style());
        let (batches, waiting) = (samples.div_ceil(batch_size), RefCell::default());
        Reporter {
            console,
            shows,
            bar,
            screen: None,
            waiting,
            epochs: settings.epochs,
            batches,
            is_moving: false,
        }
    }

    /// The bar, for others that write to the same terminal.
    #[must_use]
    pub fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// From now on, and until it is closed, the screen covers the terminal.
    pub(crate) fn cover(&mut self, screen: Screen) {
        self.screen = Some(screen);
    }

    /// Closes the screen, if there is one, and writes what waited for that.
    ///
    /// # Errors
    /// [`Error::Output`](crate::Error::Output).
    pub(crate) fn uncover(&mut self) -> Result<()> {
        self.screen.take().iter().for_each(Screen::close);
        self.write_waiting()
    }

    /// A sentence for people: which weights were taken, what was resumed.
    pub fn note(&self, note: &str) {
        self.bar.suspend(|| Console::remark(&note));
    }

    /// Writes a line without tearing what shows progress.
    fn line(&self, line: String) -> Result<()> {
        self.waiting.borrow_mut().push(line);
        if self.screen.as_ref().is_some_and(Screen::is_open) { Ok(()) } else { self.write_waiting() }
    }

    fn write_waiting(&self) -> Result<()> {
        let lines = self.waiting.take();
        lines.iter().try_for_each(|line| self.bar.suspend(|| self.console.text(line)))
    }

    fn is_worth_a_line(&self, event: &Event) -> bool {
        let is_of_a_batch = matches!(event, Event::Step { .. });
        !is_of_a_batch || self.shows != Shows::Epochs && self.screen.is_none()
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let _ = self.uncover();
    }
}

/// An event in words, for a run of so many epochs with so many batches in each; `None` where there is nothing to say.
pub(crate) fn describe(event: &Event, epochs: u64, batches: u64) -> Option<String> {
    Some(match event {
        // The command says more than these events: its plan at the start, how to resume after an interruption.
        Event::Start { .. } | Event::End { model: None, .. } => return None,
        Event::Oom { rung, reason, bytes_before, bytes_after } => {
            let (before, after) = (size(*bytes_before), size(*bytes_after));
            let rung = describe_rung(*rung);
            text!(
                "Out of memory: {reason}; {rung}: {before} before, {after} now",
                reason,
                rung,
                before,
                after
            )
        }
        Event::Step { epoch, step, loss } => {
            text!(
                "Epoch {epoch}/{epochs}, batch {step}/{batches}, loss {loss:.4}",
                epoch,
                epochs,
                step,
                batches,
                loss
            )
        }
        Event::Epoch { .. } => describe_epoch(event, epochs),
        Event::End { model: Some(_), .. } => describe_end(event),
    })
}

fn describe_end(event: &Event) -> String {
    let Event::End {
        total_seconds, test_loss, test_accuracy, model: Some(model), best, stopped_early, ..
    } = event
    else {
        return String::new();
    };
    let early = match stopped_early {
        true => text!(", early since no epoch was better any more"),
        false => String::new(),
    };
    let (time, test) = (seconds(*total_seconds), tested(*test_loss, *test_accuracy));
    let best = best.as_ref().map_or(String::new(), describe_best);
    let model = model.display();
    text!("Done in {time}{early}{test}, model in {model}{best}", time, early, test, model, best)
}

/// `, test accuracy 97.31 %`, or the loss of a regression; nothing without a test part.
fn tested(loss: Option<f64>, accuracy: Option<f64>) -> String {
    match (accuracy, loss) {
        (Some(share), _) => text!(", test accuracy {share}", share = percent(share)),
        (None, Some(loss)) => text!(", test loss {loss:.4}", loss),
        (None, None) => String::new(),
    }
}

fn describe_best(best: &BestModel) -> String {
    let Verdict { criterion, part, value } = best.verdict;
    let value = match criterion {
        Criterion::Accuracy => percent(value),
        _ => format!("{value:.4}"),
    };
    let test = if part == Split::Test { String::new() } else { tested(best.test_loss, best.test_accuracy) };
    let (part, criterion) = (part_name(part), criterion_name(criterion));
    let model = best.model.display();
    text!(
        "\nBest:  epoch {epoch}, {part} {criterion} {value}{test}, model in {model}",
        epoch = best.epoch,
        part,
        criterion,
        value,
        test,
        model
    )
}

fn describe_rung(rung: Rung) -> String {
    match rung {
        Rung::DatasetOnHost => text!("the dataset stays on the host, and each batch is copied to the device"),
        Rung::MicroBatches => {
            text!("batches are split into parts whose gradients are added up, for the same steps")
        }
        Rung::Recomputation => {
            text!("activations are computed again instead of being kept, for the same steps")
        }
        Rung::Cpu => text!("the run moves to the cpu"),
    }
}

/// A part of a dataset, as it stands before `loss`.
fn part_name(part: Split) -> String {
    match part {
        Split::Train => text!("train"),
        Split::Validation => text!("validation"),
        Split::Test => text!("test"),
    }
}

fn criterion_name(criterion: Criterion) -> String {
    match criterion {
        Criterion::Accuracy => text!("accuracy"),
        _ => text!("loss"),
    }
}

/// The bar with what fits beside it on a line of a terminal of so many columns.
fn template(columns: usize) -> &'static str {
    match columns {
        88.. => "{prefix} {bar:24} {percent:>3} %  {msg}  {pace}",
        78.. => "{prefix} {bar:14} {percent:>3} %  {msg}  {pace}",
        _ => "{prefix} {bar:8} {percent:>3} %  {msg}",
    }
}

fn style() -> ProgressStyle {
    let columns =
        terminal_size::terminal_size_of(std::io::stderr()).map_or(usize::MAX, |(width, _)| width.0.into());
    let template = template(columns);
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("pace", |state: &ProgressState, text: &mut dyn Write| {
        let rate = state.per_sec() as usize;
        if rate > 0 {
            let left = format!("{:#}", HumanDuration(state.eta()));
            let _ = text.write_str(&text!("{rate} samples/s, {left} left", rate = grouped(rate), left));
        }
    })
}

fn describe_epoch(event: &Event, epochs: u64) -> String {
    let Event::Epoch {
        epoch,
        train_loss,
        validation_loss,
        validation_accuracy,
        test_loss,
        test_accuracy,
        is_best,
        train_seconds,
        eval_seconds,
        samples_per_second,
        planned_bytes,
        measured_bytes,
        peak_resident_bytes,
    } = event
    else {
        return String::new();
    };
    let part = part_name(if validation_loss.is_some() { Split::Validation } else { Split::Test });
    let (loss, accuracy) = (validation_loss.or(*test_loss), validation_accuracy.or(*test_accuracy));
    let test = loss.map_or(String::new(), |loss| text!(", {part} loss {loss:.4}", part, loss));
    let accuracy = accuracy
        .map_or(String::new(), |share| text!(", {part} accuracy {share}", part, share = percent(share)));
    let best = if *is_best == Some(true) { text!(", the best so far") } else { String::new() };
    let test_time = loss.map_or(String::new(), |_| format!(" + {} {part}", seconds(*eval_seconds)));
    let rate = grouped(samples_per_second.round() as usize);
    let peak =
        peak_resident_bytes.map_or(String::new(), |peak| text!(", process peak {size}", size = size(peak)));
    let learnt = text!("Epoch {epoch}/{epochs}: train loss {loss:.4}", epoch, epochs, loss = train_loss);
    let time = seconds(*train_seconds) + &test_time;
    let (planned, measured) = (size(*planned_bytes), size(*measured_bytes));
    let took = text!(
        "{time}, {rate} samples/s; memory {planned} planned, {measured} measured{peak}",
        time,
        rate,
        planned,
        measured,
        peak
    );
    format!("{learnt}{test}{accuracy}{best}\n    {took}")
}

/// `1.25 s`, `0.8 ms`
fn seconds(seconds: f64) -> String {
    if seconds < 0.01 { format!("{:.1} ms", 1000.0 * seconds) } else { format!("{seconds:.2} s") }
}

impl Observer for Reporter {
    fn event(&mut self, event: &Event) -> Result<()> {
        if matches!(event, Event::End { .. }) {
            self.bar.finish_and_clear();
        }
        self.console.json(event)?;
        self.screen.iter().for_each(|screen| screen.update(|board| board.add(event)));
        let line = describe(event, self.epochs, self.batches).filter(|_| self.is_worth_a_line(event));
        line.map_or(Ok(()), |line| self.line(line))
    }

    fn position(&mut self, position: &Position) {
        let Position { epoch, samples, loss, .. } = *position;
        self.screen.iter().for_each(|screen| screen.update(|board| board.reach(epoch, samples, loss)));
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_prefix(text!("epoch {epoch}/{epochs}", epoch = position.epoch, epochs = self.epochs));
        self.bar.set_message(text!("loss {loss:.4}", loss = position.loss));
        self.bar.set_position((position.epoch - 1) * position.of + position.samples);
        if !self.is_moving {
            self.bar.reset_eta(); // steps before this process say nothing about its speed
            self.is_moving = true;
        }
    }
}

/// The line that says what the run will do.
#[must_use]
pub(crate) fn plan_line(event: &Event, network: &str, settings: &Settings) -> String {
    let Event::Start {
        dataset,
        train_samples,
        validation_samples,
        test_samples,
        device,
        batch_size,
        micro_batch_size,
        planned_bytes,
        gpu_memory,
        ..
    } = event
    else {
        return String::new();
    };
    let memory = gpu_memory.map_or(String::new(), |memory| format!("\n{device}: {memory}"));
    let length = match settings.max_steps {
        Some(steps) => {
            let steps = counted_text!(steps as usize, "{number} step", "{number} steps");
            text!("at most {epochs} and {steps}", epochs = epochs(settings.epochs), steps)
        }
        None => epochs(settings.epochs),
    };
    let parts = micro_batch_size.map_or(String::new(), |part| text!(" in parts of {part}", part));
    let batch = match *batch_size {
        asked if asked > *train_samples => text!("batch {asked} (all {all})", asked, all = train_samples),
        asked => text!("batch {asked}", asked),
    };
    let samples = samples(*train_samples, *validation_samples, *test_samples);
    let steps = learning(settings.optimizer, settings.learning_rate()) + &levers(settings);
    let precision = if settings.precision.is_for(*device) { settings.precision.words() } else { "" };
    let bytes = size(*planned_bytes);
    let place = text!("on {device}{precision}, {bytes} planned", device, precision, bytes);
    let task = text!("{dataset}: {samples}; {network}", dataset, samples, network);
    let plan =
        text!("{task}; {steps}, {batch}{parts}, {length}; {place}", task, steps, batch, parts, length, place);
    plan + &memory
}

fn epochs(epochs: u64) -> String {
    counted_text!(epochs as usize, "{number} epoch", "{number} epochs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units_that_suit_them() {
        assert_eq!([1, 1023].map(size), ["1 byte", "1,023 bytes"]);
        assert_eq!([1024, 407_080, 1_905_344].map(size), ["1.0 KiB", "397.5 KiB", "1.82 MiB"]);
        assert_eq!([0.0004, 0.25, 61.0].map(seconds), ["0.4 ms", "0.25 s", "61.00 s"]);
    }
}
