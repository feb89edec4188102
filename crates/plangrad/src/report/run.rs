//! Everything a page shows of a run, gathered from its folder.

use std::path::{Path, PathBuf};

use plangrad_data::Split;
use serde::Serialize;

use super::arena::Memory;
use super::first_layer::FirstLayer;
use super::quality::Examined;
use crate::error::{Error, Result};
use crate::history::History;
use crate::language::Language;
use crate::model::Model;
use crate::output::untrusted;
use crate::train::{
    BEST, CHECKPOINT, CONFIG, Fingerprint, LEARNING_RATE, MODEL, Settings, network, read_fingerprint,
};

/// Points of the curve of the learning rate.
const MOST_RATES: u64 = 240;

/// A run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RunReport {
    /// Its folder, as it was named.
    name: String,
    /// Its settings, name and value each.
    settings: Vec<(String, String)>,
    /// `784-128-10 with 101,770 parameters`, once there is a model.
    network: Option<String>,
    data: Option<Data>,
    history: History,
    steps_per_epoch: u64,
    /// Step and learning rate, of steps taken.
    learning_rates: Vec<(u64, f64)>,
    /// Whether the model that is shown is that of the best epoch.
    is_best: bool,
    /// The samples predicted again, or why they could not be.
    examined: Option<Examined>,
    not_examined: Option<String>,
    first_layer: Option<FirstLayer>,
    memory: Option<Memory>,
    /// The settings as such.
    #[serde(skip)]
    plan: Settings,
}

/// What the run learnt from.
#[derive(Clone, Debug, Serialize)]
struct Data {
    digest: String,
    train: usize,
    validation: usize,
    test: usize,
}

impl Data {
    fn of(print: &Fingerprint) -> Data {
        let samples = |split| print.samples(split);
        Data {
            digest: print.digest(),
            train: samples(Split::Train),
            validation: samples(Split::Validation),
            test: samples(Split::Test),
        }
    }
}

/// The model of a run that is worth looking at: that of its best epoch, if it keeps it, else of its last. Also whether it is the
/// best.
fn kept_model(folder: &Path) -> Option<(PathBuf, bool)> {
    let [best, last] = [BEST, MODEL].map(|name| folder.join(name));
    let is_there = last.is_file(); // without it the run is not complete, and the best so far may not be the best
    is_there.then(|| if best.is_file() { (best, true) } else { (last, false) })
}

/// The same for a run that goes on: until it is complete, that of its last checkpoint.
fn latest_model(folder: &Path) -> (PathBuf, bool) {
    kept_model(folder).unwrap_or_else(|| (folder.join(CHECKPOINT), false))
}

impl RunReport {
    /// Reads the run in `folder`; `examine` has its model predict samples.
    ///
    /// # Errors
    /// [`Error::NoRun`]; if a file of the run is damaged. That samples cannot be had is none.
    pub(crate) fn gather(
        folder: &Path,
        examine: impl FnOnce(&Model) -> Result<Option<Examined>>,
    ) -> Result<RunReport> {
        if !folder.join(CONFIG).is_file() {
            return Err(Error::NoRun { path: folder.into() }); // before a long log is read
        }
        let mut report = RunReport::of_logs(folder, History::read(folder)?)?;
        match kept_model(folder) {
            Some((file, is_best)) => report.add_model(&Model::open(&file)?, is_best, examine)?,
            None => report.not_examined = Some("the run is not complete, so it has no model yet".to_owned()),
        }
        Ok(report)
    }

    /// The same for a run that goes on and whose logs have been read, with the model of its last checkpoint.
    ///
    /// # Errors
    /// As [`RunReport::gather`].
    pub(crate) fn live(
        folder: &Path,
        history: History,
        examine: impl FnOnce(&Model) -> Result<Option<Examined>>,
    ) -> Result<RunReport> {
        let mut report = RunReport::of_logs(folder, history)?;
        let (file, is_best) = latest_model(folder);
        report.add_model(&Model::open(&file)?, is_best, examine)?;
        Ok(report)
    }

    /// What the settings and the logs say.
    fn of_logs(folder: &Path, history: History) -> Result<RunReport> {
        let config = folder.join(CONFIG);
        if !config.is_file() {
            return Err(Error::NoRun { path: folder.into() });
        }
        let plan = Settings::read(&config)?;
        let samples = history.start.as_ref().map_or(0, |start| start.train_samples as u64);
        let (steps_per_epoch, _) = plan.steps(samples);
        Ok(RunReport {
            name: untrusted(&folder.display().to_string()),
            settings: flat(&plan.to_toml(&config)?),
            network: None,
            data: read_fingerprint(folder)?.as_ref().map(Data::of),
            steps_per_epoch,
            learning_rates: learning_rates(&plan, &history, history.steps_taken()),
            is_best: false,
            examined: None,
            not_examined: None,
            first_layer: None,
            memory: None,
            history,
            plan,
        })
    }

    /// Takes over what the logs say meanwhile.
    pub(crate) fn follow(&mut self, history: History) {
        self.learning_rates = learning_rates(&self.plan, &history, history.steps_taken());
        self.history = history;
    }

    /// What the logs say, and step and learning rate of steps taken.
    pub(crate) fn curves(&self) -> (&History, &[(u64, f64)]) {
        (&self.history, &self.learning_rates)
    }

    fn add_model(
        &mut self,
        model: &Model,
        is_best: bool,
        examine: impl FnOnce(&Model) -> Result<Option<Examined>>,
    ) -> Result<()> {
        self.is_best = is_best;
        self.network = Some(network(model.task(), Language::English));
        self.first_layer = FirstLayer::read(model.task().model(), model.weights())?;
        self.memory = Memory::of(&self.plan, model.task(), &self.history)?;
        match examine(model) {
            Ok(Some(examined)) => self.examined = Some(examined),
            Ok(None) => self.not_examined = Some("there are no test samples".to_owned()),
            Err(error @ (Error::Stopped | Error::Output(_))) => return Err(error),
            Err(error) => self.not_examined = Some(untrusted(&error.sentence())),
        }
        Ok(())
    }

    /// Bytes that are planned for it, by category.
    pub(crate) fn memory(&self) -> Vec<(&'static str, u64)> {
        self.memory.as_ref().map_or(Vec::new(), Memory::by_category)
    }

    /// What was found when its model predicted samples again.
    pub(crate) fn examined(&self) -> Option<&Examined> {
        self.examined.as_ref()
    }

    /// Says why its model was shown no samples.
    pub(crate) fn set_problem(&mut self, reason: &str) {
        self.not_examined = Some(untrusted(reason));
    }

    /// Whether its model could be shown samples, or why not.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.not_examined.as_deref()
    }
}

/// Step and learning rate of steps from the first to the last, also where the rate was changed when the run was resumed.
fn learning_rates(settings: &Settings, history: &History, steps: u64) -> Vec<(u64, f64)> {
    let changes = history.sessions.iter().flat_map(|session| &session.changes);
    let of_rate = changes.filter(|change| change.setting == LEARNING_RATE);
    let earlier: Vec<_> = of_rate
        .filter_map(|change| Some((change.step, settings.with_learning_rate(change.was.as_f64()?))))
        .collect();
    let at = |step| match earlier.iter().find(|(last, _)| step <= *last) {
        Some((_, settings)) => settings.learning_rate().at(step),
        None => settings.learning_rate().at(step),
    };
    let every = steps.div_ceil(MOST_RATES).max(1) as usize;
    let last = (steps > 0).then_some(steps);
    let shown = (1..steps).step_by(every).chain(last);
    shown.map(|step| (step, at(step))).collect()
}

/// Names and values as `config.toml` has them, in its order; those of its tables with the table's name before them.
fn flat(config: &str) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    let mut table = String::new();
    for line in config.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = format!("{name}.");
        } else if let Some((name, value)) = line.split_once(" = ") {
            entries.push((untrusted(&format!("{table}{name}")), untrusted(value.trim_matches('"'))));
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{RunSession, SettingChange};

    #[test]
    fn the_learning_rate_of_a_step_is_that_of_its_time() {
        let settings: Settings = toml::from_str(SETTINGS).unwrap();
        let change = |step, was: f64| SettingChange {
            step,
            setting: LEARNING_RATE.to_owned(),
            was: was.into(),
            ..SettingChange::default()
        };
        let session = |change| RunSession { changes: vec![change], ..RunSession::default() };
        let sessions = vec![session(change(2, 0.5)), session(change(4, 0.25))];
        let history = History { sessions, ..History::default() };
        let rates = learning_rates(&settings, &history, 5);
        assert_eq!(rates, [(1, 0.5), (2, 0.5), (3, 0.25), (4, 0.25), (5, 0.125)]);
    }

    const SETTINGS: &str = "dataset = \"digits\"\ndata_dir = \"data\"\nnormalize = \"dataset\"\ntest_fraction = 0.2\nloss = \"cross-entropy\"\n\
                            hidden = [8]\nactivation = \"relu\"\ndropout = 0.0\nbatch_size = 64\nepochs = 1\nseed = 42\nshuffle = true\n\
                            log_every = 100\n[optimizer]\nname = \"adam\"\nbeta1 = 0.9\nbeta2 = 0.999\nepsilon = 1e-8\nweight_decay = 0.0\n\
                            [schedule]\nname = \"constant\"\nlearning_rate = 0.125\n";

    #[test]
    fn settings_have_the_names_and_order_of_their_file() {
        let config = "dataset = \"digits\"\nhidden = [8, 6]\n\n[optimizer]\nname = \"adam\"\nbeta1 = 0.9\n";
        let expected = [
            ("dataset", "digits"),
            ("hidden", "[8, 6]"),
            ("optimizer.name", "adam"),
            ("optimizer.beta1", "0.9"),
        ];
        assert_eq!(flat(config), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
