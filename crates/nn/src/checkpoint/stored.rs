//! Writing files.

use std::collections::HashMap;
use std::io::{BufWriter, Write};
use std::path::Path;

use plangrad_tensor::{Parameter, Session};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use super::checksum;
use super::description::Description;
use crate::folder::Folder;
use crate::staged::{Staged, not_written};
use crate::{Error, Module};

/// The metadata entry.
pub(super) const KEY: &str = "plangrad";
/// Bytes written to a file at a time.
const BUFFER: usize = 64 << 10;

/// Name of moment `i` of a parameter in a checkpoint.
pub(super) fn moment_name(i: usize, parameter: &str) -> String {
    format!("optimizer.moment{}.{parameter}", i + 1)
}

/// Name of the running average of a parameter in a checkpoint.
pub(super) fn average_name(parameter: &str) -> String {
    format!("optimizer.average.{parameter}")
}

/// A tensor in a session, read where it lies when it is its turn to be written: on a host, a file costs no memory.
pub(super) struct Stored<'a> {
    name: String,
    session: &'a Session,
    parameter: &'a Parameter,
    part: Part,
}

/// What of a parameter is stored.
#[derive(Clone, Copy, Debug)]
enum Part {
    Value,
    Moment(usize),
    Average,
}

impl<'a> Stored<'a> {
    /// The weights of `model` in `session`.
    pub(super) fn weights(model: &'a dyn Module, session: &'a Session) -> Vec<Stored<'a>> {
        let weight = |parameter: &'a Parameter| Stored {
            name: parameter.name().to_owned(),
            session,
            parameter,
            part: Part::Value,
        };
        model.weights().parameters().iter().map(weight).collect()
    }

    /// The same with the running average of each that is trained in its place.
    pub(super) fn averaged_weights(model: &'a dyn Module, session: &'a Session) -> Vec<Stored<'a>> {
        let weights = Stored::weights(model, session).into_iter();
        let part = |parameter: &Parameter| if parameter.is_trained() { Part::Average } else { Part::Value };
        weights.map(|weight| Stored { part: part(weight.parameter), ..weight }).collect()
    }

    /// Moment `i` of a parameter.
    pub(super) fn moment(session: &'a Session, parameter: &'a Parameter, i: usize) -> Stored<'a> {
        Stored { name: moment_name(i, parameter.name()), session, parameter, part: Part::Moment(i) }
    }

    /// The running average of a parameter.
    pub(super) fn average(session: &'a Session, parameter: &'a Parameter) -> Stored<'a> {
        Stored { name: average_name(parameter.name()), session, parameter, part: Part::Average }
    }

    /// Writes its values to the file at `path`.
    fn write(&self, file: &mut impl Write, path: &Path) -> Result<(), Error> {
        let id = self.parameter.id();
        let values = match self.part {
            Part::Value => self.session.parameter_values(id)?,
            Part::Moment(i) => self.session.moment_values(i, id)?,
            Part::Average => self.session.average_values(id)?,
        };
        check_finite(values.iter(), path, &self.name)?;
        values.iter().try_for_each(|x| file.write_all(&x.to_le_bytes())).map_err(not_written(path))
    }
}

/// Refuses values that are infinite or not numbers: our files hold none, whether written or read.
pub(super) fn check_finite(values: impl Iterator<Item = f32>, path: &Path, name: &str) -> Result<(), Error> {
    match values.enumerate().find(|(_, x)| !x.is_finite()) {
        Some((element, value)) => {
            Err(Error::NotFinite { path: path.into(), name: name.into(), element, value })
        }
        None => Ok(()),
    }
}

/// Writes a file beside its place.
pub(super) fn stage(
    folder: &Folder,
    name: &str,
    mut tensors: Vec<Stored<'_>>,
    description: &Description,
) -> Result<Staged, Error> {
    let path = &folder.path().join(name);
    tensors.sort_by(|one, other| one.name.cmp(&other.name));
    let header =
        header(&tensors, description).map_err(|reason| Error::Format { path: path.into(), reason })?;
    folder.stage(name, |file| {
        let mut summed = BufWriter::with_capacity(BUFFER, checksum::Summed::new(&mut *file));
        summed.write_all(&header).map_err(not_written(path))?;
        tensors.iter().try_for_each(|tensor| tensor.write(&mut summed, path))?;
        let summed = summed.into_inner().map_err(|error| not_written(path)(error.into_error()))?;
        let sum = summed.finish().map_err(not_written(path))?;
        checksum::put(file, &header, &sum).map_err(not_written(path))
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
    let mut description = serde_json::to_value(description)?;
    description[checksum::KEY] = checksum::unknown().into();
    let entry = (KEY.to_string(), description.to_string());
    let mut json = serde_json::to_vec(&Metadata::new(Some(HashMap::from([entry])), infos)?)?;
    json.resize(json.len().next_multiple_of(8), b' ');
    Ok([&(json.len() as u64).to_le_bytes()[..], &json].concat())
}
