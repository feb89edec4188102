//! What leaves a run for other programs: its network as ONNX, its weights as safetensors or for numpy, its figures as CSV.

mod csv;
mod format;
mod onnx;
mod onnx_graph;
mod onnx_network;

use std::path::Path;

use plangrad_formats::numpy::npz_bytes;

pub(crate) use csv::metrics_csv;
pub use format::ExportFormat;

use crate::error::{Error, Result};
use crate::history::History;
use crate::model::Model;

/// The model, or for [`ExportFormat::Csv`] the metrics of the run in `folder`, as a file of another format.
///
/// # Errors
/// [`Error::Option`] for what the format cannot hold; if a file of the run is damaged.
pub(crate) fn export(model: &Model, format: ExportFormat) -> Result<Vec<u8>> {
    match format {
        ExportFormat::Onnx => onnx::bytes(model),
        ExportFormat::Safetensors => std::fs::read(model.file()).map_err(Error::io(model.file(), "read")),
        ExportFormat::Npz => npz(model),
        ExportFormat::Csv => {
            let folder = model.file().parent().unwrap_or(Path::new("."));
            let history = History::read(folder)?;
            if history.epochs.is_empty() {
                let problem = format!(
                    "csv is the metrics of a run, and {} is not in the folder of one",
                    model.file().display()
                );
                return Err(Error::option("--to", problem));
            }
            Ok(metrics_csv(&history).into_bytes())
        }
    }
}

/// The weights with PyTorch's names and layout.
fn npz(model: &Model) -> Result<Vec<u8>> {
    let parameters = model.task().model().weights().parameters();
    let read = |parameter: &plangrad_tensor::Parameter| {
        let shape = parameter.file_shape();
        let values = model.weights().values(parameter.name(), &shape)?;
        Ok((parameter.name().to_owned(), shape, values))
    };
    let arrays = parameters.iter().map(read).collect::<Result<Vec<_>>>()?;
    let arrays =
        arrays.iter().map(|(name, shape, values)| (name.as_str(), shape.as_slice(), values.as_slice()));
    Ok(npz_bytes(arrays).map_err(plangrad_data::Error::from)?)
}
