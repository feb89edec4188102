//! What can be asked of the benchmark.

use std::path::PathBuf;

use clap::Args;

use super::parts::{PARTS, Part};
use super::peers::{ALL_PEERS, QUICK_PEERS};
use crate::Result;

/// Options of the benchmark.
#[derive(Args)]
pub(crate) struct Options {
    /// Folder with mnist/ and cifar-10-batches-bin/ in it
    #[arg(long, env = "PLANGRAD_DATA", default_value = "data")]
    pub(super) data_dir: PathBuf,
    /// Measure only these parts: mnist, cifar10, networks, regression, batches, widths, depths, threads
    #[arg(long, value_delimiter = ',', value_name = "PARTS")]
    only: Vec<String>,
    /// Some minutes instead of an hour: two rounds, three epochs, the two fastest peers; prints tables, and writes nothing
    #[arg(long)]
    pub(super) quick: bool,
    /// Frameworks to compare with in the same run: torch-eager, torch-compile, torch-manual, jax, candle, burn; `none` for plangrad
    /// alone
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Python interpreter that has torch and jax; by default a virtual environment under target/
    #[arg(long)]
    pub(super) python: Option<PathBuf>,
    /// Rounds; the tables have medians over all of them, and the best
    #[arg(long)]
    rounds: Option<usize>,
    /// Epochs per round; the first is a warm-up
    #[arg(long)]
    epochs: Option<usize>,
    /// Batch sizes of MNIST, each measured with two threads
    #[arg(long, value_delimiter = ',')]
    pub(super) batch_sizes: Vec<usize>,
    /// Only print the tables
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl Options {
    /// The parts that are asked for.
    pub(super) fn parts(&self) -> Result<Vec<&'static Part>> {
        let known = || PARTS.map(|part| part.name).join(", ");
        let find = |name: &String| {
            let part = PARTS.iter().find(|part| part.name == name);
            part.ok_or_else(|| format!("there is no part {name}, only {}", known()))
        };
        if self.only.is_empty() { Ok(PARTS.iter().collect()) } else { self.only.iter().map(find).collect() }
    }

    /// The peers that are asked for.
    pub(super) fn peers(&self) -> Result<Vec<&'static str>> {
        let find = |name: &String| {
            let peer = ALL_PEERS.into_iter().find(|peer| peer == name);
            peer.ok_or_else(|| format!("there is no peer {name}, only {}", ALL_PEERS.join(", ")))
        };
        match self.peers.as_slice() {
            [] if self.quick => Ok(QUICK_PEERS.to_vec()),
            [] => Ok(ALL_PEERS.to_vec()),
            [none] if none == "none" => Ok(Vec::new()),
            names => names.iter().map(find).collect(),
        }
    }

    pub(super) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 2 } else { 5 }).max(1)
    }

    /// Two at least, since the first does not count.
    pub(super) fn epochs(&self) -> usize {
        self.epochs.unwrap_or(if self.quick { 3 } else { 5 }).max(2)
    }
}
