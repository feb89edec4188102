//! What can go wrong between a model and its files.

use std::path::PathBuf;

/// Errors of models and their files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Recording, planning or running failed.
    #[error(transparent)]
    Tensor(#[from] plangrad_tensor::Error),
    /// A configuration that describes no network.
    #[error("a network cannot have {0}")]
    Config(String),
    /// A name that is none of the choices.
    #[error("unknown {what} {found:?}; choose one of {choices}")]
    Name {
        /// What was to be chosen.
        what: &'static str,
        /// What was given.
        found: String,
        /// What can be.
        choices: &'static str,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {reason}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        reason: std::io::Error,
    },
    /// A file is no safetensors file.
    #[error("{} is not a safetensors file: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A safetensors file without plangrad's description of the model.
    #[error("{} holds weights but not the model they belong to; give it to `train --init` with the layers as options", path.display())]
    NoModel {
        /// The file.
        path: PathBuf,
    },
    /// A model file written without what is needed to go on training.
    #[error("{} is a model without optimizer state; `--resume` needs the run folder with its checkpoint", path.display())]
    NoTrainingState {
        /// The file.
        path: PathBuf,
    },
    /// Plangrad's description in a file cannot be understood.
    #[error("{} describes its model in a way this version does not understand: {reason}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A tensor is missing from a file.
    #[error("{} has no tensor {name:?} of shape {expected:?}", path.display())]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape it must have.
        expected: Vec<usize>,
    },
    /// A tensor has another shape or type than the model's.
    #[error("tensor {name:?} in {} is {found}, expected one {expected}", path.display())]
    TensorMismatch {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Shape and type it must have.
        expected: String,
        /// Shape and type it has.
        found: String,
    },
    /// A file holds more or fewer tensors than the model has parameters.
    #[error("{} does not fit the model: expected {expected} tensors ({model}), found {found}", path.display())]
    TensorCount {
        /// The file.
        path: PathBuf,
        /// Tensors found.
        found: usize,
        /// Parameters of the model.
        expected: usize,
        /// Their names and shapes.
        model: String,
    },
    /// A weight that is not a number.
    #[error("tensor {name:?} in {} holds {value} at element {element}; a model's weights must be finite", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Index of the element.
        element: usize,
        /// What it is.
        value: f32,
    },
}

impl From<plangrad_tensor::ShapeError> for Error {
    fn from(error: plangrad_tensor::ShapeError) -> Error {
        Error::Tensor(error.into())
    }
}
