//! What `sessions.jsonl` says about each process that has worked on a run: when it began, how it was called, and on what
//! machine. Nothing of it decides a bit of the model.

use std::num::NonZero;
use std::time::SystemTime;

use plangrad_tensor::Backend;
use serde::{Deserialize, Serialize};

use super::basis::SettingChange;
use crate::calendar;
use crate::process;

/// A process at work on a run. Serialises to the line documented in `docs/files.md`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RunSession {
    /// When it began, in UTC.
    pub(crate) began: String,
    /// The version of plangrad.
    pub(crate) version: String,
    /// Its command line, quoted for a shell.
    pub(crate) command: String,
    /// Operating system and processor: `linux x86_64`.
    pub(crate) system: String,
    /// Cores that the process may use.
    pub(crate) cores: usize,
    /// The device that computes.
    pub(crate) device: String,
    /// The instruction set, if that is a CPU.
    pub(crate) instruction_set: Option<String>,
    /// Steps that the run had taken before.
    pub(crate) step: u64,
    /// Settings that were changed, as was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) changes: Vec<SettingChange>,
}

impl RunSession {
    /// This process, which computes on `backend` and continues after so many steps.
    pub(crate) fn now(backend: &Backend, step: u64) -> RunSession {
        RunSession {
            began: calendar::rfc_3339(SystemTime::now()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: process::own_command(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cores: std::thread::available_parallelism().map_or(1, NonZero::get),
            device: backend.device().to_string(),
            instruction_set: backend.instruction_set().map(str::to_owned),
            step,
            changes: Vec::new(),
        }
    }
}
