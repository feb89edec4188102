//! Where downloads go, and where they come from.

use std::path::PathBuf;
use std::time::Duration;

use crate::LoadOptions;

/// Where downloads go, and where they come from.
#[derive(Clone, Debug)]
pub struct DownloadOptions {
    /// The data folder, created if it is missing. Default `data`.
    pub data_dir: PathBuf,
    /// Mirrors to try instead of the built-in ones, each the address of the folder that holds the files; it may have a
    /// query. Default: none.
    pub mirrors: Vec<String>,
    /// How long a connection may send nothing, or less than 1 KiB a second on average, before it is given up. Default 30
    /// seconds.
    pub stall_timeout: Duration,
    /// Whether to use the proxy that the environment names (`HTTPS_PROXY`, `ALL_PROXY`, …). Default `true`.
    pub system_proxy: bool,
}

impl Default for DownloadOptions {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from(LoadOptions::DATA_DIR),
            mirrors: Vec::new(),
            stall_timeout: Duration::from_secs(30),
            system_proxy: true,
        }
    }
}
