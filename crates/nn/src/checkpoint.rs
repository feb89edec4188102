//! Models and checkpoints as [safetensors](https://github.com/huggingface/safetensors) files.
//!
//! Weights have PyTorch's names and layout, so `model.load_state_dict(load_file(path))` works, and the other way round.
//! What plangrad needs besides stands in one metadata entry, `plangrad`, as JSON with sorted keys: the bytes of a file
//! depend on nothing but the training. A checkpoint is the same file with the optimizer's moments and the position in
//! the run. Files replace earlier ones whole ([`Staged`]).

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use plangrad_tensor::{Metrics, Parameter, Session};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo, TensorView};
use serde::{Deserialize, Serialize};

use crate::staged::not_written;
pub use crate::staged::{Staged, replace};
use crate::{Error, Loss, Mlp, MlpConfig};

/// The metadata entry.
const KEY: &str = "plangrad";
/// Bytes written to a file at a time.
const BUFFER: usize = 64 << 10;
/// Version of the description below.
const FORMAT: u32 = 1;

/// Everything a model file says besides its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Version of this description.
    pub format: u32,
    /// The network.
    pub model: MlpConfig,
    /// What it was trained to minimise.
    pub loss: Loss,
    /// Name of the dataset it was trained on.
    pub dataset: String,
    /// Names of the classes, in label order; empty for a regression.
    pub classes: Vec<String>,
    /// Name of the normalisation.
    pub normalize: String,
    /// Factor per channel from stored sample to input.
    pub scale: Vec<f32>,
    /// Summand per channel.
    pub shift: Vec<f32>,
    /// For tables: how columns become inputs, as the dataset describes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<serde_json::Value>,
    /// In a checkpoint: where the run stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

impl Description {
    /// The version this code writes.
    pub const FORMAT: u32 = FORMAT;
}

/// Where a run stands: with the moments and the weights, all that is needed to go on to the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Optimizer steps taken.
    pub step: u64,
    /// Epochs completed.
    pub epoch: u64,
    /// Samples of the current epoch already trained on.
    pub position: u64,
    /// Samples of the training part: the permutations are of so many.
    pub samples: u64,
    /// Seed of the run: the permutations and dropout masks are functions of it, the epoch and the step.
    pub seed: u64,
    /// Samples of a step: a run goes on with as many, whatever the machine would take by then.
    pub batch_size: u64,
    /// Bits of the sum of this epoch's losses so far (an f64).
    pub loss_sum_bits: u64,
    /// Bits of the last batch's loss (an f64).
    pub last_loss_bits: u64,
}

impl Progress {
    /// The sums a session goes on with.
    pub fn metrics(&self) -> Metrics {
        Metrics {
            loss_sum: f64::from_bits(self.loss_sum_bits),
            samples: self.position,
            correct: 0,
            last_loss: f64::from_bits(self.last_loss_bits),
        }
    }
}

/// A tensor of a file: name, shape, values.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// A file read back.
#[derive(Clone, Debug)]
pub struct Loaded {
    path: PathBuf,
    /// What plangrad wrote about it; `None` for a file of another program.
    pub description: Option<Description>,
    tensors: BTreeMap<String, NamedTensor>,
}

/// Name of moment `i` of a parameter in a checkpoint.
fn moment_name(i: usize, parameter: &str) -> String {
    format!("optimizer.moment{}.{parameter}", i + 1)
}

/// Writes a model: weights and description.
///
/// # Errors
/// [`Error::NotFinite`] if training has gone astray; [`Error::Io`] if the file cannot be written. An earlier file of that
/// name is whole then.
pub fn write_model(
    path: &Path,
    model: &Mlp,
    session: &Session,
    description: &Description,
) -> Result<(), Error> {
    let description = Description { progress: None, ..description.clone() };
    stage(path, weights(model, session), &description)?.place()
}

/// Stages a checkpoint: weights, moments, description and progress.
///
/// # Errors
/// [`Error::NotFinite`] if training has gone astray; [`Error::Io`] if the file cannot be written.
pub fn stage_checkpoint(
    path: &Path,
    model: &Mlp,
    session: &Session,
    description: &Description,
    progress: Progress,
) -> Result<Staged, Error> {
    let mut tensors = weights(model, session);
    let moments = session.plans().first().map_or(0, |plan| plan.state().moments());
    for i in 0..moments {
        for p in model.parameters() {
            let name = moment_name(i, p.name());
            tensors.push(Stored { name, moment: Some(i), ..Stored::weight(session, p) });
        }
    }
    stage(path, tensors, &Description { progress: Some(progress), ..description.clone() })
}

/// Sets a session's parameters, moments, step and metrics to a checkpoint's.
///
/// # Errors
/// [`Error::NoTrainingState`] for a model file; otherwise if tensors are missing or do not fit.
pub fn restore(loaded: &Loaded, model: &Mlp, session: &mut Session) -> Result<Progress, Error> {
    let no_state = || Error::NoTrainingState { path: loaded.path.clone() };
    let progress = loaded.description.as_ref().and_then(|d| d.progress).ok_or_else(no_state)?;
    let moments = session.plans().first().map_or(0, |plan| plan.state().moments());
    for p in model.parameters() {
        session.set_parameter(p.id(), loaded.values(p.name(), &p.file_shape())?)?;
        for i in 0..moments {
            session.set_moment(i, p.id(), loaded.values(&moment_name(i, p.name()), &p.file_shape())?)?;
        }
    }
    session.set_step(progress.step, progress.seed)?;
    session.set_metrics(progress.metrics())?;
    Ok(progress)
}

/// Sets a session's parameters to a model file's.
///
/// # Errors
/// If tensors are missing or do not fit.
pub fn load_weights(loaded: &Loaded, model: &Mlp, session: &mut Session) -> Result<(), Error> {
    for p in model.parameters() {
        session.set_parameter(p.id(), loaded.values(p.name(), &p.file_shape())?)?;
    }
    Ok(())
}

/// Pairs the model's parameters with the tensors of any safetensors file: by name where all names are there, else the
/// matrices in natural order of their names with the weights, and the vectors with the biases.
///
/// Returns (parameter, tensor) names, in the model's order.
///
/// # Errors
/// If the file holds another number of tensors or their shapes do not match in that order.
pub fn match_in_order(loaded: &Loaded, model: &Mlp) -> Result<Vec<(String, String)>, Error> {
    let parameters = model.parameters();
    let names: Vec<String> =
        loaded.tensors.keys().filter(|name| !name.starts_with("optimizer.")).cloned().collect();
    if parameters.iter().all(|p| loaded.tensors.contains_key(p.name())) {
        return Ok(parameters.iter().map(|p| (p.name().to_owned(), p.name().to_owned())).collect());
    }
    if names.len() != parameters.len() {
        let described = parameters.iter().map(|p| format!("{} {:?}", p.name(), p.file_shape()));
        return Err(Error::TensorCount {
            path: loaded.path.clone(),
            found: names.len(),
            expected: parameters.len(),
            model: described.collect::<Vec<_>>().join(", "),
        });
    }
    let of_rank = |rank: usize| {
        let mut names: Vec<&String> =
            names.iter().filter(|name| loaded.tensors[*name].shape.len() == rank).collect();
        names.sort_by_key(|name| natural_key(name));
        names.into_iter()
    };
    let (mut matrices, mut vectors) = (of_rank(2), of_rank(1));
    let partner = |p: &Parameter| {
        let shape = p.file_shape();
        let name = if shape.len() == 2 { matrices.next() } else { vectors.next() };
        let missing = || Error::MissingTensor {
            path: loaded.path.clone(),
            name: p.name().to_owned(),
            expected: shape.clone(),
        };
        let name = name.ok_or_else(missing)?;
        loaded.values(name, &shape)?;
        Ok((p.name().to_owned(), name.clone()))
    };
    parameters.iter().map(partner).collect()
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

impl Loaded {
    /// The tensors by name.
    pub fn tensors(&self) -> impl Iterator<Item = &NamedTensor> {
        self.tensors.values()
    }

    /// The description, or an error that says how such a file can be used.
    ///
    /// # Errors
    /// [`Error::NoModel`] for a file of another program.
    pub fn require_description(&self) -> Result<&Description, Error> {
        self.description.as_ref().ok_or_else(|| Error::NoModel { path: self.path.clone() })
    }

    /// The values of tensor `name`, which must have this shape and be finite.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::TensorMismatch`] or [`Error::NotFinite`].
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<&[f32], Error> {
        let path = self.path.clone();
        let missing =
            || Error::MissingTensor { path: path.clone(), name: name.into(), expected: shape.to_vec() };
        let tensor = self.tensors.get(name).ok_or_else(missing)?;
        if tensor.shape != shape {
            let (expected, found) = (format!("of shape {shape:?}"), format!("of shape {:?}", tensor.shape));
            return Err(Error::TensorMismatch { path, name: name.into(), expected, found });
        }
        check_finite(tensor.values.iter().copied(), &self.path, name)?;
        Ok(&tensor.values)
    }
}

/// Refuses values that are no numbers: no file of ours holds any, written or read.
fn check_finite(values: impl Iterator<Item = f32>, path: &Path, name: &str) -> Result<(), Error> {
    match values.enumerate().find(|(_, x)| !x.is_finite()) {
        Some((element, value)) => {
            Err(Error::NotFinite { path: path.into(), name: name.into(), element, value })
        }
        None => Ok(()),
    }
}

/// Reads any safetensors file of f32 tensors.
///
/// # Errors
/// [`Error::Io`], [`Error::Format`], [`Error::Metadata`], or [`Error::TensorMismatch`] for tensors that are not f32.
pub fn read(path: &Path) -> Result<Loaded, Error> {
    let bytes = fs::read(path).map_err(|reason| Error::Io { action: "read", path: path.into(), reason })?;
    let format = |reason: SafeTensorError| Error::Format { path: path.into(), reason: reason.to_string() };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(format)?;
    let description = match header.metadata().as_ref().and_then(|entries| entries.get(KEY)) {
        Some(json) => Some(describe(path, json)?),
        None => None,
    };
    let file = SafeTensors::deserialize(&bytes).map_err(format)?;
    let tensors = file.iter().map(|(name, view)| Ok((name.to_string(), tensor(path, name, &view)?)));
    let tensors = tensors.collect::<Result<_, Error>>()?;
    Ok(Loaded { path: path.into(), description, tensors })
}

fn describe(path: &Path, json: &str) -> Result<Description, Error> {
    let refused = |reason: String| Error::Metadata { path: path.into(), reason };
    let description: Description = serde_json::from_str(json).map_err(|error| refused(error.to_string()))?;
    match description.format {
        FORMAT => Ok(description),
        other => Err(refused(format!("it has format {other}, this version reads {FORMAT}"))),
    }
}

fn tensor(path: &Path, name: &str, view: &TensorView<'_>) -> Result<NamedTensor, Error> {
    if view.dtype() != Dtype::F32 {
        let (expected, found) = ("of type F32".into(), format!("of type {:?}", view.dtype()));
        return Err(Error::TensorMismatch { path: path.into(), name: name.into(), expected, found });
    }
    let values = view.data().as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
    Ok(NamedTensor { name: name.into(), shape: view.shape().to_vec(), values })
}

/// A tensor in a session, read where it lies when it is its turn to be written: on a host, a file costs no memory.
struct Stored<'a> {
    name: String,
    session: &'a Session,
    parameter: &'a Parameter,
    moment: Option<usize>,
}

impl<'a> Stored<'a> {
    fn weight(session: &'a Session, parameter: &'a Parameter) -> Stored<'a> {
        Stored { name: parameter.name().to_owned(), session, parameter, moment: None }
    }

    /// Writes its values to the file at `path`.
    fn write(&self, file: &mut impl Write, path: &Path) -> Result<(), Error> {
        let values = match self.moment {
            None => self.session.parameter_values(self.parameter.id())?,
            Some(i) => self.session.moment_values(i, self.parameter.id())?,
        };
        check_finite(values.iter(), path, &self.name)?;
        values.iter().try_for_each(|x| file.write_all(&x.to_le_bytes())).map_err(not_written(path))
    }
}

/// The weights of `model` in `session`.
fn weights<'a>(model: &'a Mlp, session: &'a Session) -> Vec<Stored<'a>> {
    model.parameters().iter().map(|parameter| Stored::weight(session, parameter)).collect()
}

/// Writes a file beside its place.
fn stage(path: &Path, mut tensors: Vec<Stored<'_>>, description: &Description) -> Result<Staged, Error> {
    tensors.sort_by(|one, other| one.name.cmp(&other.name));
    let header = header(&tensors, description)
        .map_err(|error| Error::Format { path: path.into(), reason: error.to_string() })?;
    Staged::write(path, |file| {
        let mut file = BufWriter::with_capacity(BUFFER, file);
        file.write_all(&header).map_err(not_written(path))?;
        tensors.iter().try_for_each(|tensor| tensor.write(&mut file, path))?;
        file.flush().map_err(not_written(path))
    })
}

/// The header of a safetensors file: its length, names, shapes and places of the tensors, and the description.
fn header(tensors: &[Stored<'_>], description: &Description) -> Result<Vec<u8>, SafeTensorError> {
    let mut end = 0;
    let info = |tensor: &Stored<'_>| {
        let (start, shape) = (end, tensor.parameter.file_shape());
        end += 4 * tensor.parameter.shape().elements();
        (tensor.name.clone(), TensorInfo { dtype: Dtype::F32, shape, data_offsets: (start, end) })
    };
    let infos = tensors.iter().map(info).collect();
    // Through a `Value`, whose maps are sorted by key.
    let entry = (KEY.to_string(), serde_json::to_value(description)?.to_string());
    let mut json = serde_json::to_vec(&Metadata::new(Some(HashMap::from([entry])), infos)?)?;
    json.resize(json.len().next_multiple_of(8), b' ');
    Ok([&(json.len() as u64).to_le_bytes()[..], &json].concat())
}
