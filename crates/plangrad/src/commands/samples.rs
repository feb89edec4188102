//! Which samples of a dataset a command is about.

use std::hash::{BuildHasher, RandomState};

use plangrad_data::Permutation;

use crate::cli::Row;
use crate::error::{Error, Result};
use crate::model::Model;

/// `count` different numbers below `samples`, at random; the same ones again for the same seed.
pub(super) fn random_samples(samples: usize, count: usize, seed: Option<u64>) -> Vec<usize> {
    let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(()));
    let mut order = vec![0; samples];
    Permutation::fill(&mut order, seed, 0);
    order.into_iter().take(count).map(|number| number as usize).collect()
}

/// Refuses a number that is not one of the `samples` of `what`.
pub(super) fn check_index(index: usize, samples: usize, what: &str) -> Result<()> {
    if index < samples { Ok(()) } else { Err(Error::NoSample { what: what.to_owned(), index, samples }) }
}

/// The sample of a row of values.
pub(super) fn sample(values: &Row, model: &Model) -> Result<Vec<f32>> {
    let Some(table) = model.table() else {
        return Err(Error::option("--values", "this model reads images; use --image, --index or --random"));
    };
    table.sample(&values.0).map_err(|error| Error::option("--values", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_samples_are_different_ones_and_repeatable() {
        let mut samples = random_samples(10, 10, Some(1));
        assert_eq!(samples, random_samples(10, 10, Some(1)));
        assert_ne!(samples, random_samples(10, 10, Some(2)));
        samples.sort_unstable();
        assert_eq!(samples, Vec::from_iter(0..10));
        assert_eq!(random_samples(3, 9, None).len(), 3);
    }
}
