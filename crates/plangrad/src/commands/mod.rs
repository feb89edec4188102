//! One function for each command: from its arguments to its results on the console.

mod devices;
mod download;
mod eval;
mod fit;
mod plan;
mod predict;
mod show;
mod subject;
mod summary;
mod sweep;
mod train;

use std::hash::{BuildHasher, RandomState};

use plangrad_data::Permutation;

use crate::cli::Command;
use crate::{Console, Error, Result};

/// Does what a command line asks for.
///
/// # Errors
/// Whatever ended it.
pub fn perform(command: &Command, console: &mut Console) -> Result<()> {
    match command {
        Command::Train(arguments) => train::train(arguments, console),
        Command::Eval(arguments) => eval::eval(arguments, console),
        Command::Predict(arguments) => predict::predict(arguments, console),
        Command::Show(arguments) => show::show(arguments, console),
        Command::Summary(arguments) => summary::summary(arguments, console),
        Command::Plan(arguments) => plan::plan(arguments, console),
        Command::Fit(arguments) => fit::perform(arguments, console),
        Command::Sweep(arguments) => sweep::sweep(arguments, console),
        Command::Devices(_) => devices::devices(console),
        Command::Download(arguments) => download::download(arguments, console),
    }
}

/// `count` different numbers below `samples`, at random; the same ones again for the same seed.
fn random_samples(samples: usize, count: usize, seed: Option<u64>) -> Vec<usize> {
    let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(()));
    let mut order = vec![0; samples];
    Permutation::fill(&mut order, seed, 0);
    order.into_iter().take(count).map(|number| number as usize).collect()
}

/// Refuses the number of a sample that is not among the `samples` of `what`.
fn check_index(index: usize, samples: usize, what: &str) -> Result<()> {
    if index < samples { Ok(()) } else { Err(Error::NoSample { what: what.to_owned(), index, samples }) }
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
