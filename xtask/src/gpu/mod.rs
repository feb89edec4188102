//! `cargo xtask gpu`: everything that only a GPU can tell, in one go, on a machine with neither Rust nor a network.
//!
//! Here what is needed is built and packed into a folder; there `run.sh` starts this very program out of it, which runs one
//! part after the other; back here the figures go into docs/benchmarks.md. A part that fails, hangs or cannot be run costs
//! none of the others. GPUs are rented for a short time: a start ends in good time, and the next one goes on where it ended.

mod findings;
mod machine;
mod pack;
mod parts;
mod report;
mod run;
mod sanitizer;
mod targets;
#[cfg(all(test, unix))]
mod tests;
mod timings;

use std::path::PathBuf;

use clap::Args;

use crate::Result;

/// Options of the task.
#[derive(Args)]
pub(crate) struct Options {
    /// Folder with mnist/ in it, to be packed; without it the built-in digits are trained on
    #[arg(long, env = "PLANGRAD_DATA")]
    data_dir: Option<PathBuf>,
    /// Test and measure, in a folder that was packed; what an earlier start found out there is not found out again
    #[arg(long, value_name = "FOLDER", conflicts_with = "write")]
    run: Option<PathBuf>,
    /// Put the figures of such a run (out/gpu.md) into docs/benchmarks.md
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// A Python that has PyTorch, for --run
    #[arg(long, default_value = "python3")]
    python: String,
    /// NVIDIA's tool of that name, for --run
    #[arg(long, default_value = "compute-sanitizer")]
    compute_sanitizer: String,
    /// Seconds after which this start ends, for --run; what is left is for the next one
    #[arg(long, value_name = "SECONDS", default_value_t = 540)]
    stop_after: u64,
    /// Seconds that a part may take at most, for --run
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    time_limit: u64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match (&options.run, &options.write) {
        (Some(folder), _) => run::run_all(folder, options),
        (_, Some(file)) => report::write_down(file),
        _ => pack::pack(options.data_dir.as_deref()),
    }
}
