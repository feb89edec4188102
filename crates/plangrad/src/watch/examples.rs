//! Samples that the model of a run predicts while the run goes on.

use std::path::Path;

use plangrad_data::{Samples, Split, Subset, Targets};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{Backend, Source};

use crate::error::Result;
use crate::history::History;
use crate::model::{Model, Questions, Request};
use crate::report::{Examined, examine};
use crate::train::first_rows;

/// How many are predicted while a run goes on.
const A_FEW: usize = 256;

/// Samples, and a thread that computes.
pub(crate) struct Examples {
    source: Source,
    /// `256 samples of mnist test`
    what: String,
    backend: Backend,
}

impl Examples {
    /// The first samples of the part by which epochs are compared, of the data of a run whose logs say which parts it has.
    /// Loads the whole dataset for that.
    ///
    /// # Errors
    /// If the data are not there, or are others.
    pub(crate) fn a_few(model: &Model, history: &History, data_dir: Option<&Path>) -> Result<Examples> {
        let validates = history.start.as_ref().is_some_and(|start| start.validation_samples > 0);
        let split = if validates { Split::Validation } else { Split::Test };
        let Questions { mut subset, what, .. } = load(model, split, data_dir)?;
        keep_first(&mut subset, A_FEW);
        let what = format!("{} samples of {what}", subset.len());
        Examples::of(model, subset, what)
    }

    /// Samples that a run in this process has in memory: the first of them.
    ///
    /// # Errors
    /// Never for samples of a run.
    pub(crate) fn first_of(source: &Source, what: &str) -> Result<Examples> {
        let source = first_rows(source, A_FEW)?;
        let what = format!("{} samples of {what}", source.len());
        Ok(Examples { source, what, backend: one_thread()? })
    }

    /// All test samples.
    ///
    /// # Errors
    /// If the data are not there, or are others.
    pub(crate) fn all(model: &Model, data_dir: Option<&Path>) -> Result<Examples> {
        let Questions { subset, what, .. } = load(model, Split::Test, data_dir)?;
        Examples::of(model, subset, what)
    }

    fn of(model: &Model, subset: Subset, what: String) -> Result<Examples> {
        Ok(Examples { source: model.source(subset)?, what, backend: one_thread()? })
    }

    /// Has the model predict them.
    ///
    /// # Errors
    /// If memory runs out.
    pub(crate) fn examine(&self, model: &Model) -> Result<Examined> {
        let epochs = model.description().progress.as_ref().map(|progress| progress.epoch);
        let when = epochs.map_or(String::new(), |epochs| format!(", after epoch {epochs}"));
        examine(model, &self.source, format!("{}{when}", self.what), &self.backend)
    }
}

fn one_thread() -> Result<Backend> {
    Ok(Cpu::open(CpuOptions::default().threads(1))?)
}

fn load(model: &Model, split: Split, data_dir: Option<&Path>) -> Result<Questions> {
    model.load(&Request { split: Some(split), data_dir, ..Request::default() })
}

fn keep_first(subset: &mut Subset, most: usize) {
    let values = most.saturating_mul(subset.sample_len());
    match &mut subset.samples {
        Samples::U8(pixels) => pixels.truncate(values),
        Samples::F32(features) => features.truncate(values),
    }
    match &mut subset.targets {
        Targets::Classes(labels) => labels.truncate(most),
        Targets::Values(values) => values.truncate(most),
    }
}
