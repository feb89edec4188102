//! `plangrad export`: a trained model for other programs.

use std::path::Path;

use plangrad_nn::checkpoint;
use serde::Serialize;

use super::trained;
use crate::cli::ExportArgs;
use crate::error::Result;
use crate::export::{ExportFormat, export};
use crate::numbers::size;
use crate::output::Console;

pub(super) fn perform(arguments: &ExportArgs, console: &Console) -> Result<()> {
    let format = arguments.format()?;
    let model = trained::open(&arguments.trained)?;
    let bytes = export(&model, format)?;
    checkpoint::replace(&arguments.out, &bytes)?;
    console.text(&format_args!("{}, {}", arguments.out.display(), size(bytes.len() as u64)))?;
    console.json(&Object { file: &arguments.out, format, bytes: bytes.len() })
}

#[derive(Serialize)]
struct Object<'a> {
    file: &'a Path,
    format: ExportFormat,
    bytes: usize,
}
