//! The arguments of `report`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::device::DeviceArgs;
use super::values;

/// Arguments of `report`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad report runs/mnist\n  \
    plangrad report runs/narrow runs/wide --out narrow-and-wide.html")]
pub struct ReportArgs {
    /// Run folders; several are shown side by side
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    /// Where to write the page [default: report.html, in the folder of the run if it is one]
    #[arg(long, value_name = "FILE.html")]
    pub out: Option<PathBuf>,
    /// Folder with the datasets [default: that of the run, else data]
    #[arg(long, env = "PLANGRAD_DATA", hide_env_values = true, value_name = "DIR", value_parser = values::folder(),
        help_heading = "Data")]
    pub data_dir: Option<PathBuf>,
    /// Where the models predict.
    #[command(flatten)]
    pub device: DeviceArgs,
}

impl ReportArgs {
    /// The data folder, if one was named.
    #[must_use]
    pub fn named_folder(&self) -> Option<&Path> {
        values::named(self.data_dir.as_ref())
    }
}
