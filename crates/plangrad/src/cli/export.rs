//! The arguments of `export`.

use std::path::PathBuf;

use clap::Args;

use super::trained::TrainedModelArgs;
use crate::error::{Error, Result};
use crate::export::ExportFormat;

/// Arguments of `export`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad export runs/mnist --out mnist.onnx\n  \
    plangrad export runs/mnist --best --to npz --out weights.npz\n  \
    plangrad export runs/mnist --to csv --out metrics.csv")]
pub struct ExportArgs {
    /// The model.
    #[command(flatten)]
    pub trained: TrainedModelArgs,
    /// The network with its normalisation (onnx), its weights (safetensors, npz), or the figures of each epoch (csv) [default: by
    /// the end of --out]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub to: Option<ExportFormat>,
    /// Where to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

impl ExportArgs {
    /// The format named, else that of the file's name.
    ///
    /// # Errors
    /// [`Error::Option`] if nothing says which.
    pub fn format(&self) -> Result<ExportFormat> {
        let unknown = || {
            let problem = "say which format with --to onnx, safetensors, npz or csv, or end the file's name with one of these";
            Error::option("--out", problem)
        };
        self.to.or_else(|| ExportFormat::of(&self.out)).ok_or_else(unknown)
    }
}
