//! How many epochs trials get, and how many of them go on.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a search spends its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Every trial is trained to its end.
    Random,
    /// Every trial gets a few epochs, and of so many one goes on with as many times more.
    #[default]
    Halving,
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Method, String> {
        match text {
            "random" => Ok(Method::Random),
            "halving" => Ok(Method::Halving),
            _ => Err(format!("expected random or halving, found `{text}`")),
        }
    }
}

/// The epochs that trials are to reach, one rung after another: the last is all epochs, and the first as few as `trials` allow for
/// where one of `factor` goes on.
pub(super) fn rungs(method: Method, trials: usize, epochs: u64, factor: usize) -> Vec<u64> {
    let mut rungs = vec![epochs.max(1)];
    let (mut left, factor) = (trials, factor.max(2));
    while method == Method::Halving && left > 1 && rungs[0] > 1 {
        rungs.insert(0, (rungs[0] / factor as u64).max(1));
        left = going_on(left, factor);
    }
    rungs
}

/// How many of so many trials go on.
pub(super) fn going_on(trials: usize, factor: usize) -> usize {
    trials.div_ceil(factor.max(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_lead_from_few_epochs_to_all_as_trials_become_fewer() {
        assert_eq!(rungs(Method::Halving, 27, 9, 3), [1, 3, 9]);
        assert_eq!(rungs(Method::Halving, 9, 27, 3), [3, 9, 27]);
        assert_eq!(rungs(Method::Halving, 20, 5, 3), [1, 5]);
        assert_eq!(rungs(Method::Halving, 1, 5, 3), [5]);
        assert_eq!(rungs(Method::Random, 20, 5, 3), [5]);
        assert_eq!([20, 7, 3, 1].map(|trials| going_on(trials, 3)), [7, 3, 1, 1]);
    }
}
