//! Everything that can end a command, one variant per cause.

use std::io;
use std::path::PathBuf;

use plangrad_tensor::backend::cuda::CudaUnavailable;
use plangrad_tensor::{Device, MemoryReport};

use crate::numbers::{grouped_bytes, size};
use crate::picture::PictureError;

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
    #[error("--index: {what} has {}, counted from 0; there is no number {index}", crate::numbers::counted(*samples, "sample"))]
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
        split: &'static str,
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

    /// A dataset is wrong or cannot be had.
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
        reason: io::Error,
    },

    /// The memory that is needed is not to be had. Nothing was changed by the attempt.
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
    #[error("{device}: {reason}; or compute on the processor, with --device cpu")]
    Cuda {
        /// The GPU.
        device: Device,
        /// Why not.
        reason: CudaUnavailable,
    },

    /// A new run would replace an earlier one.
    #[error("{} holds a run already; choose another --out, go on with it by --resume, or replace it with --overwrite", path.display())]
    RunExists {
        /// The folder.
        path: PathBuf,
    },

    /// A folder to be resumed holds no run.
    #[error("{} holds no run to go on with: expected config.toml and checkpoint.safetensors", path.display())]
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

    /// Two processes would write the same run.
    #[error("{} is in use by another plangrad process; wait for it or end it first", path.display())]
    RunBusy {
        /// The folder.
        path: PathBuf,
    },

    /// Training has gone astray.
    #[error(
        "training has diverged: {sign} in epoch {epoch}, by step {step}; try a smaller --lr, or --normalize dataset"
    )]
    Diverged {
        /// What shows it, as a clause.
        sign: String,
        /// The epoch, counted from 1.
        epoch: u64,
        /// Steps taken until it was noticed.
        step: u64,
    },

    /// The run was asked to stop, and has saved where it stands.
    #[error("interrupted; what was learnt so far is saved, go on with: {resume}")]
    Interrupted {
        /// The command that goes on, as a shell reads it.
        resume: String,
    },

    /// A command that keeps nothing was asked to stop.
    #[error("interrupted; nothing was written")]
    Stopped,

    /// Whoever read the output of a run has gone. The run has saved where it stands.
    #[error("standard output was closed; what was learnt so far is saved, go on with: {resume}")]
    Unread {
        /// The command that goes on, as a shell reads it.
        resume: String,
    },

    /// Standard output takes no more.
    #[error("standard output cannot be written: {0}")]
    Output(io::Error),
}

impl Error {
    /// The cause in one stable word, for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CommandLine(_) | Self::Option { .. } | Self::NoSample { .. } => "usage",
            Self::EmptySplit { .. } => "data",
            Self::Data(plangrad_data::Error::Io { .. }) | Self::Model(plangrad_nn::Error::Io { .. }) => "io",
            Self::Data(plangrad_data::Error::DatasetNotFound { .. }) => "not-found",
            Self::Data(plangrad_data::Error::Download { .. } | plangrad_data::Error::DownloadBusy { .. }) => {
                "download"
            }
            Self::Data(plangrad_data::Error::NotDownloadable { .. }) => "usage",
            Self::Data(_) => "data",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::Tensor(error) | Self::Model(plangrad_nn::Error::Tensor(error)) => tensor_kind(error),
            Self::RunExists { .. } | Self::NoRun { .. } | Self::RunBusy { .. } | Self::Config { .. } => "run",
            Self::Cuda { .. } => "device",
            Self::Diverged { .. } => "diverged",
            Self::Interrupted { .. } | Self::Stopped => "interrupted",
            Self::Model(_) | Self::ModelMismatch { .. } | Self::NotAModel { .. } => "model",
            Self::Picture(PictureError::Io { .. })
            | Self::Io { .. }
            | Self::Unread { .. }
            | Self::Output(_) => "io",
            Self::Picture(_) => "image",
        }
    }

    /// The exit code it stands for: 2 for wrong usage, 130 for an interruption as shells have it, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.kind() {
            "usage" => 2,
            "interrupted" => 130,
            _ => 1,
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
        printable(&sentence)
    }
}

fn tensor_kind(error: &plangrad_tensor::Error) -> &'static str {
    match error {
        plangrad_tensor::Error::OutOfMemory { .. } => "out-of-memory",
        plangrad_tensor::Error::Device { .. } => "device",
        plangrad_tensor::Error::TooLarge { .. } | plangrad_tensor::Error::PlanTooLarge => "too-large",
        _ => "internal",
    }
}

/// `text` on one line and without characters that command a terminal: file names and cells of tables can hold any.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_one_line_that_commands_no_terminal() {
        let error = Error::NotAModel { path: "a\nb\u{1b}[2J".into(), found: "a folder".to_owned() };
        assert_eq!(error.sentence(), "a b [2J: expected a model file or a run folder, found a folder");
    }

    #[test]
    fn only_wrong_usage_exits_with_2() {
        let option = Error::Option { option: "--label", problem: "is for tables".to_owned() };
        assert_eq!((option.exit_code(), option.kind()), (2, "usage"));
        let output = Error::Output(io::Error::other("disk full"));
        assert_eq!((output.exit_code(), output.kind()), (1, "io"));
    }
}
