//! Looks into a run's folder again and again, and tells what is new.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::broadcast::Broadcast;
use super::examples::Examples;
use super::sparing::Sparing;
use crate::error::Result;
use crate::history::{Follower, History};
use crate::model::Model;
use crate::output::untrusted;
use crate::report::RunReport;
use crate::train::Stop;

/// Pause between two looks.
pub(super) const POLL: Duration = Duration::from_millis(500);

/// Who looks.
pub(crate) struct News {
    folder: PathBuf,
    data_dir: Option<PathBuf>,
    follower: Follower,
    report: RunReport,
    samples: ToPredict,
    /// What everything was last told of.
    told: Told,
    sparing: Sparing,
}

/// The samples that models of the run predict.
enum ToPredict {
    /// Not needed yet.
    Unread,
    /// Some while it goes on, or all once it is complete.
    Read { examples: Examples, is_all: bool },
    /// They cannot be read, for this reason.
    Missing(String),
}

/// What is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    /// What the logs say.
    Curves,
    /// Everything.
    Whole,
}

/// By what one sees that more than the curves has changed.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    epochs: usize,
    rungs: usize,
    sessions: usize,
    has_ended: bool,
}

impl Told {
    fn of(history: &History) -> Told {
        Told {
            epochs: history.epochs.len(),
            rungs: history.rungs.len(),
            sessions: history.sessions.len(),
            has_ended: history.end.is_some(),
        }
    }
}

/// What is told when only the curves have changed: keys of the report.
#[derive(Serialize)]
struct Part<'a> {
    history: &'a History,
    learning_rates: &'a [(u64, f64)],
    problem: Option<&'a str>,
}

/// Everything.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    report: &'a RunReport,
    problem: Option<&'a str>,
}

impl News {
    /// Of the run in `folder`.
    ///
    /// # Errors
    /// [`Error::NoRun`](crate::Error::NoRun); if a file of the run is damaged.
    pub(crate) fn new(folder: &Path, data_dir: Option<&Path>) -> Result<News> {
        let mut follower = Follower::new(folder);
        follower.read_on()?;
        let mut samples = ToPredict::Unread;
        let report = gather(folder, follower.history(), &mut samples, data_dir)?;
        Ok(News {
            folder: folder.into(),
            data_dir: data_dir.map(Path::to_path_buf),
            told: Told::of(follower.history()),
            follower,
            report,
            samples,
            sparing: Sparing::new(),
        })
    }

    /// Tells everything as it stands.
    pub(super) fn tell_all(&self, broadcast: &Broadcast) {
        broadcast.whole(self.whole());
    }

    /// Tells what is new, until asked to stop.
    pub(super) fn tell(&mut self, broadcast: &Broadcast, stop: &Stop) {
        while !stop.asked() {
            thread::sleep(POLL);
            match self.look() {
                Ok(Change::Nothing) => {}
                Ok(Change::Curves) => broadcast.part(self.part(None)),
                Ok(Change::Whole) => broadcast.whole(self.whole()),
                Err(error) => broadcast.part(self.part(Some(&untrusted(&error.sentence())))),
            }
        }
    }

    /// Looks for what is new.
    ///
    /// # Errors
    /// If a file of the run is gone or damaged; what was known stays.
    pub(super) fn look(&mut self) -> Result<Change> {
        let is_new = self.follower.read_on()?;
        let history = self.follower.history();
        let has_more = Told::of(history) != self.told;
        if has_more && (self.sparing.is_due() || history.end.is_some()) {
            self.told = Told::of(history);
            let News { folder, samples, data_dir, sparing, .. } = self;
            self.report = sparing.work(|| gather(folder, history, samples, data_dir.as_deref()))?;
            return Ok(Change::Whole);
        }
        if !is_new {
            return Ok(Change::Nothing);
        }
        self.report.follow(history.clone());
        Ok(Change::Curves)
    }

    /// The folder of the run.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What its logs say.
    pub(super) fn history(&self) -> &History {
        self.follower.history()
    }

    /// What is known about it.
    pub(super) fn report(&self) -> &RunReport {
        &self.report
    }

    fn whole(&self) -> String {
        text(&Whole { report: &self.report, problem: None })
    }

    fn part(&self, problem: Option<&str>) -> String {
        let (history, learning_rates) = self.report.curves();
        text(&Part { history, learning_rates, problem })
    }
}

/// Gathers everything about a run as it stands.
fn gather(
    folder: &Path,
    history: &History,
    samples: &mut ToPredict,
    data_dir: Option<&Path>,
) -> Result<RunReport> {
    let mut reason = None;
    let mut report = RunReport::live(folder, history.clone(), |model| {
        samples.read(model, history, data_dir);
        match samples {
            ToPredict::Read { examples, .. } => examples.examine(model).map(Some),
            ToPredict::Missing(why) => {
                reason = Some(why.clone());
                Ok(None)
            }
            ToPredict::Unread => Ok(None),
        }
    })?;
    reason.iter().for_each(|reason| report.set_problem(reason));
    Ok(report)
}

impl ToPredict {
    /// Reads them, or more of them, if there is a need.
    fn read(&mut self, model: &Model, history: &History, data_dir: Option<&Path>) {
        let is_all = history.end.as_ref().is_some_and(|end| end.model.is_some());
        let read = match self {
            ToPredict::Unread if !is_all => Examples::a_few(model, history, data_dir),
            ToPredict::Unread | ToPredict::Read { is_all: false, .. } if is_all => {
                Examples::all(model, data_dir)
            }
            _ => return,
        };
        *self = match read {
            Ok(examples) => ToPredict::Read { examples, is_all },
            Err(error) => ToPredict::Missing(error.sentence()),
        };
    }
}

fn text(object: &impl Serialize) -> String {
    serde_json::to_string(object).unwrap_or_default() // plain structs, which cannot fail
}
