//! The run folder: `config.toml`, `metrics.jsonl`, `checkpoint.safetensors`, `model.safetensors`.
//!
//! Files are replaced whole or appended to line by line, so that a run killed at any moment can go on from here.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use plangrad_nn::checkpoint::{Progress, replace};

use super::{Event, Settings};
use crate::{Error, Result};

/// A folder that holds one run.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    metrics: Option<File>,
}

const CONFIG: &str = "config.toml";
const METRICS: &str = "metrics.jsonl";
const CHECKPOINT: &str = "checkpoint.safetensors";
const MODEL: &str = "model.safetensors";

impl RunFolder {
    /// Begins a new run in `path`. Nothing of an earlier run is touched before this, and only with `overwrite`.
    ///
    /// # Errors
    /// [`Error::RunExists`] for a folder with a run in it; [`Error::Io`].
    pub fn create(path: &Path, settings: &Settings, overwrite: bool) -> Result<RunFolder> {
        RunFolder::check_free(path, overwrite)?;
        fs::create_dir_all(path).map_err(io(path, "made a folder"))?;
        for name in [CHECKPOINT, MODEL, METRICS, CONFIG] {
            let file = path.join(name);
            match fs::remove_file(&file) {
                Err(reason) if reason.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io(&file, "replaced")(reason));
                }
                _ => {}
            }
        }
        let config = path.join(CONFIG);
        replace(&config, settings.to_toml(&config)?.as_bytes())?;
        let metrics = path.join(METRICS);
        let file = File::create(&metrics).map_err(io(&metrics, "written"))?;
        Ok(RunFolder { path: path.into(), metrics: Some(file) })
    }

    /// Whether a new run may begin in `path`.
    ///
    /// # Errors
    /// [`Error::RunExists`] if there is one already and `overwrite` is not set.
    pub fn check_free(path: &Path, overwrite: bool) -> Result<()> {
        let occupied = [CONFIG, METRICS, CHECKPOINT, MODEL].iter().any(|name| path.join(name).exists());
        if occupied && !overwrite { Err(Error::RunExists { path: path.into() }) } else { Ok(()) }
    }

    /// The run in `path`, to be gone on with.
    ///
    /// # Errors
    /// [`Error::NoRun`] if there is none.
    pub fn open(path: &Path) -> Result<(RunFolder, Settings)> {
        if !path.join(CONFIG).is_file() || !path.join(CHECKPOINT).is_file() {
            return Err(Error::NoRun { path: path.into() });
        }
        let settings = Settings::read(&path.join(CONFIG))?;
        Ok((RunFolder { path: path.into(), metrics: None }, settings))
    }

    /// A new folder's name: `runs/<dataset>-<time>`, with a number behind it if that is taken.
    #[must_use]
    pub fn default_path(dataset: &str) -> PathBuf {
        let stem = dataset.strip_prefix("csv:").map_or(dataset, |file| {
            Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or("table")
        });
        let name = format!("{stem}-{}", timestamp(SystemTime::now()));
        let numbered = (2..).map(|n| format!("{name}-{n}"));
        let mut candidates =
            std::iter::once(name.clone()).chain(numbered).map(|name| Path::new("runs").join(name));
        candidates.find(|path| !path.exists()).expect("the numbers do not end")
    }

    /// Where it is.
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
        let mut line = serde_json::to_string(event).map_err(|error| io(&path, "written")(error.into()))?;
        line.push('\n');
        let file = match &mut self.metrics {
            Some(file) => file,
            none => none.insert(
                OpenOptions::new().append(true).create(true).open(&path).map_err(io(&path, "written"))?,
            ),
        };
        file.write_all(line.as_bytes()).map_err(io(&path, "written"))
    }

    /// Cuts `metrics.jsonl` back to what had happened at the checkpoint, so that what is trained again is not told twice.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn cut_back(&mut self, progress: &Progress, batch_size: usize) -> Result<()> {
        let path = self.path.join(METRICS);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(reason) => return Err(io(&path, "read")(reason)),
        };
        let batches_done = progress.position.div_ceil(batch_size.max(1) as u64);
        let kept = |line: &&str| {
            let Ok(event) = serde_json::from_str::<serde_json::Value>(line) else { return false };
            let number = |key: &str| event.get(key).and_then(serde_json::Value::as_u64).unwrap_or(0);
            match event.get("event").and_then(serde_json::Value::as_str) {
                Some("epoch") => number("epoch") <= progress.epoch,
                Some("step") => (number("epoch"), number("step")) < (progress.epoch + 1, batches_done),
                Some("end") => false,
                _ => true,
            }
        };
        let cut: String = text.lines().filter(kept).flat_map(|line| [line, "\n"]).collect();
        Ok(replace(&path, cut.as_bytes())?)
    }
}

fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |reason| Error::Io { path: path.into(), action, reason }
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
