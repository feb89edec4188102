//! Reading files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use plangrad_tensor::Parameter;
use safetensors::SafeTensorError;
use safetensors::tensor::{Metadata, TensorInfo};
use serde_json::Value;

use super::checksum;
use super::description::{Description, Progress};
use super::reader::{NumberType, Reader};
use super::stored::KEY;
use crate::{Architectures, Error, Module};

/// A tensor of a file: its values are read when they are needed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NamedTensor {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    place: Place,
}

/// Where the values of a tensor are.
#[derive(Clone, Debug)]
enum Place {
    /// From this byte of the file on.
    File { file: Arc<Mutex<File>>, start: u64, number_type: NumberType },
    /// In memory, all of them finite.
    Memory(Arc<[f32]>),
}

/// An open safetensors file, or tensors of a file in another format.
#[derive(Clone, Debug)]
pub struct Loaded {
    path: PathBuf,
    description: Option<Description>,
    has_checksum: bool,
    tensors: BTreeMap<String, NamedTensor>,
}

/// Largest header, as in the safetensors crate.
const MOST_HEADER: u64 = 100_000_000;
/// The end of the names under which PyTorch's normalisations count batches: nothing here needs it.
const BATCHES_SEEN: &str = "num_batches_tracked";
/// Bytes of the length before it.
const PREFIX: u64 = 8;

/// Opens any safetensors file of floating-point numbers; those of other types are brought to f32 as they are read. If it has a
/// checksum, all of it is read once to compare. How many batches a normalisation has seen, which PyTorch keeps as an integer, is
/// left out.
///
/// # Errors
/// [`Error::Io`], [`Error::Format`], [`Error::Damaged`], [`Error::Metadata`], [`Error::FormatVersion`], or
/// [`Error::TensorType`] for tensors of other types than F16, BF16, F32 and F64.
pub fn read(path: &Path) -> Result<Loaded, Error> {
    // Before it is opened: opening a pipe waits for a writer.
    if !std::fs::metadata(path).map_err(not_read(path))?.is_file() {
        return Err(not_regular(path));
    }
    read_file(File::open(path).map_err(not_read(path))?, path)
}

/// The same for a file that is open; `path` is what errors name.
///
/// # Errors
/// As [`read`].
pub fn read_file(mut file: File, path: &Path) -> Result<Loaded, Error> {
    let (head, header) = header(&mut file, path)?;
    let entry = header.metadata().as_ref().and_then(|entries| entries.get(KEY));
    let (description, checksum) = match entry.map(|json| describe(path, json)).transpose()? {
        Some((description, checksum)) => (Some(description), checksum),
        None => (None, None),
    };
    if let Some(checksum) = &checksum
        && !checksum::matches(&mut file, &head, checksum).map_err(not_read(path))?
    {
        return Err(Error::Damaged { path: path.into() });
    }
    let file = Arc::new(Mutex::new(file));
    let tensors = header.tensors().into_iter().filter(|(name, _)| !name.ends_with(BATCHES_SEEN));
    let tensors = tensors.map(|(name, info)| {
        let (number_type, start) =
            (number_type(path, &name, info)?, (head.len() + info.data_offsets.0) as u64);
        let place = Place::File { file: Arc::clone(&file), start, number_type };
        Ok((name.clone(), NamedTensor { name, shape: info.shape.clone(), place }))
    });
    let tensors = tensors.collect::<Result<_, Error>>()?;
    Ok(Loaded { path: path.into(), description, has_checksum: checksum.is_some(), tensors })
}

fn not_read(path: &Path) -> impl Fn(io::Error) -> Error {
    move |reason| Error::Io { action: "read", path: path.into(), reason }
}

fn not_regular(path: &Path) -> Error {
    not_read(path)(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

/// The first bytes of a file up to its tensors, and what they say.
fn header(file: &mut File, path: &Path) -> Result<(Vec<u8>, Metadata), Error> {
    let format = |reason| Error::Format { path: path.into(), reason };
    let there = file.metadata().map_err(not_read(path))?;
    if !there.is_file() {
        return Err(not_regular(path));
    }
    if there.len() < PREFIX {
        return Err(format(SafeTensorError::HeaderTooSmall));
    }
    let mut head = vec![0; PREFIX as usize];
    file.read_exact(&mut head).map_err(not_read(path))?;
    let length = u64::from_le_bytes(*head.first_chunk().expect("it has eight bytes"));
    if length > MOST_HEADER {
        return Err(format(SafeTensorError::HeaderTooLarge));
    }
    if PREFIX + length > there.len() {
        return Err(format(SafeTensorError::InvalidHeaderLength));
    }
    head.resize((PREFIX + length) as usize, 0);
    file.read_exact(&mut head[PREFIX as usize..]).map_err(not_read(path))?;
    let text = std::str::from_utf8(&head[PREFIX as usize..]);
    let text = text.map_err(|error| format(SafeTensorError::InvalidHeader(error)))?;
    let header: Metadata = serde_json::from_str(text)
        .map_err(|error| format(SafeTensorError::InvalidHeaderDeserialization(error)))?;
    let (expected, found) = (head.len() as u64 + header.data_len() as u64, there.len());
    if expected != found {
        return Err(Error::Length { path: path.into(), expected, found });
    }
    Ok((head, header))
}

/// The description, and the checksum, which files of earlier versions do not have.
fn describe(path: &Path, json: &str) -> Result<(Description, Option<String>), Error> {
    let wrong = |error: serde_json::Error| Error::metadata(path, error);
    let mut value: Value = serde_json::from_str(json).map_err(wrong)?;
    let checksum = value.as_object_mut().and_then(|entries| entries.remove(checksum::KEY));
    let checksum = checksum.map(|text| text.as_str().unwrap_or_default().to_owned());
    let description: Description = serde_json::from_value(value).map_err(wrong)?;
    match (description.format, Description::FORMAT) {
        (found, supported) if found == supported => Ok((description, checksum)),
        (found, supported) => Err(Error::FormatVersion { path: path.into(), found, supported }),
    }
}

fn number_type(path: &Path, name: &str, info: &TensorInfo) -> Result<NumberType, Error> {
    let refused = || Error::TensorType { path: path.into(), name: name.into(), found: info.dtype };
    NumberType::of(info.dtype).ok_or_else(refused)
}

impl NamedTensor {
    /// Whether its values are stored in another type than f32: they are brought to f32 as they are read.
    #[must_use]
    pub fn is_converted(&self) -> bool {
        matches!(self.place, Place::File { number_type, .. } if number_type != NumberType::F32)
    }
}

impl Loaded {
    /// Tensors of a file in another format: names, shapes, and values row by row. Of tensors with the same name the last is
    /// taken.
    ///
    /// # Errors
    /// [`Error::ValueCount`] or [`Error::NotFinite`].
    pub fn foreign(
        path: &Path,
        tensors: impl IntoIterator<Item = (String, Vec<usize>, Vec<f32>)>,
    ) -> Result<Loaded, Error> {
        let tensors = tensors.into_iter().map(|(name, shape, values)| {
            let elements = shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
            if elements != Some(values.len()) {
                return Err(Error::ValueCount { path: path.into(), name, shape, found: values.len() });
            }
            if let Some((element, &value)) = values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
                return Err(Error::NotFinite { path: path.into(), name, element, value });
            }
            Ok((name.clone(), NamedTensor { name, shape, place: Place::Memory(values.into()) }))
        });
        let tensors = tensors.collect::<Result<_, Error>>()?;
        Ok(Loaded { path: path.into(), description: None, has_checksum: false, tensors })
    }

    /// The tensors, sorted by name.
    pub fn tensors(&self) -> impl Iterator<Item = &NamedTensor> {
        self.tensors.values()
    }

    /// Whether the file has a checksum, which it then matches. Those of earlier versions and of other programs have none.
    #[must_use]
    pub fn has_checksum(&self) -> bool {
        self.has_checksum
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
            self.tensor(parameter.name(), &parameter.file_shape())?; // whose values are checked as they are read
        }
        Ok(network)
    }

    /// The values of tensor `name`, which must have this shape and be finite.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::TensorShape`] or [`Error::NotFinite`]; [`Error::Io`].
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        let mut values = Vec::new();
        let elements = shape.iter().product();
        self.fill(name, shape, |value| {
            values.extend((0..elements).map(value));
            Ok(())
        })?;
        Ok(values)
    }

    /// Lets `set` take the values of tensor `name` by their place, read from the file as it goes: quickly if in order.
    pub(super) fn fill(
        &self,
        name: &str,
        shape: &[usize],
        set: impl FnOnce(&dyn Fn(usize) -> f32) -> Result<(), plangrad_tensor::Error>,
    ) -> Result<(), Error> {
        match &self.tensor(name, shape)?.place {
            Place::File { file, start, number_type } => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                let reader = Reader::new(&mut file, *start, shape.iter().product(), *number_type);
                set(&|i| reader.value(i))?;
                reader.check(&self.path, name)
            }
            Place::Memory(values) => Ok(set(&|i| values[i])?),
        }
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<&NamedTensor, Error> {
        let (path, name) = (self.path.clone(), name.to_owned());
        let Some(tensor) = self.tensors.get(&name) else {
            return Err(Error::MissingTensor { path, name, expected: shape.to_vec() });
        };
        if tensor.shape != shape {
            let (expected, found) = (shape.to_vec(), tensor.shape.clone());
            return Err(Error::TensorShape { path, name, expected, found });
        }
        Ok(tensor)
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
            self.tensor(&tensor.name, &shape)?;
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
