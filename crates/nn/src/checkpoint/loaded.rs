//! Reading files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plangrad_tensor::Parameter;
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::description::{Description, Progress};
use super::stored::{KEY, check_finite};
use crate::{Architectures, Error, Module};

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NamedTensor {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// A safetensors file in memory.
#[derive(Clone, Debug)]
pub struct Loaded {
    path: PathBuf,
    description: Option<Description>,
    tensors: BTreeMap<String, NamedTensor>,
}

/// Reads any safetensors file of f32 tensors.
///
/// # Errors
/// [`Error::Io`], [`Error::Format`], [`Error::Metadata`], [`Error::FormatVersion`], or [`Error::TensorType`] for tensors
/// that are not f32.
pub fn read(path: &Path) -> Result<Loaded, Error> {
    let bytes = fs::read(path).map_err(|reason| Error::Io { action: "read", path: path.into(), reason })?;
    let format = |reason: SafeTensorError| Error::Format { path: path.into(), reason };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(format)?;
    let json = header.metadata().as_ref().and_then(|entries| entries.get(KEY));
    let description = json.map(|json| describe(path, json)).transpose()?;
    let file = SafeTensors::deserialize(&bytes).map_err(format)?;
    let tensors = file.iter().map(|(name, view)| Ok((name.to_string(), tensor(path, name, &view)?)));
    let tensors = tensors.collect::<Result<_, Error>>()?;
    Ok(Loaded { path: path.into(), description, tensors })
}

fn describe(path: &Path, json: &str) -> Result<Description, Error> {
    let description: Description =
        serde_json::from_str(json).map_err(|error| Error::metadata(path, error))?;
    match (description.format, Description::FORMAT) {
        (found, supported) if found == supported => Ok(description),
        (found, supported) => Err(Error::FormatVersion { path: path.into(), found, supported }),
    }
}

fn tensor(path: &Path, name: &str, view: &TensorView<'_>) -> Result<NamedTensor, Error> {
    if view.dtype() != Dtype::F32 {
        return Err(Error::TensorType { path: path.into(), name: name.into(), found: view.dtype() });
    }
    let values = view.data().as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
    Ok(NamedTensor { name: name.into(), shape: view.shape().to_vec(), values })
}

impl Loaded {
    /// The tensors, sorted by name.
    pub fn tensors(&self) -> impl Iterator<Item = &NamedTensor> {
        self.tensors.values()
    }

    /// What plangrad wrote about the model; `None` for a file of another program.
    #[must_use]
    pub fn description(&self) -> Option<&Description> {
        self.description.as_ref()
    }

    /// The description.
    ///
    /// # Errors
    /// [`Error::NoModel`] for a file of another program.
    pub fn require_description(&self) -> Result<&Description, Error> {
        self.description().ok_or_else(|| Error::NoModel { path: self.path.clone() })
    }

    /// The state of the run that a checkpoint belongs to.
    ///
    /// # Errors
    /// [`Error::NoTrainingState`] for a model file.
    pub fn progress(&self) -> Result<Progress, Error> {
        let no_state = || Error::NoTrainingState { path: self.path.clone() };
        self.description().and_then(|description| description.progress).ok_or_else(no_state)
    }

    /// The network that the file describes, if its architecture is among those known. Its weights live in no session
    /// yet: see [`super::load_weights`].
    ///
    /// # Errors
    /// [`Error::NoModel`]; [`Error::Metadata`] with the reason as its source, such as [`Error::UnknownArchitecture`];
    /// whatever is wrong with the tensors.
    pub fn network(&self, known: &Architectures) -> Result<Arc<dyn Module>, Error> {
        let architecture = self.require_description()?.architecture();
        let network = known.build(&architecture).map_err(|error| Error::metadata(&self.path, error))?;
        for parameter in network.weights().parameters() {
            self.values(parameter.name(), &parameter.file_shape())?;
        }
        Ok(network)
    }

    /// The values of tensor `name`, which must have this shape and be finite.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::TensorShape`] or [`Error::NotFinite`].
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<&[f32], Error> {
        let (path, name) = (self.path.clone(), name.to_owned());
        let Some(tensor) = self.tensors.get(&name) else {
            return Err(Error::MissingTensor { path, name, expected: shape.to_vec() });
        };
        if tensor.shape != shape {
            let (expected, found) = (shape.to_vec(), tensor.shape.clone());
            return Err(Error::TensorShape { path, name, expected, found });
        }
        check_finite(tensor.values.iter().copied(), &self.path, &name)?;
        Ok(&tensor.values)
    }

    /// Pairs the model's parameters with the file's tensors: by name if all names are there, otherwise parameters and
    /// tensors of the same number of dimensions in natural order of the tensors' names.
    ///
    /// Returns (parameter, tensor) names, in the model's order.
    ///
    /// # Errors
    /// If the file holds another number of tensors or their shapes do not match in that order.
    pub fn match_in_order(&self, model: &dyn Module) -> Result<Vec<(String, String)>, Error> {
        let parameters = model.weights().parameters();
        if parameters.iter().all(|p| self.tensors.contains_key(p.name())) {
            return Ok(parameters.iter().map(|p| (p.name().to_owned(), p.name().to_owned())).collect());
        }
        let mut tensors: Vec<&NamedTensor> =
            self.tensors().filter(|tensor| !tensor.name.starts_with("optimizer.")).collect();
        if tensors.len() != parameters.len() {
            let described = parameters.iter().map(|p| (p.name().to_owned(), p.file_shape()));
            return Err(Error::TensorCount {
                path: self.path.clone(),
                found: tensors.len(),
                expected: described.collect(),
            });
        }
        tensors.sort_by_cached_key(|tensor| natural_key(&tensor.name));
        let partner = |parameter: &Parameter| {
            let (name, shape) = (parameter.name().to_owned(), parameter.file_shape());
            let Some(next) = tensors.iter().position(|tensor| tensor.shape.len() == shape.len()) else {
                return Err(Error::MissingTensor { path: self.path.clone(), name, expected: shape });
            };
            let tensor = tensors.remove(next);
            self.values(&tensor.name, &shape)?;
            Ok((name, tensor.name.clone()))
        };
        parameters.iter().map(partner).collect()
    }
}

/// Splits a name into text and numbers, so that `layer10` comes after `layer2`.
fn natural_key(name: &str) -> Vec<(String, u64)> {
    let mut key = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest[text..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |n| text + n);
        key.push((rest[..text].to_string(), rest[text..digits].parse().unwrap_or(0)));
        rest = &rest[digits..];
    }
    key
}
