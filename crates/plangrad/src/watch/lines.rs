//! A run followed line by line, as `train` reports it.

use std::path::Path;
use std::thread;

use serde_json::Value;

use super::news::POLL;
use crate::error::Result;
use crate::history::{Epoch, Follower, History, Line, Start};
use crate::numbers::{counted, size};
use crate::output::{Console, untrusted};
use crate::train::{Event, Settings, Stop, describe};

/// Prints the events of the run in `folder`, those so far and those that come, until it ends or a stop is asked for.
///
/// # Errors
/// If the logs cannot be read, or nothing can be printed.
pub(crate) fn print_events(folder: &Path, settings: &Settings, console: &Console, stop: &Stop) -> Result<()> {
    let mut follower = Follower::new(folder);
    let mut printer = Printer { settings, console, reached: (0, 0), failed: Ok(()) };
    while !stop.asked() {
        follower.read_each(|line, history| printer.take(line, history))?;
        std::mem::replace(&mut printer.failed, Ok(()))?;
        if follower.history().end.is_some() {
            break;
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// Prints each event once, also where a log begins again since the run was resumed.
struct Printer<'a> {
    settings: &'a Settings,
    console: &'a Console,
    /// Epoch and batch of the last event.
    reached: (u64, u64),
    failed: Result<()>,
}

impl Printer<'_> {
    fn take(&mut self, text: &[u8], history: &History) {
        let Ok(line) = serde_json::from_slice::<Line>(text) else { return };
        let place = match &line {
            Line::Start(_) => (0, 1),
            Line::Step(step) => (step.epoch, step.step.saturating_add(1)),
            Line::Epoch(epoch) => (epoch.epoch, u64::MAX),
            Line::Oom(_) | Line::End(_) | Line::Unknown => (u64::MAX, 0),
        };
        if place <= self.reached || self.failed.is_err() {
            return;
        }
        if place.0 < u64::MAX {
            self.reached = place;
        }
        self.failed = self.print(text, line, history);
    }

    fn print(&self, text: &[u8], line: Line, history: &History) -> Result<()> {
        if self.console.is_json() {
            return serde_json::from_slice::<Value>(text).map_or(Ok(()), |event| self.console.json(&event));
        }
        let batches = |epoch| history.numbers.per_epoch(epoch);
        match line {
            Line::Start(start) => self.console.text(&beginning(&start, self.settings)),
            Line::Step(step) => self.describe(
                &Event::Step { epoch: step.epoch, step: step.step, loss: step.loss },
                batches(step.epoch),
            ),
            Line::Epoch(epoch) => self.describe(&event(&epoch), 0),
            Line::Oom(rung) => self.console.text(&format_args!(
                "Out of memory: {}; {}: {} before, {} now",
                untrusted(&rung.reason),
                untrusted(&rung.rung),
                size(rung.bytes_before),
                size(rung.bytes_after)
            )),
            Line::End(end) => match end.model {
                Some(model) => self.console.text(&format_args!("Done, model in {}", untrusted(&model))),
                None => self.console.text(&"Interrupted; train --resume continues it"),
            },
            Line::Unknown => Ok(()),
        }
    }

    fn describe(&self, event: &Event, batches: u64) -> Result<()> {
        describe(event, self.settings.epochs, batches).map_or(Ok(()), |line| self.console.text(&line))
    }
}

/// `digits: 20,000 samples to learn from, 101,770 parameters; on cpu, 1.43 MiB planned`
fn beginning(start: &Start, settings: &Settings) -> String {
    format!(
        "{}: {} to learn from, {}; on {}, {} planned",
        untrusted(&settings.dataset),
        counted(start.train_samples, "sample"),
        counted(start.parameters, "parameter"),
        untrusted(&start.device),
        size(start.planned_bytes)
    )
}

/// An epoch as the run reported it.
fn event(epoch: &Epoch) -> Event {
    let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
    Event::Epoch {
        epoch: epoch.epoch,
        train_loss: or_nan(epoch.train_loss),
        validation_loss: epoch.validation_loss,
        validation_accuracy: epoch.validation_accuracy,
        test_loss: epoch.test_loss,
        test_accuracy: epoch.test_accuracy,
        is_best: epoch.is_best,
        train_seconds: or_nan(epoch.train_seconds),
        eval_seconds: or_nan(epoch.eval_seconds),
        samples_per_second: or_nan(epoch.samples_per_second),
        planned_bytes: epoch.planned_bytes.unwrap_or(0),
        measured_bytes: epoch.measured_bytes.unwrap_or(0),
        peak_resident_bytes: epoch.peak_resident_bytes,
    }
}
