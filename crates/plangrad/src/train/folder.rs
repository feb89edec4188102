//! The run folder: `config.toml`, `metrics.jsonl`, `checkpoint.safetensors`, `model.safetensors`.
//!
//! Files are replaced as a whole or appended to line by line, so that a run killed at any moment can be resumed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use plangrad_nn::checkpoint::{Progress, Staged, replace};
use serde_json::Value;

use super::event::Event;
use super::settings::Settings;
use crate::error::{Error, Result};

/// A folder that holds one run. While this exists, no other process can open it.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    metrics: Option<File>,
    /// Held, not read: the system releases it when the process ends, however it ends.
    _lock: Option<File>,
}

/// What becomes of a run that is in the folder of a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the new run is refused.
    Keep,
    /// It is replaced.
    Replace,
}

const CONFIG: &str = "config.toml";
const METRICS: &str = "metrics.jsonl";
const CHECKPOINT: &str = "checkpoint.safetensors";
const MODEL: &str = "model.safetensors";

impl RunFolder {
    /// Begins a new run in `out`, or in `runs/<dataset>-<time>`, with what must be there before the first step: settings,
    /// the first line of `metrics.jsonl`, and the checkpoint that `stage` makes for its path.
    ///
    /// An earlier run in that folder is removed only when all of this is written: a full disk does not cost it.
    ///
    /// # Errors
    /// [`Error::RunExists`] for a folder with a run that is to be kept; [`Error::RunBusy`]; [`Error::Io`] or
    /// [`Error::Model`] if it cannot be written.
    pub fn create(
        out: Option<&Path>,
        existing: Existing,
        settings: &Settings,
        start: &Event,
        stage: impl FnOnce(&Path) -> Result<Staged>,
    ) -> Result<RunFolder> {
        let (path, is_new) = match out {
            Some(path) => (path.to_path_buf(), make(path)?),
            None => (make_default(&settings.dataset)?, true),
        };
        let begin = || {
            let folder = RunFolder { path: path.clone(), metrics: None, _lock: lock(&path)? };
            RunFolder::check_free(&path, existing)?;
            folder.begin(settings, start, stage)?;
            Ok(folder)
        };
        begin().inspect_err(|_| {
            if is_new {
                let _ = fs::remove_dir(&path); // which removes it only if it is empty
            }
        })
    }

    /// Puts the files of a new run in place. The old checkpoint is removed first and the new one comes last, so that parts of
    /// two runs never look like one.
    fn begin(
        &self,
        settings: &Settings,
        start: &Event,
        stage: impl FnOnce(&Path) -> Result<Staged>,
    ) -> Result<()> {
        let (config, metrics) = (self.path.join(CONFIG), self.path.join(METRICS));
        let files = [
            Staged::bytes(&config, settings.to_toml(&config)?.as_bytes())?,
            Staged::bytes(&metrics, line(start, &metrics)?.as_bytes())?,
            stage(&self.checkpoint())?,
        ];
        remove(&self.checkpoint())?;
        remove(&self.model())?;
        Ok(files.into_iter().try_for_each(Staged::place)?)
    }

    /// Whether a new run may begin in `path`.
    ///
    /// # Errors
    /// [`Error::RunExists`] if there is one that is to be kept.
    pub fn check_free(path: &Path, existing: Existing) -> Result<()> {
        let occupied = [CONFIG, METRICS, CHECKPOINT, MODEL].iter().any(|name| path.join(name).exists());
        if occupied && existing == Existing::Keep {
            Err(Error::RunExists { path: path.into() })
        } else {
            Ok(())
        }
    }

    /// The run in `path`, to be resumed.
    ///
    /// # Errors
    /// [`Error::NoRun`] if there is none, [`Error::RunBusy`] if another process uses it; if its settings are wrong.
    pub fn open(path: &Path) -> Result<(RunFolder, Settings)> {
        if !path.join(CONFIG).is_file() || !path.join(CHECKPOINT).is_file() {
            return Err(Error::NoRun { path: path.into() });
        }
        let folder = RunFolder { path: path.into(), metrics: None, _lock: lock(path)? };
        let settings = Settings::read(&path.join(CONFIG))?;
        Ok((folder, settings))
    }

    /// The folder's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoint's file.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join(CHECKPOINT)
    }

    /// The model's file.
    #[must_use]
    pub fn model(&self) -> PathBuf {
        self.path.join(MODEL)
    }

    /// Writes changed settings (more epochs) into the run.
    ///
    /// # Errors
    /// [`Error::Model`] if the file cannot be replaced.
    pub fn save_settings(&self, settings: &Settings) -> Result<()> {
        let config = self.path.join(CONFIG);
        Ok(replace(&config, settings.to_toml(&config)?.as_bytes())?)
    }

    /// Appends an event to `metrics.jsonl`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn log(&mut self, event: &Event) -> Result<()> {
        let path = self.path.join(METRICS);
        let line = line(event, &path)?;
        let file = match &mut self.metrics {
            Some(file) => file,
            none => none.insert(
                OpenOptions::new()
                    .append(true)
                    .create(true)
                    .open(&path)
                    .map_err(Error::io(&path, "written"))?,
            ),
        };
        file.write_all(line.as_bytes()).map_err(Error::io(&path, "written"))
    }

    /// Flushes `metrics.jsonl` to the disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync(&self) -> Result<()> {
        let path = self.path.join(METRICS);
        self.metrics.as_ref().map_or(Ok(()), |file| file.sync_data().map_err(Error::io(&path, "written")))
    }

    /// Truncates `metrics.jsonl` to the events before the checkpoint, so that steps that are trained again are not reported
    /// twice. The part of an epoch that `--max-steps` allowed has been reported if the run `is_finished` with it.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Model`].
    pub fn cut_back(&mut self, progress: &Progress, batch_size: usize, is_finished: bool) -> Result<()> {
        let path = self.path.join(METRICS);
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(reason) if reason.kind() == ErrorKind::NotFound => return Ok(()),
            Err(reason) => return Err(Error::io(&path, "read")(reason)),
        };
        let batches_done = progress.position.div_ceil(batch_size.max(1) as u64);
        let epochs_told = progress.epoch + u64::from(is_finished && progress.position > 0);
        let kept = |line: &&str| {
            let Ok(event) = serde_json::from_str::<Value>(line) else { return false };
            let number = |key: &str| event.get(key).and_then(Value::as_u64).unwrap_or(0);
            match event.get("event").and_then(Value::as_str) {
                Some("epoch") => number("epoch") <= epochs_told,
                Some("step") => (number("epoch"), number("step")) < (progress.epoch + 1, batches_done),
                Some("end") => false,
                _ => true,
            }
        };
        let cut: String = text.lines().filter(kept).flat_map(|line| [line, "\n"]).collect();
        Ok(replace(&path, cut.as_bytes())?)
    }
}

/// Makes the folder; false if it exists.
fn make(path: &Path) -> Result<bool> {
    let is_new = !path.exists();
    fs::create_dir_all(path).map_err(Error::io(path, "made a folder"))?;
    Ok(is_new)
}

/// Makes a new folder `runs/<dataset>-<time>`, with a number appended if it exists: of two processes that start in the same
/// second, each gets its own.
fn make_default(dataset: &str) -> Result<PathBuf> {
    let runs = Path::new("runs");
    make(runs)?;
    let stem = dataset.strip_prefix("csv:").map_or(dataset, |file| {
        Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or("table")
    });
    let name = format!("{stem}-{}", timestamp(SystemTime::now()));
    let mut number = 1;
    loop {
        let path = runs.join(if number == 1 { name.clone() } else { format!("{name}-{number}") });
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(reason) if reason.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(reason) => return Err(Error::io(&path, "made a folder")(reason)),
        }
    }
}

/// Keeps other processes out of a run, unless the system cannot lock a folder.
fn lock(path: &Path) -> Result<Option<File>> {
    let Ok(folder) = File::open(path) else { return Ok(None) };
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => Err(Error::RunBusy { path: path.into() }),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Removes a file if it exists.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(reason) if reason.kind() != ErrorKind::NotFound => Err(Error::io(path, "replaced")(reason)),
        _ => Ok(()),
    }
}

/// An event as a line of `metrics.jsonl`.
fn line(event: &Event, path: &Path) -> Result<String> {
    let json = serde_json::to_string(event).map_err(|error| Error::io(path, "written")(error.into()))?;
    Ok(json + "\n")
}

/// Date and time in UTC as `20261121-185900`.
fn timestamp(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days as i64);
    format!("{year:04}{month:02}{day:02}-{:02}{:02}{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Year, month and day of a number of days since 1970-01-01 (Howard Hinnant, *chrono-compatible low-level date
/// algorithms*, `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_written_in_utc() {
        let at = |seconds| timestamp(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "19700101-000000");
        assert_eq!(at(951_782_400), "20000229-000000");
        assert_eq!(at(1_795_287_599), "20261121-185959");
    }
}
