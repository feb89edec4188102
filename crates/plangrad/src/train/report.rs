//! A run told to people or programs: lines on standard output, a progress bar on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::event::{Event, Observer, Position};
use crate::output::{counted, grouped, short};
use crate::{Console, Result};

/// Tells a run on a console.
pub struct Reporter {
    console: Console,
    bar: ProgressBar,
    epochs: u64,
    batches: u64,
}

impl Reporter {
    /// For a run of so many epochs with so many batches each.
    #[must_use]
    pub fn new(console: Console, epochs: u64, batches: u64) -> Reporter {
        let bar = ProgressBar::with_draw_target(None, target(console));
        let style =
            ProgressStyle::with_template("{prefix} {bar:30} {percent:>3} %  {msg}  {per_sec}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Reporter { console, bar, epochs, batches }
    }

    /// Writes a line without tearing the bar.
    fn line(&self, line: &str) -> Result<()> {
        self.bar.suspend(|| self.console.text(&line))
    }

    fn describe(&self, event: &Event) -> Option<String> {
        Some(match event {
            Event::Start { .. } => return None, // the command has said more than this
            Event::Step { epoch, step, loss } => {
                format!("Epoch {epoch}/{}, batch {step}/{}, loss {loss:.4}", self.epochs, self.batches)
            }
            Event::Epoch { .. } => describe_epoch(event, self.epochs),
            Event::End { total_seconds, test_accuracy, model, run, .. } => match model {
                Some(model) => {
                    let accuracy =
                        test_accuracy.map_or(String::new(), |a| format!("test accuracy {}, ", percent(a)));
                    format!("{accuracy}{total_seconds:.2} s in all; model saved as {}", model.display())
                }
                None => format!(
                    "interrupted and saved; go on with: plangrad train --resume {}",
                    shell_word(&run.display().to_string())
                ),
            },
        })
    }
}

fn target(console: Console) -> ProgressDrawTarget {
    if console.is_json() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() }
}

fn describe_epoch(event: &Event, epochs: u64) -> String {
    let Event::Epoch {
        epoch,
        train_loss,
        test_loss,
        test_accuracy,
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
    let test = test_loss.map_or(String::new(), |loss| format!(", test loss {loss:.4}"));
    let accuracy = test_accuracy.map_or(String::new(), |a| format!(", accuracy {}", percent(a)));
    let peak =
        peak_resident_bytes.map_or(String::new(), |peak| format!(", process peak {}", mebibytes(peak)));
    let rate = grouped(samples_per_second.round() as usize);
    format!(
        "Epoch {epoch}/{epochs}: train loss {train_loss:.4}{test}{accuracy}; {train_seconds:.2} s + {eval_seconds:.2} s \
         test, {rate} samples/s; memory planned {}, measured {}{peak}",
        mebibytes(*planned_bytes),
        mebibytes(*measured_bytes),
    )
}

/// `97.31 %`
fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// `1.82 MiB`
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{:.2} MiB", bytes as f64 / f64::from(1 << 20))
}

/// A word that a shell reads back as it is.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:+,@%=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

impl Observer for Reporter {
    fn event(&mut self, event: &Event) -> Result<()> {
        if matches!(event, Event::Epoch { .. } | Event::End { .. }) {
            self.bar.finish_and_clear();
            self.bar.reset();
        }
        self.console.json(event)?;
        match self.describe(event) {
            Some(line) => self.line(&line),
            None => Ok(()),
        }
    }

    fn note(&mut self, note: &str) {
        self.bar.suspend(|| Console::remark(&note));
    }

    fn position(&mut self, position: &Position) {
        self.bar.set_length(position.of);
        self.bar.set_prefix(format!("epoch {}/{}", position.epoch, self.epochs));
        self.bar.set_message(format!("loss {}", short(position.loss)));
        self.bar.set_position(position.samples);
    }
}

/// The line that says what will be done, before anything is.
#[must_use]
pub(crate) fn plan_line(event: &Event, layers: &[usize], training: &str) -> String {
    let Event::Start { dataset, train_samples, test_samples, device, parameters, planned_bytes, .. } = event
    else {
        return String::new();
    };
    let layers: Vec<String> = layers.iter().map(usize::to_string).collect();
    format!(
        "{dataset}: {} to learn from, {} to test on; {} with {}; {training}; on {device}, {} planned",
        counted(*train_samples, "sample"),
        grouped(*test_samples),
        layers.join("-"),
        counted(*parameters, "parameter"),
        mebibytes(*planned_bytes),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_spaces_is_quoted_for_the_shell() {
        assert_eq!(shell_word("runs/mnist-1"), "runs/mnist-1");
        assert_eq!(shell_word("my run's"), r"'my run'\''s'");
    }
}
