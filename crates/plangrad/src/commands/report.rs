//! `plangrad report`: a page on one run or several.

use std::path::{Path, PathBuf};

use plangrad_nn::checkpoint;
use serde::Serialize;

use super::device;
use crate::cli::ReportArgs;
use crate::error::Result;
use crate::model::{Model, Questions, Request};
use crate::numbers::size;
use crate::output::Console;
use crate::report::{Examined, RunReport, examine, page};
use crate::train::REPORT;

pub(super) fn report(arguments: &ReportArgs, console: &Console) -> Result<()> {
    let gather = |run: &PathBuf| RunReport::gather(run, |model| predict(model, arguments).map(Some));
    let reports = arguments.runs.iter().map(gather).collect::<Result<Vec<_>>>()?;
    for (run, report) in arguments.runs.iter().zip(&reports) {
        if let Some(problem) = report.problem() {
            Console::warning(&format_args!("{}: no sample is shown: {problem}", run.display()));
        }
    }
    let (path, page) = (place(arguments), page(&reports)?);
    checkpoint::replace(&path, page.as_bytes())?;
    console.text(&format_args!("{}, {}: open it in a browser", path.display(), size(page.len() as u64)))?;
    console.json(&Object { report: &path, runs: &arguments.runs, bytes: page.len() })
}

/// Has a model predict the test samples of the data it was trained on.
fn predict(model: &Model, arguments: &ReportArgs) -> Result<Examined> {
    let request = Request { data_dir: arguments.named_folder(), ..Request::default() };
    let Questions { subset, what, .. } = model.load(&request)?;
    let source = model.source(subset)?;
    device::compute(&arguments.device, |backend| examine(model, &source, what.clone(), backend))
}

/// Where the page is to be.
fn place(arguments: &ReportArgs) -> PathBuf {
    match (&arguments.out, arguments.runs.as_slice()) {
        (Some(path), _) => path.clone(),
        (None, [run]) => run.join(REPORT),
        (None, _) => Path::new(REPORT).to_path_buf(),
    }
}

#[derive(Serialize)]
struct Object<'a> {
    report: &'a Path,
    runs: &'a [PathBuf],
    bytes: usize,
}
