//! Everything that can end a command, one variant per cause.

use std::io;
use std::path::{Path, PathBuf};

use plangrad_data::Split;
use plangrad_tensor::backend::cuda::CudaUnavailable;
use plangrad_tensor::backend::wgpu::WgpuUnavailable;
use plangrad_tensor::{Device, MemoryReport};
use serde::Serialize;

use crate::numbers::{counted, grouped_bytes, size};
use crate::output::printable;
use crate::picture::PictureError;
use crate::train::{DivergenceRemedy, WrongSetting};

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a command ended. Prints as one plain sentence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The arguments cannot be understood.
    #[error("{0}")]
    CommandLine(String),

    /// An option does not go with the others, or with the data.
    #[error("{option}: {problem}")]
    Option {
        /// The option, as it is written.
        option: &'static str,
        /// What is wrong with it, as a clause.
        problem: String,
    },

    /// There is no sample with this number.
    #[error("--index: {what} has {}, counted from 0; there is no number {index}", counted(*samples, "sample"))]
    NoSample {
        /// Dataset and part.
        what: String,
        /// The number asked for.
        index: usize,
        /// Samples there are.
        samples: usize,
    },

    /// A part of a dataset that is needed is empty.
    #[error("the {split} part of {dataset} is empty; {remedy}")]
    EmptySplit {
        /// The dataset.
        dataset: String,
        /// Which part of it.
        split: Split,
        /// How to get one, as a clause.
        remedy: &'static str,
    },

    /// Model and data do not go together.
    #[error("{model} was trained on {expected}, but {found}")]
    ModelMismatch {
        /// The model's file.
        model: String,
        /// What it reads.
        expected: String,
        /// What it was given, as a clause.
        found: String,
    },

    /// A path that is neither a model nor a run.
    #[error("{}: expected a model file or a run folder, found {found}", path.display())]
    NotAModel {
        /// The path.
        path: PathBuf,
        /// What is there.
        found: String,
    },

    /// Weights of another program that cannot be read.
    #[error("{}: expected weights (safetensors, or a state_dict of PyTorch), found {found}", path.display())]
    ForeignWeights {
        /// The file.
        path: PathBuf,
        /// What it is, and what can be done.
        found: String,
    },

    /// A dataset is wrong or missing.
    #[error(transparent)]
    Data(#[from] plangrad_data::Error),

    /// A model, or its file, is wrong.
    #[error(transparent)]
    Model(#[from] plangrad_nn::Error),

    /// Planning or running failed.
    #[error(transparent)]
    Tensor(#[from] plangrad_tensor::Error),

    /// A picture cannot be read or written.
    #[error(transparent)]
    Picture(#[from] PictureError),

    /// A file could not be read or written.
    #[error("{}: cannot be {action}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, as a participle.
        action: &'static str,
        /// The system's answer.
        #[source]
        reason: io::Error,
    },

    /// There is not enough memory. The attempt changed nothing.
    #[error(
        "out of memory on {device}: {what} needs {} bytes ({}), {} of {} bytes are free; {remedy}",
        grouped_bytes(*requested), size(*requested), grouped_bytes(*free), grouped_bytes(*total)
    )]
    OutOfMemory {
        /// The device.
        device: Device,
        /// What it was for.
        what: String,
        /// Bytes asked for.
        requested: u64,
        /// Bytes that were free.
        free: u64,
        /// The budget, or the device's memory.
        total: u64,
        /// What can be done, as a clause.
        remedy: String,
        /// What the bytes were for, by category.
        report: Box<MemoryReport>,
    },

    /// A GPU was named that cannot be used.
    #[error("{device}: {reason}; or compute on the cpu, with --device cpu")]
    Cuda {
        /// The GPU.
        device: Device,
        /// Why not.
        #[source]
        reason: CudaUnavailable,
    },

    /// An adapter was named that cannot be used.
    #[error("{device}: {reason}; or compute on the cpu, with --device cpu")]
    Graphics {
        /// The adapter.
        device: Device,
        /// Why not.
        #[source]
        reason: WgpuUnavailable,
    },

    /// A GPU was named by its number, and there are not as many.
    #[error("gpu:{index}: {}; or compute on the cpu, with --device cpu", without_gpu(*count, cuda.as_deref(), others.as_deref()))]
    NoGpu {
        /// The number.
        index: usize,
        /// How many there are.
        count: usize,
        /// Why NVIDIA's cannot be used, if so.
        cuda: Option<Box<CudaUnavailable>>,
        /// Why others cannot be used, if so.
        others: Option<Box<WgpuUnavailable>>,
    },

    /// A new run would replace an earlier one.
    #[error("{} already holds a run; choose another --out, continue it with --resume, or replace it with --overwrite", path.display())]
    RunExists {
        /// The folder.
        path: PathBuf,
    },

    /// A folder to resume from holds no run.
    #[error("{} holds no run to resume: expected config.toml and checkpoint.safetensors", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
    },

    /// A run's settings cannot be understood.
    #[error("{}: cannot be understood: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },

    /// A network file describes no network.
    #[error("{}:{line}: {problem}", path.display())]
    NetworkFile {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },

    /// Settings that no run can have.
    #[error("the settings of the run: {0}")]
    Setting(#[from] WrongSetting),

    /// Two processes would write the same run.
    #[error("{} is in use by another plangrad process; wait for it or end it first", path.display())]
    RunBusy {
        /// The folder.
        path: PathBuf,
    },

    /// The folder of a run, or a file in it, was taken away while the run was writing there.
    #[error("{} or a file in it was removed, moved, replaced or cut short while the run was using it, so the run has ended; what it had saved is where its folder is now", path.display())]
    RunGone {
        /// The folder's path.
        path: PathBuf,
    },

    /// Training has diverged.
    #[error("training has diverged: {sign} in epoch {epoch}, by step {step}; {remedy}")]
    Diverged {
        /// What shows it, as a clause.
        sign: String,
        /// The epoch, counted from 1.
        epoch: u64,
        /// Steps taken until it was noticed.
        step: u64,
        /// What would help.
        remedy: DivergenceRemedy,
    },

    /// The run was asked to stop, and has saved its state.
    #[error("interrupted; the run is saved, continue with: {resume}")]
    Interrupted {
        /// The command that continues it, as a shell reads it.
        resume: String,
    },

    /// Something was to be timed, and the clock does not move.
    #[error(
        "the system's clock stands still or is far too slow, so nothing can be timed; only train with a --batch-size of your choice needs no clock"
    )]
    ClockStopped,

    /// A command that keeps nothing was asked to stop.
    #[error("interrupted; no file was written")]
    Stopped,

    /// The reader of a run's output has gone. The run has saved its state.
    #[error("standard output was closed; the run is saved, continue with: {resume}")]
    Unread {
        /// The command that continues it, as a shell reads it.
        resume: String,
    },

    /// Standard output cannot be written.
    #[error("standard output cannot be written: {0}")]
    Output(#[source] io::Error),
}

/// The cause of an error, for programs: exit codes and the key `kind` in JSON follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// Wrong arguments.
    Usage,
    /// Wrong data.
    Data,
    /// A missing dataset.
    NotFound,
    /// A failed download.
    Download,
    /// A file or stream that cannot be read or written.
    Io,
    /// A wrong image.
    Image,
    /// A wrong model or model file.
    Model,
    /// A run folder that cannot be used.
    Run,
    /// A device that cannot be used.
    Device,
    /// Not enough memory.
    OutOfMemory,
    /// Sizes beyond the address space.
    TooLarge,
    /// Training that has diverged.
    Diverged,
    /// A request to stop.
    Interrupted,
    /// A defect of this program.
    Internal,
}

impl ErrorKind {
    /// Exit code of an interrupted program, by the convention of shells.
    pub(crate) const INTERRUPTED: u8 = 130;

    /// The exit code of a program that ends with this error.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Interrupted => Self::INTERRUPTED,
            _ => 1,
        }
    }
}

impl Error {
    /// The cause, for programs.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        use plangrad_data::Error as Data;
        use plangrad_nn::Error as Model;
        match self {
            Self::CommandLine(_)
            | Self::Option { .. }
            | Self::NoSample { .. }
            | Self::Setting(_)
            | Self::Data(Data::NotDownloadable { .. }) => ErrorKind::Usage,
            Self::Data(Data::OutOfMemory { .. } | Data::MemoryLimit { .. }) => ErrorKind::OutOfMemory,
            Self::Data(Data::DatasetNotFound { .. } | Data::LocalDatasetNotFound { .. }) => {
                ErrorKind::NotFound
            }
            Self::Data(Data::Download { .. } | Data::DownloadBusy { .. } | Data::UnsupportedProxy { .. }) => {
                ErrorKind::Download
            }
            Self::Data(Data::Io { .. })
            | Self::Model(Model::Io { .. })
            | Self::Picture(PictureError::Io { .. })
            | Self::Io { .. }
            | Self::Unread { .. }
            | Self::Output(_) => ErrorKind::Io,
            Self::Picture(_) | Self::Data(Data::Image { .. }) => ErrorKind::Image,
            Self::Data(_) | Self::EmptySplit { .. } => ErrorKind::Data,
            Self::OutOfMemory { .. } => ErrorKind::OutOfMemory,
            Self::Tensor(error) | Self::Model(Model::Tensor(error)) => tensor_kind(error),
            Self::Model(_)
            | Self::ModelMismatch { .. }
            | Self::NotAModel { .. }
            | Self::NetworkFile { .. }
            | Self::ForeignWeights { .. } => ErrorKind::Model,
            Self::RunExists { .. }
            | Self::NoRun { .. }
            | Self::RunBusy { .. }
            | Self::RunGone { .. }
            | Self::Config { .. } => ErrorKind::Run,
            Self::Cuda { .. } | Self::Graphics { .. } | Self::NoGpu { .. } | Self::ClockStopped => {
                ErrorKind::Device
            }
            Self::Diverged { .. } => ErrorKind::Diverged,
            Self::Interrupted { .. } | Self::Stopped => ErrorKind::Interrupted,
        }
    }

    /// The error and its causes, as far as it does not name them itself, in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut sentence = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            if !sentence.contains(&text) {
                sentence = format!("{sentence}: {text}");
            }
            cause = error.source();
        }
        printable(&sentence.replace(['\n', '\r'], " "))
    }

    /// An option with what is wrong with it.
    pub(crate) fn option(option: &'static str, problem: impl Into<String>) -> Error {
        Error::Option { option, problem: problem.into() }
    }

    /// Turns the system's answer to an `action` on a file into an error.
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |reason| Error::Io { path: path.into(), action, reason }
    }
}

/// Why there is no GPU of a number, as a clause.
fn without_gpu(count: usize, cuda: Option<&CudaUnavailable>, others: Option<&WgpuUnavailable>) -> String {
    if count > 0 {
        let are = counted(count, "GPU");
        return format!("there is no GPU of this number; this machine has {are}, counted from 0");
    }
    let reasons = cuda.map(ToString::to_string).into_iter().chain(others.map(ToString::to_string));
    reasons.collect::<Vec<_>>().join("; ")
}

impl From<plangrad_tensor::ShapeError> for Error {
    fn from(error: plangrad_tensor::ShapeError) -> Self {
        plangrad_tensor::Error::from(error).into()
    }
}

fn tensor_kind(error: &plangrad_tensor::Error) -> ErrorKind {
    use plangrad_tensor::Error as Tensor;
    match error {
        Tensor::OutOfMemory { .. } => ErrorKind::OutOfMemory,
        Tensor::Device { .. }
        | Tensor::Threads { .. }
        | Tensor::InstructionSet { .. }
        | Tensor::NumberTypes { .. } => ErrorKind::Device,
        Tensor::Shape(_) | Tensor::PlanTooLarge => ErrorKind::TooLarge,
        Tensor::Source(_) | Tensor::Label { .. } => ErrorKind::Data,
        Tensor::Hyperparameter(_) => ErrorKind::Usage,
        _ => ErrorKind::Internal, // of graphs and plans, which this crate makes itself
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_one_line_without_control_characters() {
        let error = Error::NotAModel { path: "a\nb\u{1b}[2J".into(), found: "a folder".to_owned() };
        assert_eq!(error.sentence(), "a b [2J: expected a model file or a run folder, found a folder");
    }

    #[test]
    fn a_cause_is_a_source_and_is_said_once() {
        let error = Error::io(Path::new("a"), "read")(io::Error::other("disk on fire"));
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(error.sentence(), "a: cannot be read: disk on fire");
    }

    #[test]
    fn exit_codes_follow_from_kinds() {
        let option = Error::option("--label", "is for tables");
        assert_eq!((option.kind(), option.kind().exit_code()), (ErrorKind::Usage, 2));
        let output = Error::Output(io::Error::other("disk full"));
        assert_eq!((output.kind(), output.kind().exit_code()), (ErrorKind::Io, 1));
        assert_eq!(Error::Stopped.kind().exit_code(), 130);
    }

    #[test]
    fn kinds_have_stable_words() {
        use ErrorKind::*;
        let all = [Usage, Data, NotFound, Download, Io, Image, Model, Run, Device, OutOfMemory, TooLarge];
        let words = all.map(|kind| serde_json::to_value(kind).unwrap());
        let expected = [
            "usage",
            "data",
            "not-found",
            "download",
            "io",
            "image",
            "model",
            "run",
            "device",
            "out-of-memory",
            "too-large",
        ];
        assert_eq!(words, expected);
        let rest = [Diverged, Interrupted, Internal].map(|kind| serde_json::to_value(kind).unwrap());
        assert_eq!(rest, ["diverged", "interrupted", "internal"]);
    }
}
