//! What `metrics.jsonl` and `sessions.jsonl` tell about a run, whoever wrote them: lines and keys that are not known are left out.

use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use plangrad_data::open_regular_file;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::output::untrusted;
use crate::train::{METRICS, RunSession, SESSIONS, each_line};

/// The longest log that is read, 1 GiB.
const MOST_BYTES: u64 = 1 << 30;

/// Losses of single batches that a curve has at most.
const MOST_STEPS: usize = 2000;

/// Epochs and other events that are kept at most.
const MOST_EVENTS: usize = 20_000;

/// The events of a run, in their order.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct History {
    pub(crate) start: Option<Start>,
    pub(crate) steps: Vec<Step>,
    pub(crate) epochs: Vec<Epoch>,
    pub(crate) rungs: Vec<Rung>,
    pub(crate) end: Option<End>,
    /// The processes that worked on the run; none of versions that did not write them down.
    pub(crate) sessions: Vec<RunSession>,
}

/// An event as a line of the log has it.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line {
    Start(Start),
    Step(Step),
    Epoch(Epoch),
    Oom(Rung),
    End(End),
    #[serde(other)]
    Unknown,
}

/// What the run set out with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Start {
    pub(crate) train_samples: usize,
    pub(crate) validation_samples: usize,
    pub(crate) test_samples: usize,
    pub(crate) device: String,
    pub(crate) parameters: usize,
    pub(crate) batch_size: usize,
    pub(crate) micro_batch_size: Option<usize>,
    pub(crate) planned_bytes: u64,
    pub(crate) resident_bytes: Option<u64>,
}

/// The loss of a batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) epoch: u64,
    pub(crate) step: u64,
    pub(crate) loss: f64,
    /// Steps of an epoch at that time, which the event itself does not say.
    #[serde(skip_deserializing)]
    pub(crate) of: u64,
}

impl Step {
    /// Where it lies among the epochs: 0 is the start of the first.
    pub(crate) fn place(&self) -> f64 {
        self.epoch as f64 - 1.0 + self.step as f64 / self.of.max(1) as f64
    }
}

/// An epoch and its evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Epoch {
    pub(crate) epoch: u64,
    pub(crate) train_loss: Option<f64>,
    pub(crate) validation_loss: Option<f64>,
    pub(crate) validation_accuracy: Option<f64>,
    pub(crate) test_loss: Option<f64>,
    pub(crate) test_accuracy: Option<f64>,
    pub(crate) is_best: Option<bool>,
    pub(crate) train_seconds: Option<f64>,
    pub(crate) eval_seconds: Option<f64>,
    pub(crate) samples_per_second: Option<f64>,
    pub(crate) planned_bytes: Option<u64>,
    pub(crate) measured_bytes: Option<u64>,
    pub(crate) peak_resident_bytes: Option<u64>,
}

/// Memory ran out, and the run found another way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Rung {
    pub(crate) rung: String,
    pub(crate) reason: String,
    pub(crate) bytes_before: u64,
    pub(crate) bytes_after: u64,
}

/// How the run ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct End {
    pub(crate) total_seconds: Option<f64>,
    pub(crate) startup_seconds: Option<f64>,
    pub(crate) test_loss: Option<f64>,
    pub(crate) test_accuracy: Option<f64>,
    pub(crate) model: Option<String>,
    pub(crate) best: Option<Best>,
    pub(crate) stopped_early: bool,
}

/// The best epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Best {
    pub(crate) epoch: u64,
    pub(crate) criterion: String,
    pub(crate) part: String,
    pub(crate) value: Option<f64>,
    pub(crate) test_loss: Option<f64>,
    pub(crate) test_accuracy: Option<f64>,
}

impl History {
    /// Reads the logs in `folder`; one that is missing is empty.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn read(folder: &Path) -> Result<History> {
        let (mut history, mut steps, mut per_epoch) = (History::default(), Thinned::default(), 1);
        each_event(&folder.join(METRICS), |line| match line {
            Line::Start(start) => {
                per_epoch = (start.train_samples as u64).div_ceil(start.batch_size.max(1) as u64);
                history.start = Some(Start { device: untrusted(&start.device), ..start });
            }
            Line::Step(step) => steps.push(Step { of: per_epoch, ..step }),
            Line::Epoch(epoch) if history.epochs.len() < MOST_EVENTS => history.epochs.push(epoch),
            Line::Oom(rung) if history.rungs.len() < MOST_EVENTS => history.rungs.push(rung),
            Line::End(end) => history.end = Some(end),
            Line::Epoch(_) | Line::Oom(_) | Line::Unknown => {}
        })?;
        each_event(&folder.join(SESSIONS), |session: RunSession| {
            if history.sessions.len() < MOST_EVENTS {
                history.sessions.push(session);
            }
        })?;
        history.steps = steps.kept;
        Ok(history)
    }

    /// Steps taken, as far as the events tell, where an epoch has so many.
    pub(crate) fn steps_taken(&self, per_epoch: u64) -> u64 {
        let of_epochs = self.epochs.last().map_or(0, |epoch| epoch.epoch.saturating_mul(per_epoch));
        let of_steps = self.steps.last().map_or(0, |step| {
            (step.epoch.saturating_sub(1)).saturating_mul(per_epoch).saturating_add(step.step + 1)
        });
        of_epochs.max(of_steps)
    }
}

/// Steps, of which so many are kept that a curve can show them: all, or every second, fourth, eighth …
#[derive(Default)]
struct Thinned {
    kept: Vec<Step>,
    seen: usize,
    /// The binary logarithm of the distance between two that are kept.
    shift: u32,
}

impl Thinned {
    fn push(&mut self, step: Step) {
        if self.seen.is_multiple_of(1 << self.shift) {
            self.kept.push(step);
        }
        self.seen += 1;
        if self.kept.len() > MOST_STEPS {
            let mut number = 0;
            self.kept.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.shift += 1;
        }
    }
}

/// Calls `each` with every line of the file that is a `T`.
fn each_event<T: DeserializeOwned>(path: &Path, mut each: impl FnMut(T)) -> Result<()> {
    let file = match open_regular_file(path) {
        Ok(file) => file,
        Err(reason) if reason.kind() == ErrorKind::NotFound => return Ok(()),
        Err(reason) => return Err(Error::io(path, "read")(reason)),
    };
    let read = each_line(BufReader::new(file.take(MOST_BYTES)), |line| {
        serde_json::from_slice(line).into_iter().for_each(&mut each);
        Ok(())
    });
    read.map_err(Error::io(path, "read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(metrics: &str) -> History {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(METRICS), metrics).unwrap();
        History::read(folder.path()).unwrap()
    }

    #[test]
    fn lines_and_keys_that_are_not_known_are_left_out() {
        let text = r#"{"event":"start","test_samples":7,"colour":"red"}
{"event":"applause"}
nonsense
{"event":"epoch","epoch":1,"train_loss":0.5}
{"event":"epoch","epoch":"two"}
{"event":"step","epoch":1,"step":0,"loss":2.5}"#;
        let history = read(text);
        assert_eq!(history.start.unwrap().test_samples, 7);
        assert_eq!(history.epochs, [Epoch { epoch: 1, train_loss: Some(0.5), ..Epoch::default() }]);
        assert_eq!(history.steps, [Step { epoch: 1, step: 0, loss: 2.5, of: 0 }]);
        assert_eq!(read(""), History::default());
    }

    #[test]
    fn of_many_steps_some_are_kept_at_equal_distances() {
        let mut steps = Thinned::default();
        (0..10 * MOST_STEPS as u64).for_each(|step| steps.push(Step { epoch: 1, step, ..Step::default() }));
        assert!((MOST_STEPS / 2..=MOST_STEPS).contains(&steps.kept.len()), "{}", steps.kept.len());
        let distance = |pair: &[Step]| pair[1].step - pair[0].step;
        assert!(steps.kept.windows(2).all(|pair| distance(pair) == distance(&steps.kept[..2])));
    }

    #[test]
    fn steps_taken_follow_from_the_last_event() {
        let epoch = r#"{"event":"epoch","epoch":2}"#;
        assert_eq!(read(epoch).steps_taken(100), 200);
        let step = r#"{"event":"step","epoch":3,"step":40,"loss":1.0}"#;
        assert_eq!(read(&format!("{epoch}\n{step}")).steps_taken(100), 241);
        assert_eq!(read("").steps_taken(100), 0);
    }
}
