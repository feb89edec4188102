//! The arguments of `watch`.

use std::path::PathBuf;

use clap::Args;

use super::values;

/// Arguments of `watch`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad watch runs/mnist\n  \
    plangrad watch runs/mnist --serve\n  \
    plangrad watch runs/mnist --format json")]
pub struct WatchArgs {
    /// The folder of a run, whether it goes on or is complete
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Print lines, as train does, also where the terminal could show curves
    #[arg(long, conflicts_with = "serve")]
    pub plain: bool,
    /// Serve the run's report as a page that follows it, on 127.0.0.1, until Ctrl-C
    #[arg(long)]
    pub serve: bool,
    /// Port of 127.0.0.1, this machine's own address; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 8001, requires = "serve", allow_negative_numbers = true)]
    pub port: u16,
    /// Connections at a time; whoever comes then is told to try again (503)
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = values::threads, requires = "serve",
        allow_negative_numbers = true)]
    pub connections: usize,
    /// Folder with the datasets, for samples that the model predicts meanwhile [default: that of the run]
    #[arg(long, env = "PLANGRAD_DATA", hide_env_values = true, value_name = "DIR", value_parser = values::folder())]
    pub data_dir: Option<PathBuf>,
}
