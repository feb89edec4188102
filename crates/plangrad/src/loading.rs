//! Datasets, loaded within the memory that the machine has.

use plangrad_data::{Dataset, DatasetName, ImageProgress, LoadOptions, Split};

use crate::device::default_budget;
use crate::error::Result;

/// What the program itself takes while it loads a dataset: threads and buffers.
const BESIDE: u64 = 4 << 20;

/// The most bytes that reading data may take now; `None` if the system does not say.
pub(crate) fn memory() -> Option<u64> {
    default_budget().map(|bytes| bytes.saturating_sub(BESIDE))
}

/// Loads a dataset, or one split of it.
///
/// # Errors
/// As [`plangrad_data::load`]; that it needs more memory than a run may take.
pub(crate) fn load(name: &DatasetName, options: &LoadOptions, only: Option<Split>) -> Result<Dataset> {
    load_observed(name, options, only, &|_| {})
}

/// The same, and tells how far it is where that takes long.
///
/// # Errors
/// As [`load`].
pub(crate) fn load_observed(
    name: &DatasetName,
    options: &LoadOptions,
    only: Option<Split>,
    observe: &(dyn Fn(ImageProgress) + Sync),
) -> Result<Dataset> {
    let mut options = options.clone();
    options.memory = memory();
    Ok(plangrad_data::load_observed(name, &options, only, observe)?)
}
