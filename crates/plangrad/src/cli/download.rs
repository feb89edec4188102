//! The arguments of `download`.

use std::path::{Path, PathBuf};

use clap::Args;
use plangrad_data::{DatasetName, LoadOptions};

use super::values;

/// Arguments of `download`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad download\n  \
    plangrad download cifar10 fashion-mnist\n  \
    plangrad download all --data-dir /srv/datasets")]
pub struct DownloadArgs {
    /// mnist, fashion-mnist, kmnist, cifar10, cifar100, or all of them
    #[arg(value_name = "DATASET", default_value = "mnist", value_parser = download_name)]
    pub datasets: Vec<DownloadName>,
    /// Folder to put them into [default: data]
    #[arg(long, env = "PLANGRAD_DATA", hide_env_values = true, value_name = "DIR", value_parser = values::folder())]
    pub data_dir: Option<PathBuf>,
    /// Address of a folder with the files, to try instead of the built-in ones; may be given several times
    #[arg(long, value_name = "URL")]
    pub mirror: Vec<String>,
}

impl DownloadName {
    /// The datasets that can be downloaded.
    pub fn each() -> impl Iterator<Item = DatasetName> {
        DatasetName::NAMED.into_iter().filter(|name| *name != DatasetName::Digits)
    }
}

impl DownloadArgs {
    /// The folder to put them into: the one named, else `data`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        values::named(self.data_dir.as_ref()).unwrap_or(Path::new(LoadOptions::DATA_DIR))
    }
}

/// What `download` can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DownloadName {
    /// Every dataset that can be downloaded.
    All,
    /// This one.
    One(DatasetName),
}

fn download_name(text: &str) -> Result<DownloadName, String> {
    match text {
        "all" => Ok(DownloadName::All),
        name => name.parse::<DatasetName>().map(DownloadName::One).map_err(|_| unknown(name)),
    }
}

/// What can be downloaded, for a name that no dataset has.
fn unknown(text: &str) -> String {
    let names: Vec<String> = DownloadName::each().map(|name| name.to_string()).collect();
    format!("unknown dataset `{text}`: expected {}, or all of them", names.join(", "))
}
