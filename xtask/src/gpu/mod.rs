//! `cargo xtask gpu`: everything that only a GPU can tell, in one go, on a machine with neither Rust nor a network.
//!
//! Here what is needed is built and packed into a folder; there `run.sh` starts this very program out of it, which runs one
//! part after the other; back here the figures go into docs/benchmarks.md. A part that fails, hangs or cannot be run costs
//! none of the others.

mod pack;
mod parts;
mod report;

use std::path::PathBuf;

use clap::Args;

use crate::Result;

/// Options of the task.
#[derive(Args)]
pub(crate) struct Options {
    /// Folder with mnist/ in it, to be packed; without it the built-in digits are trained on
    #[arg(long, env = "PLANGRAD_DATA")]
    data_dir: Option<PathBuf>,
    /// Test and measure, in a folder that was packed
    #[arg(long, value_name = "FOLDER", conflicts_with = "write")]
    run: Option<PathBuf>,
    /// Put the figures of such a run (out/gpu.md) into docs/benchmarks.md
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// A Python that has PyTorch, for --run
    #[arg(long, default_value = "python3")]
    python: String,
    /// Seconds that a part may take, for --run
    #[arg(long, default_value_t = 600)]
    time_limit: u64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match (&options.run, &options.write) {
        (Some(folder), _) => parts::run_all(folder, &options.python, options.time_limit),
        (_, Some(file)) => report::write_down(file),
        _ => pack::pack(options.data_dir.as_deref()),
    }
}
