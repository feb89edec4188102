//! The run folder: `config.toml`, `metrics.jsonl`, `checkpoint.safetensors`, `model.safetensors`, `best.safetensors`,
//! `fingerprint.json`, `sessions.jsonl`, `metrics.csv`, `report.html`.
//!
//! Files are replaced as a whole or appended to line by line, so that a run killed at any moment can be resumed. The folder
//! is held open, and whoever begins a run there writes all of its files into a folder within, whose renaming is the moment
//! at which the new run takes the place of an earlier one. What is left to do then, anyone who opens the run can do.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cap_std::fs::OpenOptions;
use plangrad_data::open_regular_file;
use plangrad_nn::checkpoint::{self, Folder, Loaded, Progress, Staged};
use serde::Serialize;

use super::event::Event;
use super::fingerprint::Fingerprint;
use super::log::{self, Reached};
use super::session::RunSession;
use super::settings::Settings;
use crate::calendar;
use crate::error::{Error, Result};

/// A folder that holds one run. While this exists, no other process can open it.
#[derive(Debug)]
pub struct RunFolder {
    folder: Folder,
    metrics: Option<Log>,
    /// Held, not read: the system releases it when the process ends, however it ends.
    _lock: Option<File>,
}

/// `metrics.jsonl`, open.
#[derive(Debug)]
struct Log {
    file: File,
    /// Bytes that it must have.
    bytes: u64,
}

/// What becomes of a run that is in the folder of a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Existing {
    /// It stays, and the new run is refused.
    Keep,
    /// It is replaced.
    Replace,
}

pub(crate) const CONFIG: &str = "config.toml";
pub(crate) const METRICS: &str = "metrics.jsonl";
pub(crate) const CHECKPOINT: &str = "checkpoint.safetensors";
pub(crate) const MODEL: &str = "model.safetensors";
pub(crate) const BEST: &str = "best.safetensors";
const FINGERPRINT: &str = "fingerprint.json";
pub(crate) const SESSIONS: &str = "sessions.jsonl";
pub(crate) const REPORT: &str = "report.html";
const METRICS_CSV: &str = "metrics.csv";
/// The folder within for TensorBoard.
const TENSORBOARD: &str = "tensorboard";
/// The longest `fingerprint.json` that is read: 16 bytes for each of 64 million rows.
const MOST_FINGERPRINT_BYTES: u64 = 1 << 30;
/// Files of a run.
const FILES: [&str; 9] =
    [CONFIG, METRICS, CHECKPOINT, MODEL, BEST, FINGERPRINT, SESSIONS, REPORT, METRICS_CSV];
/// The folder within in which a new run is written,
const UNFINISHED: &str = ".new-run.tmp";
/// and its name from the moment on at which the new run counts.
const NEW: &str = ".new-run";

impl RunFolder {
    /// Begins a new run in `out`, or in `runs/<dataset>-<time>`, with what must be there before the first step: settings,
    /// the first line of `metrics.jsonl`, and the checkpoint that `stage` writes into the folder it is given.
    ///
    /// An earlier run in that folder is there until all of this is written: neither a full disk nor a kill costs it.
    ///
    /// # Errors
    /// [`Error::RunExists`] for a folder with a run that is to be kept; [`Error::RunBusy`]; [`Error::Io`] or
    /// [`Error::Model`] if it cannot be written.
    pub fn create(
        out: Option<&Path>,
        existing: Existing,
        settings: &Settings,
        start: &Event,
        stage: impl FnOnce(&Folder) -> Result<Staged>,
    ) -> Result<RunFolder> {
        let (path, is_new) = match out {
            Some(path) => (path.to_path_buf(), make(path)?),
            None => (make_default(&settings.dataset)?, true),
        };
        let begin = || {
            let folder = RunFolder::hold(&path)?;
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

    /// Opens the folder and keeps others out. What was left half done there is completed, or removed.
    fn hold(path: &Path) -> Result<RunFolder> {
        let folder = Folder::open(path)?;
        let folder = RunFolder { _lock: lock(&folder)?, folder, metrics: None };
        let _ = folder.folder.dir().remove_dir_all(UNFINISHED);
        folder.folder.remove_leftovers(&FILES);
        folder.settle()?;
        Ok(folder)
    }

    /// Writes the files of a new run, and puts them in the place of an earlier one's.
    fn begin(
        &self,
        settings: &Settings,
        start: &Event,
        stage: impl FnOnce(&Folder) -> Result<Staged>,
    ) -> Result<()> {
        let dir = self.folder.dir();
        dir.create_dir(UNFINISHED).map_err(Error::io(self.path(), "written"))?;
        let written = self.write_new(settings, start, stage).and_then(|()| {
            dir.rename(UNFINISHED, dir, NEW).map_err(Error::io(&self.file(CONFIG), "written"))
        });
        written.inspect_err(|_| {
            let _ = dir.remove_dir_all(UNFINISHED);
        })?;
        self.folder.sync()?;
        self.settle()
    }

    fn write_new(
        &self,
        settings: &Settings,
        start: &Event,
        stage: impl FnOnce(&Folder) -> Result<Staged>,
    ) -> Result<()> {
        let new = self.folder.within(UNFINISHED)?;
        let (config, metrics) = (self.file(CONFIG), self.file(METRICS));
        new.replace(CONFIG, settings.to_toml(&config)?.as_bytes())?;
        new.replace(METRICS, line(start, &metrics)?.as_bytes())?;
        Ok(stage(&new)?.place()?)
    }

    /// Puts the files of a new run that counts into the folder itself, or what is left of them: this may end at any moment
    /// and begin again. The old models go first, so that they never stand beside the new run's settings.
    fn settle(&self) -> Result<()> {
        let dir = self.folder.dir();
        if !dir.is_dir(NEW) {
            return Ok(());
        }
        for name in [MODEL, BEST, FINGERPRINT, SESSIONS, REPORT, METRICS_CSV] {
            absent_or(dir.remove_file(name)).map_err(Error::io(&self.file(name), "replaced"))?;
        }
        absent_or(dir.remove_dir_all(TENSORBOARD)).map_err(Error::io(&self.file(TENSORBOARD), "replaced"))?;
        for name in [CONFIG, METRICS, CHECKPOINT] {
            let moved = absent_or(dir.rename(Path::new(NEW).join(name), dir, name));
            moved.map_err(Error::io(&self.file(name), "written"))?;
        }
        self.folder.sync()?;
        dir.remove_dir(NEW).map_err(Error::io(&self.file(NEW), "removed"))
    }

    /// Whether a new run may begin in `path`.
    ///
    /// # Errors
    /// [`Error::RunExists`] if there is one that is to be kept.
    pub fn check_free(path: &Path, existing: Existing) -> Result<()> {
        let occupied = FILES.iter().chain([&NEW]).any(|name| path.join(name).exists());
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
        let no_run = || Error::NoRun { path: path.into() };
        if !path.is_dir() {
            return Err(no_run());
        }
        let folder = RunFolder::hold(path)?;
        let dir = folder.folder.dir();
        if !dir.exists(CONFIG) || !dir.exists(CHECKPOINT) {
            return Err(no_run());
        }
        let settings = Settings::read_from(folder.folder.open_file(CONFIG)?, &folder.file(CONFIG))?;
        Ok((folder, settings))
    }

    /// The folder's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// The open folder.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The checkpoint's file.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.file(CHECKPOINT)
    }

    /// Reads the checkpoint.
    ///
    /// # Errors
    /// As [`checkpoint::read`].
    pub fn read_checkpoint(&self) -> Result<Loaded> {
        self.read_model(CHECKPOINT)
    }

    /// The model's file.
    #[must_use]
    pub fn model(&self) -> PathBuf {
        self.file(MODEL)
    }

    /// The file of the best epoch's model.
    #[must_use]
    pub fn best(&self) -> PathBuf {
        self.file(BEST)
    }

    /// Reads a model of the run.
    ///
    /// # Errors
    /// As [`checkpoint::read`].
    pub(super) fn read_model(&self, name: &str) -> Result<Loaded> {
        Ok(checkpoint::read_file(self.folder.open_file(name)?, &self.file(name))?)
    }

    /// Keeps what the run learns from.
    ///
    /// # Errors
    /// [`Error::Model`] if the file cannot be written.
    pub(super) fn save_fingerprint(&self, data: &Fingerprint) -> Result<()> {
        let json = serde_json::to_vec(data)
            .map_err(|error| Error::io(&self.file(FINGERPRINT), "written")(error.into()))?;
        Ok(self.folder.replace(FINGERPRINT, &json)?)
    }

    /// What the run has learnt from so far, if it says.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Config`] for a file that is damaged.
    pub fn fingerprint(&self) -> Result<Option<Fingerprint>> {
        read_fingerprint(self.path())
    }

    /// Whether the run is still where it began, with its settings and all of its log.
    ///
    /// # Errors
    /// [`Error::RunGone`] if its folder, its settings or its log have been removed or replaced, or the log cut short.
    pub(super) fn check_in_place(&self) -> Result<()> {
        let is_whole = |log: &Log| {
            let bytes = log.file.metadata().map_or(0, |there| there.len());
            self.folder.holds(METRICS, &log.file) && bytes >= log.bytes
        };
        let has_files = self.metrics.as_ref().is_none_or(is_whole) && self.folder.dir().is_file(CONFIG);
        if has_files && self.folder.is_in_place() {
            Ok(())
        } else {
            Err(Error::RunGone { path: self.path().into() })
        }
    }

    /// Writes changed settings (more epochs) into the run.
    ///
    /// # Errors
    /// [`Error::Model`] if the file cannot be replaced.
    pub fn save_settings(&self, settings: &Settings) -> Result<()> {
        Ok(self.folder.replace(CONFIG, settings.to_toml(&self.file(CONFIG))?.as_bytes())?)
    }

    /// Appends an event to `metrics.jsonl`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn log(&mut self, event: &Event) -> Result<()> {
        let path = self.file(METRICS);
        let line = line(event, &path)?;
        let log = match &mut self.metrics {
            Some(log) => log,
            none => {
                let opened =
                    self.folder.dir().open_with(METRICS, OpenOptions::new().append(true).create(true));
                let file = opened.map_err(Error::io(&path, "written"))?.into_std();
                let bytes = file.metadata().map_err(Error::io(&path, "written"))?.len();
                none.insert(Log { file, bytes })
            }
        };
        log.file.write_all(line.as_bytes()).map_err(Error::io(&path, "written"))?;
        log.bytes += line.len() as u64;
        Ok(())
    }

    /// Appends a line to `sessions.jsonl`: a process begins to work on the run.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn begin_session(&self, session: &RunSession) -> Result<()> {
        let path = self.file(SESSIONS);
        let line = line(session, &path)?;
        let opened = self.folder.dir().open_with(SESSIONS, OpenOptions::new().append(true).create(true));
        let mut file = opened.map_err(Error::io(&path, "written"))?;
        file.write_all(line.as_bytes()).map_err(Error::io(&path, "written"))
    }

    /// Replaces the report of the run. Returns where it is.
    ///
    /// # Errors
    /// [`Error::Model`] if the file cannot be written.
    pub(crate) fn save_report(&self, page: &str) -> Result<PathBuf> {
        self.folder.replace(REPORT, page.as_bytes())?;
        Ok(self.file(REPORT))
    }

    /// Opens a new file for TensorBoard, to be appended to, in a folder within. Also returns its path.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn open_event_file(&self, name: &str) -> Result<(File, PathBuf)> {
        let (dir, path) = (self.folder.dir(), self.file(TENSORBOARD).join(name));
        let opened = dir.create_dir_all(TENSORBOARD).and_then(|()| {
            dir.open_with(Path::new(TENSORBOARD).join(name), OpenOptions::new().append(true).create(true))
        });
        let file = opened.map_err(Error::io(&path, "written"))?;
        Ok((file.into_std(), path))
    }

    /// Replaces `metrics.csv`.
    ///
    /// # Errors
    /// [`Error::Model`] if the file cannot be written.
    pub(crate) fn save_metrics_csv(&self, lines: &str) -> Result<()> {
        Ok(self.folder.replace(METRICS_CSV, lines.as_bytes())?)
    }

    /// Flushes `metrics.jsonl` to the disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync(&self) -> Result<()> {
        let path = self.file(METRICS);
        self.metrics.as_ref().map_or(Ok(()), |log| log.file.sync_data().map_err(Error::io(&path, "written")))
    }

    /// Truncates `metrics.jsonl` to the events before the checkpoint, so that steps that are trained again are not reported
    /// twice. The part of an epoch that `--max-steps` allowed has been reported if the run `is_finished` with it.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Model`].
    pub fn cut_back(&mut self, progress: &Progress, batch_size: usize, is_finished: bool) -> Result<()> {
        if !self.folder.dir().exists(METRICS) {
            return Ok(());
        }
        let path = self.file(METRICS);
        let file = self.folder.open_file(METRICS)?;
        log::check_length(&file, &path)?;
        let reached = Reached {
            epoch: progress.epoch,
            batches: progress.position.div_ceil(batch_size.max(1) as u64),
            epochs_told: progress.epoch + u64::from(is_finished && progress.position > 0),
        };
        let cut = self.folder.stage(METRICS, |to| {
            log::copy(BufReader::new(file), BufWriter::new(to), |line| reached.before(line))
                .map_err(|reason| plangrad_nn::Error::Io { action: "write", path, reason })
        })?;
        Ok(cut.place()?)
    }
}

/// What the run in `folder` has learnt from; `None` if it does not say, as runs of earlier versions and files without their
/// folder do not.
///
/// # Errors
/// [`Error::Io`]; [`Error::Config`] for a file that is damaged.
pub(crate) fn read_fingerprint(folder: &Path) -> Result<Option<Fingerprint>> {
    let path = folder.join(FINGERPRINT);
    let file = match open_regular_file(&path) {
        Ok(file) => file,
        Err(reason) if reason.kind() == ErrorKind::NotFound => return Ok(None),
        Err(reason) => return Err(Error::io(&path, "read")(reason)),
    };
    let mut text = String::new();
    file.take(MOST_FINGERPRINT_BYTES + 1).read_to_string(&mut text).map_err(Error::io(&path, "read"))?;
    if text.len() as u64 > MOST_FINGERPRINT_BYTES {
        let reason = format!("expected at most {MOST_FINGERPRINT_BYTES} bytes, found more");
        return Err(Error::Config { path, reason });
    }
    let print =
        Fingerprint::parse(&text).map_err(|error| Error::Config { path, reason: error.to_string() })?;
    Ok(Some(print))
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
    let name = format!("{stem}-{}", calendar::compact(SystemTime::now()));
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
fn lock(folder: &Folder) -> Result<Option<File>> {
    let Ok(file) = folder.dir().try_clone() else { return Ok(None) };
    let file = file.into_std_file();
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Error::RunBusy { path: folder.path().into() }),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// The outcome, where a file that does not exist is not an error.
fn absent_or(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|reason| if reason.kind() == ErrorKind::NotFound { Ok(()) } else { Err(reason) })
}

/// A line of `metrics.jsonl` or `sessions.jsonl`.
fn line(event: &impl Serialize, path: &Path) -> Result<String> {
    let json = serde_json::to_string(event).map_err(|error| Error::io(path, "written")(error.into()))?;
    Ok(json + "\n")
}
