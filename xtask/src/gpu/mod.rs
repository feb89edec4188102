//! `cargo xtask gpu`: tests and measurements on a machine that has a GPU and neither Rust nor a network.
//!
//! Everything needed is packed into a folder here; there the folder's `run.sh` runs it step by step; back here its
//! outputs are checked and written to docs/benchmarks.md.

mod pack;
mod report;

use std::path::PathBuf;

use clap::Args;

use crate::command::Result;

/// Options of the task.
#[derive(Args)]
pub(crate) struct Options {
    /// Folder with mnist/ in it, to be packed; without it the built-in digits are trained on
    #[arg(long, env = "PLANGRAD_DATA")]
    data_dir: Option<PathBuf>,
    /// Check what run.sh left in this folder and write it to docs/benchmarks.md
    #[arg(long, value_name = "OUT")]
    report: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.report {
        Some(out) => report::write(out),
        None => pack::pack(options.data_dir.as_deref()),
    }
}
