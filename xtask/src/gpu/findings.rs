//! What is known of a GPU, or why it is not. It is kept in `out/gpu.json` as it comes: what is known is not found out again
//! by the next start, and not lost if the machine is taken away.

use std::fmt;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::timings::{Speed, Work};
use super::{pack, parts, report, targets, timings};
use crate::Result;

/// What was found out, or why it was not.
pub(super) type Known<T> = std::result::Result<T, Trouble>;

/// Why something is not known, or not good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Trouble {
    Failed(String),
    /// It took longer than the seconds it had.
    Late(u64),
    /// It cannot be found out here.
    Skipped(String),
    /// What it needs is not on this machine; the next start looks again.
    Absent(String),
    /// The start ended before it; another will tell.
    OutOfTime,
}

impl From<String> for Trouble {
    fn from(reason: String) -> Trouble {
        Trouble::Failed(reason)
    }
}

impl Trouble {
    /// Whether something is wrong, and not only unknown.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self, Trouble::Failed(_) | Trouble::Late(_))
    }

    /// The same as something that is not here, if it is a failure.
    pub(super) fn excused(self, reason: impl FnOnce(String) -> String) -> Trouble {
        if self.is_failure() { Trouble::Absent(reason(self.reason())) } else { self }
    }

    /// Why, without what that means.
    pub(super) fn reason(&self) -> String {
        match self {
            Trouble::Failed(reason) | Trouble::Skipped(reason) | Trouble::Absent(reason) => reason.clone(),
            Trouble::Late(seconds) => format!("took longer than {seconds} s"),
            Trouble::OutOfTime => "out of time".to_owned(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let means = match self {
            Trouble::Failed(_) | Trouble::Late(_) => "**failed**",
            Trouble::Skipped(_) | Trouble::Absent(_) => "skipped",
            Trouble::OutOfTime => "not measured",
        };
        write!(f, "{means}: {}", self.reason())
    }
}

/// A part of the run, and how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) outcome: Known<String>,
}

/// What a program took for a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Timing {
    pub(super) work: Work,
    pub(super) speed: Known<Speed>,
}

/// All that is known of a GPU.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Findings {
    /// Tells the programs that it was found out with from others.
    programs: String,
    pub(super) date: String,
    /// What `plangrad devices` says.
    pub(super) devices: Value,
    parts: Vec<Part>,
    timings: Vec<Timing>,
}

impl Findings {
    /// What earlier starts of the same programs on such a GPU found out; nothing if there were none.
    pub(super) fn resume(folder: &Path, out: &Path, devices: Value) -> Findings {
        let programs = fingerprint(folder);
        let earlier = fs::read(out.join("gpu.json")).ok();
        let earlier = earlier.and_then(|json| serde_json::from_slice::<Findings>(&json).ok());
        let gpu = |devices: &Value| devices["gpus"][0]["name"].clone();
        let same =
            |earlier: &Findings| earlier.programs == programs && gpu(&earlier.devices) == gpu(&devices);
        match earlier.filter(same) {
            Some(earlier) => Findings { devices, ..earlier }.without_what_was_missing(),
            None => {
                let (parts, timings) = (Vec::new(), Vec::new());
                Findings { programs, date: report::today(), devices, parts, timings }
            }
        }
    }

    /// It may be there now, or be named otherwise.
    fn without_what_was_missing(mut self) -> Findings {
        self.parts.retain(|part| !matches!(part.outcome, Err(Trouble::Absent(_))));
        self.timings.retain(|timing| !matches!(timing.speed, Err(Trouble::Absent(_))));
        self
    }

    /// A part of this run; `None` if it is still to be run.
    pub(super) fn part(&self, name: &str) -> Option<&Known<String>> {
        self.parts.iter().find(|part| part.name == name).map(|part| &part.outcome)
    }

    /// A time; `None` if it is still to be measured.
    pub(super) fn speed(&self, work: &Work) -> Option<&Known<Speed>> {
        self.timings.iter().find(|timing| timing.work == *work).map(|timing| &timing.speed)
    }

    /// Notes a part, unless it is to be run again, and saves all.
    pub(super) fn tell(&mut self, out: &Path, name: &str, outcome: Known<String>) -> Result<()> {
        if outcome != Err(Trouble::OutOfTime) {
            self.parts.push(Part { name: name.to_owned(), outcome });
        }
        self.save(out)
    }

    /// Notes a time, unless it is to be measured again, and saves all.
    pub(super) fn tell_speed(&mut self, out: &Path, work: Work, speed: Known<Speed>) -> Result<()> {
        if speed != Err(Trouble::OutOfTime) {
            self.timings.push(Timing { work, speed });
        }
        self.save(out)
    }

    /// Every part there is and every target, in order.
    pub(super) fn parts(&self) -> Vec<Part> {
        let outcome = |name: &str| self.part(name).cloned().unwrap_or(Err(Trouble::OutOfTime));
        let parts = parts::all().into_iter();
        let parts = parts.map(|task| Part { name: task.name.to_owned(), outcome: outcome(task.name) });
        parts.chain(targets::judge(&self.timings())).collect()
    }

    /// Every time there is, in the order in which they are measured.
    pub(super) fn timings(&self) -> Vec<Timing> {
        let speed = |work: &Work| self.speed(work).cloned().unwrap_or(Err(Trouble::OutOfTime));
        timings::all().into_iter().map(|work| Timing { work, speed: speed(&work) }).collect()
    }

    /// Writes `gpu.json` and `gpu.md` with what is known so far, each at a stroke.
    fn save(&self, out: &Path) -> Result<()> {
        let mut object = serde_json::to_value(self).map_err(|error| error.to_string())?;
        object["targets"] =
            serde_json::to_value(targets::judge(&self.timings())).map_err(|error| error.to_string())?;
        for (name, text) in [("gpu.json", format!("{object:#}\n")), ("gpu.md", report::page(self))] {
            let (path, unfinished) = (out.join(name), out.join(format!("{name}.tmp")));
            let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, &path));
            written.map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}

/// A number for the bytes of all that was packed to be run.
fn fingerprint(folder: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    pack::names().for_each(|name| fs::read(folder.join(name)).ok().hash(&mut hasher));
    format!("{:016x}", hasher.finish())
}
