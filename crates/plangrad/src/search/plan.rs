//! What a search is going to do, as its folder has it: written before the first trial begins.

use std::io::Read;
use std::path::{Path, PathBuf};

use plangrad_data::open_regular_file;
use plangrad_nn::checkpoint;
use serde::{Deserialize, Serialize};

use super::rungs::{Method, going_on, rungs};
use crate::error::{Error, Result};
use crate::train::Settings;

/// The file.
const SEARCH: &str = "search.json";

/// The longest one that is read.
const MOST_BYTES: u64 = 64 << 20;

/// A search.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SearchPlan {
    /// The command that began it.
    pub(crate) command: String,
    pub(crate) method: Method,
    /// Of so many trials one goes on.
    pub(crate) factor: usize,
    /// Epochs of a trial that is trained to its end.
    pub(crate) epochs: u64,
    /// Seconds of training and evaluation after which no more is begun.
    pub(crate) time_budget: Option<f64>,
    /// Draws that were left out since they need more memory than there may be.
    pub(crate) too_large: usize,
    pub(crate) trials: Vec<PlannedTrial>,
}

/// A trial.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PlannedTrial {
    /// Counted from 1.
    pub(crate) number: usize,
    /// Bytes that it will take.
    pub(crate) planned_bytes: u64,
    pub(crate) settings: Settings,
}

/// Where the run of a trial is.
pub(crate) fn trial_folder(search: &Path, number: usize) -> PathBuf {
    search.join(format!("trial-{number:03}"))
}

impl SearchPlan {
    /// The plan in a search's folder.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Config`] for a file that is damaged.
    pub(crate) fn read(folder: &Path) -> Result<SearchPlan> {
        let path = folder.join(SEARCH);
        let file = open_regular_file(&path).map_err(Error::io(&path, "read"))?;
        let mut text = String::new();
        file.take(MOST_BYTES).read_to_string(&mut text).map_err(Error::io(&path, "read"))?;
        let wrong = |reason: String| Error::Config { path: path.clone(), reason };
        let plan: SearchPlan = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if plan.trials.is_empty() {
            return Err(wrong("it has no trials".to_owned()));
        }
        for (place, trial) in plan.trials.iter().enumerate() {
            trial.settings.check().map_err(|error| wrong(format!("trial {}: {error}", trial.number)))?;
            if trial.number != place + 1 {
                return Err(wrong(format!("expected trial {}, found {}", place + 1, trial.number)));
            }
        }
        Ok(plan)
    }

    /// Whether there is a search in the folder.
    pub(crate) fn is_in(folder: &Path) -> bool {
        folder.join(SEARCH).exists()
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`Error::Model`] if the file cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self).map_err(|error| Error::Output(error.into()))?;
        Ok(checkpoint::replace(&folder.join(SEARCH), &json)?)
    }

    /// The epochs that trials are to reach, one rung after another.
    pub(super) fn rungs(&self) -> Vec<u64> {
        rungs(self.method, self.trials.len(), self.epochs, self.factor)
    }

    /// How many of so many trials go on.
    pub(super) fn going_on(&self, trials: usize) -> usize {
        going_on(trials, self.factor)
    }
}
