//! Options that name a trained model.

use std::path::PathBuf;

use clap::Args;

/// A trained model.
#[derive(Args, Clone, Debug)]
pub struct TrainedModelArgs {
    /// A run folder, or a model file (model.safetensors)
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// The model of the run's best epoch, which train --keep best keeps, and not of its last
    #[arg(long)]
    pub best: bool,
}
