//! What the kernels of a plan together need of a dataset.

use crate::error::Error;
use crate::ir::{DatasetContent, DatasetNeeds, Kernel};

/// What all of `kernels` need, which must be one dataset and one size of batches.
pub(super) fn of<'k>(kernels: impl Iterator<Item = &'k Kernel>) -> Result<DatasetNeeds, Error> {
    kernels.map(Kernel::needs).try_fold(DatasetNeeds::default(), join)
}

fn join(one: DatasetNeeds, other: DatasetNeeds) -> Result<DatasetNeeds, Error> {
    let batch_size = match (one.batch_size, other.batch_size) {
        (0, size) | (size, 0) => size,
        (first, second) if first == second => first,
        (first, second) => return Err(Error::BatchSizes { first, second }),
    };
    Ok(DatasetNeeds {
        batch_size,
        samples: same(one.samples, other.samples)?,
        targets: same(one.targets, other.targets)?,
        classes: one.classes.into_iter().chain(other.classes).min(),
    })
}

fn same<T: Copy + PartialEq + Into<DatasetContent>>(
    one: Option<T>,
    other: Option<T>,
) -> Result<Option<T>, Error> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => {
            Err(Error::TwoDatasets { first: one.into(), second: other.into() })
        }
        (one, other) => Ok(one.or(other)),
    }
}
