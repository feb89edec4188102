//! Options for what a step does besides: class weights, label smoothing, clipping, weight decay of some parameters, averages.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use plangrad_nn::{Decayed, Loss};

use super::values;
use crate::error::{Error, Result};
use crate::train::Levers;

/// What a step does besides; nothing by default.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Training")]
pub struct LeverArgs {
    /// Weight of each class in the training loss: balanced (rare classes count as much as frequent ones), or a number for each
    /// class
    #[arg(long, value_name = "balanced|LIST", allow_negative_numbers = true)]
    pub class_weights: Option<ClassWeights>,
    /// Share of each training sample's loss that is spread over all classes
    #[arg(long, value_name = "SHARE", value_parser = values::share, allow_negative_numbers = true)]
    pub label_smoothing: Option<f64>,
    /// Clip the gradients of a step: where their norm, all together, is larger than this, they are scaled down to it
    #[arg(long, value_name = "NORM", value_parser = values::norm, allow_negative_numbers = true)]
    pub clip_norm: Option<f64>,
    /// What weight decay is for: all parameters, or matrices only, which spares biases and normalisation [default: all]
    #[arg(long, value_enum, value_name = "WHICH")]
    pub decay_of: Option<DecayOf>,
    /// Keep a running average of the weights, of which each step leaves this share; it is what is evaluated and saved as the model
    #[arg(long, value_name = "SHARE", value_parser = values::share, allow_negative_numbers = true)]
    pub ema: Option<f64>,
}

/// What weight decay is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DecayOf {
    /// All parameters.
    #[value(help = None)]
    All,
    /// Matrices.
    #[value(help = None)]
    Matrices,
}

/// The weights of classes.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeights {
    /// Samples / (classes · samples of the class).
    Balanced,
    /// One for each class.
    List(Vec<f64>),
}

impl FromStr for ClassWeights {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<ClassWeights, String> {
        if text == "balanced" {
            return Ok(ClassWeights::Balanced);
        }
        let weights = text.split(',').map(str::trim).map(values::not_negative);
        let weights = weights.collect::<std::result::Result<Vec<f64>, String>>().map_err(|problem| {
            format!("expected balanced, or a number for each class with commas between them: {problem}")
        })?;
        match weights.iter().any(|&weight| weight > 0.0) {
            true => Ok(ClassWeights::List(weights)),
            false => Err("expected a number above 0 for at least one class".to_owned()),
        }
    }
}

impl LeverArgs {
    /// What they ask for, but the weights of classes.
    pub(crate) fn levers(&self) -> Levers {
        let LeverArgs { label_smoothing, clip_norm, ema, .. } = *self;
        Levers { label_smoothing, clip_norm, decayed: self.decayed(), average: ema }
    }

    /// What weight decay is for.
    #[must_use]
    pub fn decayed(&self) -> Decayed {
        match self.decay_of {
            None | Some(DecayOf::All) => Decayed::All,
            Some(DecayOf::Matrices) => Decayed::Matrices,
        }
    }

    /// Refuses levers of cross-entropy for another loss.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check(&self, loss: Loss) -> Result<()> {
        let given = [
            ("--class-weights", self.class_weights.is_some()),
            ("--label-smoothing", self.label_smoothing.is_some_and(|share| share != 0.0)),
        ];
        match given.into_iter().find(|&(_, given)| given && loss != Loss::CrossEntropy) {
            Some((option, _)) => Err(Error::option(option, "is for classes (--loss cross-entropy)")),
            None => Ok(()),
        }
    }

    /// The class weights for training samples of which each class has so many; `None` without any, and nothing is counted then.
    ///
    /// # Errors
    /// [`Error::Option`] if there are not as many weights as classes.
    pub fn class_weights(&self, counts: impl FnOnce() -> Vec<u64>) -> Result<Option<Vec<f64>>> {
        let Some(asked) = &self.class_weights else { return Ok(None) };
        let counts = counts();
        match asked {
            ClassWeights::Balanced => Ok(Some(balanced(&counts))),
            ClassWeights::List(weights) if weights.len() == counts.len() => Ok(Some(weights.clone())),
            ClassWeights::List(weights) => {
                let (expected, found) = (counts.len(), weights.len());
                let problem = format!("expected {expected} numbers, one for each class, found {found}");
                Err(Error::option("--class-weights", problem))
            }
        }
    }
}

/// Samples / (classes · samples of the class), as scikit-learn has it; 0 for a class without samples, of which no loss is taken.
fn balanced(counts: &[u64]) -> Vec<f64> {
    let (samples, classes) = (counts.iter().sum::<u64>() as f64, counts.len() as f64);
    let weight = |&count: &u64| if count == 0 { 0.0 } else { samples / (classes * count as f64) };
    counts.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> LeverArgs {
        LeverArgs { class_weights: Some(text.parse().unwrap()), ..LeverArgs::default() }
    }

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // sklearn.utils.class_weight.compute_class_weight("balanced", classes=[0, 1, 2], y=[0]*8 + [1]*3 + [2])
        let expected = [0.5, 4.0 / 3.0, 4.0];
        assert_eq!(given("balanced").class_weights(|| vec![8, 3, 1]).unwrap().unwrap(), expected);
        assert_eq!(given("balanced").class_weights(|| vec![2, 0]).unwrap().unwrap(), [0.5, 0.0]);
    }

    #[test]
    fn a_list_has_a_number_for_each_class() {
        assert_eq!(given("1, 0,2.5").class_weights(|| vec![1, 1, 1]).unwrap().unwrap(), [1.0, 0.0, 2.5]);
        let error = given("1,2").class_weights(|| vec![5, 5, 5]).unwrap_err().to_string();
        assert_eq!(error, "--class-weights: expected 3 numbers, one for each class, found 2");
        for wrong in ["", "1,", "a", "-1,2", "nan,1", "inf,1", "0,0", "Balanced"] {
            assert!(wrong.parse::<ClassWeights>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn regressions_have_neither_weights_nor_smoothing() {
        let error = given("balanced").check(Loss::Mse).unwrap_err().to_string();
        assert_eq!(error, "--class-weights: is for classes (--loss cross-entropy)");
        let smoothed = |share| LeverArgs { label_smoothing: Some(share), ..LeverArgs::default() };
        assert!(smoothed(0.1).check(Loss::Mse).is_err() && smoothed(0.0).check(Loss::Mse).is_ok());
        assert!(given("balanced").check(Loss::CrossEntropy).is_ok());
    }
}
