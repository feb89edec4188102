//! What `metrics.jsonl` and `sessions.jsonl` tell about a run, whoever wrote them: lines and keys that are not known are left out.
//!
//! A run that goes on is [followed](Follower): only what has been added is read, and a log that was cut back, as resuming does,
//! from its start.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use plangrad_data::open_regular_file;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::output::untrusted;
use crate::train::{GrowingLog, METRICS, RunSession, SESSIONS, StepNumbers, each_line};

/// The longest list of sessions that is read, 1 GiB.
const MOST_BYTES: u64 = 1 << 30;

/// Losses of single batches that a curve has at most.
const MOST_STEPS: usize = 2000;

/// Epochs and other events that are kept at most.
const MOST_EVENTS: usize = 20_000;

/// The setting from which the steps of an epoch follow.
const BATCH_SIZE: &str = "batch_size";

/// The events of a run, in their order.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct History {
    pub(crate) start: Option<Start>,
    pub(crate) steps: Thinned,
    /// The last of all steps.
    #[serde(skip)]
    pub(crate) last_step: Option<Step>,
    pub(crate) epochs: Vec<Epoch>,
    pub(crate) rungs: Vec<Rung>,
    pub(crate) end: Option<End>,
    /// The processes that worked on the run; none of versions that did not write them down.
    pub(crate) sessions: Vec<RunSession>,
    /// Which step a batch of an epoch is.
    #[serde(skip)]
    pub(crate) numbers: StepNumbers,
}

/// An event as a line of the log has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Line {
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
        let mut follower = Follower::new(folder);
        follower.read_on()?;
        Ok(follower.finished())
    }

    /// Steps taken, as far as the events tell.
    pub(crate) fn steps_taken(&self) -> u64 {
        let of = |epoch: u64| self.numbers.taken(epoch, self.numbers.per_epoch(epoch));
        let of_epochs = self.epochs.last().map_or(0, |epoch| of(epoch.epoch));
        let of_steps = self
            .last_step
            .as_ref()
            .map_or(0, |step| self.numbers.taken(step.epoch, step.step.saturating_add(1)));
        of_epochs.max(of_steps)
    }

    /// Adds an event.
    pub(crate) fn add(&mut self, line: Line) {
        match line {
            Line::Start(start) => self.start(start),
            Line::Step(step) => {
                let step = Step { of: self.numbers.per_epoch(step.epoch), ..step };
                self.last_step = Some(step.clone());
                self.steps.push(step);
            }
            Line::Epoch(epoch) if self.epochs.len() < MOST_EVENTS => self.epochs.push(epoch),
            Line::Oom(rung) if self.rungs.len() < MOST_EVENTS => self.rungs.push(rung),
            Line::End(end) => self.end = Some(end),
            Line::Epoch(_) | Line::Oom(_) | Line::Unknown => {}
        }
    }

    fn start(&mut self, start: Start) {
        let steps = |batch_size: u64| (start.train_samples as u64).div_ceil(batch_size.max(1));
        self.numbers = StepNumbers::from_here(0, 0, steps(start.batch_size as u64));
        for change in self.sessions.iter().flat_map(|session| &session.changes) {
            if let (BATCH_SIZE, Some(now)) = (change.setting.as_str(), change.now.as_u64()) {
                self.numbers.change(change.step, steps(now));
            }
        }
        self.start = Some(Start { device: untrusted(&start.device), ..start });
    }
}

/// The logs of a run, read on as they grow.
pub(crate) struct Follower {
    folder: PathBuf,
    history: History,
    log: Option<GrowingLog>,
}

impl Follower {
    /// Of the run in `folder`; nothing is read yet.
    pub(crate) fn new(folder: &Path) -> Follower {
        Follower { folder: folder.into(), history: History::default(), log: None }
    }

    /// All that there is, also a last line without its end, which will not come any more.
    fn finished(mut self) -> History {
        let last = self.log.as_ref().and_then(|log| serde_json::from_slice(log.unfinished()).ok());
        last.into_iter().for_each(|line| self.history.add(line));
        self.history
    }

    /// What was read so far.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// Reads what has been written since. Returns whether there was anything.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn read_on(&mut self) -> Result<bool> {
        self.read_each(|_, _| {})
    }

    /// The same; calls `each` with every line and the history up to it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn read_each(&mut self, mut each: impl FnMut(&[u8], &History)) -> Result<bool> {
        let path = self.folder.join(METRICS);
        let is_there = self.log.as_ref().is_some_and(|log| log.is_in(&self.folder, METRICS));
        let is_gone = !is_there && self.log.is_some();
        if !is_there {
            self.begin_again(&path)?;
        }
        let (Some(log), history) = (&mut self.log, &mut self.history) else { return Ok(is_gone) };
        let read = log.each_new_line(|line| {
            serde_json::from_slice(line).into_iter().for_each(|line| history.add(line));
            each(line, history);
        });
        Ok(read.map_err(Error::io(&path, "read"))? > 0 || is_gone)
    }

    fn begin_again(&mut self, path: &Path) -> Result<()> {
        self.history = History::default();
        self.log = open(path)?.map(GrowingLog::new);
        // First: from them follows which step a batch is.
        let sessions = &mut self.history.sessions;
        each_event(&self.folder.join(SESSIONS), |session: RunSession| {
            if sessions.len() < MOST_EVENTS {
                sessions.push(session);
            }
        })
    }
}

/// Steps, of which so many are kept that a curve can show them: all, or every second, fourth, eighth …
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Thinned {
    kept: Vec<Step>,
    seen: usize,
    /// The binary logarithm of the distance between two that are kept.
    shift: u32,
}

impl Deref for Thinned {
    type Target = [Step];

    fn deref(&self) -> &[Step] {
        &self.kept
    }
}

impl FromIterator<Step> for Thinned {
    fn from_iter<T: IntoIterator<Item = Step>>(steps: T) -> Thinned {
        let mut thinned = Thinned::default();
        steps.into_iter().for_each(|step| thinned.push(step));
        thinned
    }
}

impl Serialize for Thinned {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.kept.serialize(serializer)
    }
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

/// The file at `path`; `None` if there is none.
fn open(path: &Path) -> Result<Option<File>> {
    match open_regular_file(path) {
        Ok(file) => Ok(Some(file)),
        Err(reason) if reason.kind() == ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(Error::io(path, "read")(reason)),
    }
}

/// Calls `each` with every line of the file that is a `T`.
fn each_event<T: DeserializeOwned>(path: &Path, mut each: impl FnMut(T)) -> Result<()> {
    let Some(file) = open(path)? else { return Ok(()) };
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
        assert_eq!(*history.steps, [Step { epoch: 1, step: 0, loss: 2.5, of: 1 }]);
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
    fn steps_taken_follow_from_the_last_event_also_after_a_change_of_the_batch_size() {
        let start = r#"{"event":"start","train_samples":1000,"batch_size":10}"#;
        let epoch = format!("{start}\n{}", r#"{"event":"epoch","epoch":2}"#);
        assert_eq!(read(&epoch).steps_taken(), 200);
        let step = format!("{epoch}\n{}", r#"{"event":"step","epoch":3,"step":4,"loss":1.0}"#);
        assert_eq!(read(&step).steps_taken(), 205);
        assert_eq!(read("").steps_taken(), 0);
        let folder = tempfile::tempdir().unwrap();
        let session = r#"{"changes":[{"step":200,"setting":"batch_size","was":10,"now":100}]}"#;
        std::fs::write(folder.path().join(SESSIONS), session).unwrap();
        let later = format!("{step}\n{}", r#"{"event":"epoch","epoch":4}"#);
        std::fs::write(folder.path().join(METRICS), later).unwrap();
        let history = History::read(folder.path()).unwrap();
        assert_eq!((history.steps[0].of, history.steps_taken()), (10, 220));
    }

    #[test]
    fn a_log_is_read_on_and_from_its_start_once_it_was_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(METRICS);
        let mut follower = Follower::new(folder.path());
        assert!(!follower.read_on().unwrap(), "there is no run yet");
        let epoch = |epoch: u64| format!("{{\"event\":\"epoch\",\"epoch\":{epoch}}}\n");
        std::fs::write(&path, epoch(1)).unwrap();
        assert!(follower.read_on().unwrap() && !follower.read_on().unwrap());
        let mut log = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        let second = epoch(2);
        std::io::Write::write_all(&mut log, &second.as_bytes()[..9]).unwrap();
        follower.read_on().unwrap();
        assert_eq!(follower.history().epochs.len(), 1, "half a line is no event");
        std::io::Write::write_all(&mut log, &second.as_bytes()[9..]).unwrap();
        assert!(follower.read_on().unwrap());
        assert_eq!(follower.history().epochs[1].epoch, 2);
        std::fs::write(folder.path().join("new"), epoch(7) + &epoch(8) + &epoch(9)).unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(follower.read_on().unwrap());
        let epochs = &follower.history().epochs;
        assert_eq!(epochs.iter().map(|epoch| epoch.epoch).collect::<Vec<_>>(), [7, 8, 9]);
    }
}
