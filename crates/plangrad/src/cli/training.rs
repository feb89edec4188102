//! Options that say how to train, and the arguments of `train`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use plangrad_data::{DatasetName, Task};
use plangrad_nn::Loss;
use plangrad_tensor::{Optimizer, Schedule};
use serde::{Deserialize, Serialize};

use super::{DataArgs, DeviceArgs, ModelArgs, OomArgs, values};
use crate::{Error, Result};

/// Arguments of `train`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad train\n  \
    plangrad train --dataset mnist --hidden 256,128 --epochs 10 --out runs/deep\n  \
    plangrad train --dataset cifar10 --optimizer sgd --lr 0.01 --momentum 0.9 --schedule cosine\n  \
    plangrad train --dataset csv:sums.csv --loss mse --normalize none --optimizer sgd --lr 0.001\n  \
    plangrad train --batch-size auto --memory-budget 64MiB\n  \
    plangrad train --resume runs/deep")]
pub struct Train {
    /// What to learn from.
    #[command(flatten)]
    pub data: DataArgs,
    /// What learns.
    #[command(flatten)]
    pub model: ModelArgs,
    /// What is learnt.
    #[command(flatten)]
    pub task: TaskArgs,
    /// How.
    #[command(flatten)]
    pub training: TrainingArgs,
    /// Where.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// What to do where memory does not suffice.
    #[command(flatten)]
    pub oom: OomArgs,
    /// Where it goes.
    #[command(flatten)]
    pub run: RunArgs,
}

/// The options of a run that is resumed: those not named here stand in its folder and cannot change.
const FIXED_BY_A_RUN: [&str; 23] = [
    "dataset",
    "normalize",
    "label",
    "test_fraction",
    "hidden",
    "activation",
    "dropout",
    "loss",
    "batch_size",
    "precision",
    "optimizer",
    "lr",
    "momentum",
    "weight_decay",
    "schedule",
    "lr_minimum",
    "lr_every",
    "lr_factor",
    "seed",
    "init",
    "no_shuffle",
    "out",
    "overwrite",
];

/// What a network is trained for.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Model")]
pub struct TaskArgs {
    /// What is minimised: cross-entropy tells classes apart, mse predicts the numbers of a table's label column
    #[arg(long, default_value_t = Loss::CrossEntropy, value_name = "NAME",
        value_parser = values::one_of::<Loss>(&["cross-entropy", "mse"]))]
    pub loss: Loss,
}

impl TaskArgs {
    /// How labels of `dataset` are to be read.
    ///
    /// # Errors
    /// [`Error::Option`] for a regression on images, which have classes only.
    pub fn task(self, dataset: &DatasetName) -> Result<Task> {
        match (self.loss, dataset) {
            (Loss::CrossEntropy, _) => Ok(Task::Classification),
            (Loss::Mse, DatasetName::Csv(_)) => Ok(Task::Regression),
            (Loss::Mse, _) => {
                let problem = format!(
                    "mse is for the numbers of a table (--dataset csv:FILE), not for the classes of {dataset}"
                );
                Err(Error::Option { option: "--loss", problem })
            }
        }
    }
}

/// How to train.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Training")]
pub struct TrainingArgs {
    /// Samples per step; auto finds out from which size on training is fast, within what fits
    #[arg(long, default_value_t, value_name = "N|auto", allow_negative_numbers = true)]
    pub batch_size: BatchSize,
    /// Passes over the training part [default: 5]
    #[arg(long, value_name = "N", value_parser = values::steps, allow_negative_numbers = true)]
    pub epochs: Option<u64>,
    /// Stop after so many steps; still evaluates, reports its epoch and saves
    #[arg(long, value_name = "N", value_parser = values::steps, allow_negative_numbers = true)]
    pub max_steps: Option<u64>,
    /// How parameters follow their gradients
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    pub optimizer: OptimizerName,
    /// Learning rate [default: 0.001 with adam and adamw, 0.01 with sgd]
    #[arg(long, value_name = "RATE", value_parser = values::not_negative, allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// Share of the last update kept, with sgd [default: 0]
    #[arg(long, value_name = "SHARE", value_parser = values::share, allow_negative_numbers = true)]
    pub momentum: Option<f64>,
    /// Pull of the weights towards 0 [default: 0; 0.01 with adamw]
    #[arg(long, value_name = "RATE", value_parser = values::not_negative, allow_negative_numbers = true)]
    pub weight_decay: Option<f64>,
    /// How the learning rate changes: not at all, half a cosine down to --lr-minimum, or by steps
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    pub schedule: ScheduleName,
    /// Learning rate at the end, with --schedule cosine [default: 0]
    #[arg(long, value_name = "RATE", value_parser = values::not_negative, allow_negative_numbers = true)]
    pub lr_minimum: Option<f64>,
    /// Epochs between two steps, with --schedule step [default: 1]
    #[arg(long, value_name = "EPOCHS", value_parser = values::steps, allow_negative_numbers = true)]
    pub lr_every: Option<u64>,
    /// Factor of each step, with --schedule step [default: 0.1]
    #[arg(long, value_name = "FACTOR", value_parser = values::not_negative, allow_negative_numbers = true)]
    pub lr_factor: Option<f64>,
    /// First weights, order of samples, dropout and a table's test rows are functions of it
    #[arg(long, default_value_t = 42, value_name = "N", value_parser = values::seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// Take the samples in the order of the files
    #[arg(long)]
    pub no_shuffle: bool,
    /// Start from these weights: any safetensors file whose shapes match in order
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// Numbers it is computed with.
    #[command(flatten)]
    pub precision: PrecisionArgs,
    /// Samples judged at a time [default: as many of 1000 as fit into the memory of training]
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true)]
    pub eval_batch_size: Option<usize>,
}

/// Where a run goes, and what it tells on the way.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// Run folder [default: runs/DATASET-TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace an earlier run in that folder
    #[arg(long)]
    pub overwrite: bool,
    /// Go on with the run in this folder, to the same bits as without the interruption; --epochs and --max-steps may be raised
    #[arg(long, value_name = "DIR", conflicts_with_all = FIXED_BY_A_RUN)]
    pub resume: Option<PathBuf>,
    /// Steps between two checkpoints [default: one after each epoch]
    #[arg(long, value_name = "STEPS", value_parser = values::steps, allow_negative_numbers = true)]
    pub checkpoint_every: Option<u64>,
    /// Steps between two lines of progress [default: 100]
    #[arg(long, value_name = "STEPS", value_parser = values::steps, allow_negative_numbers = true)]
    pub log_every: Option<u64>,
}

/// Samples per step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSize {
    /// To be found.
    Auto,
    /// So many.
    Samples(usize),
}

impl Default for BatchSize {
    fn default() -> Self {
        Self::Samples(64)
    }
}

impl fmt::Display for BatchSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Samples(count) => count.fmt(f),
        }
    }
}

impl FromStr for BatchSize {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<BatchSize, String> {
        match text {
            "auto" => Ok(Self::Auto),
            word if word.starts_with(char::is_alphabetic) => {
                Err(format!("expected auto or a whole number of at least 1, found `{word}`"))
            }
            number => values::count(number).map(Self::Samples),
        }
    }
}

/// Numbers that are computed with.
#[derive(Args, Clone, Copy, Debug)]
pub struct PrecisionArgs {
    /// Numbers it is computed with: f32, or on GPUs from compute capability 8.0 on tf32, where the factors of large products
    /// have 10 bits of mantissa
    #[arg(long, value_enum, default_value_t, value_name = "NAME", help_heading = "Training")]
    pub precision: Precision,
}

/// The kinds of numbers by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision, about seven digits.
    #[default]
    #[value(help = None)]
    F32,
    /// The same, but the factors of large products have three digits: on GPUs with tensor cores.
    #[value(help = None)]
    Tf32,
}

impl Precision {
    /// Whether it is the usual one.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Precision::default()
    }
}

/// The optimizers by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OptimizerName {
    /// Stochastic gradient descent.
    #[value(help = None)]
    Sgd,
    /// Adam.
    #[default]
    #[value(help = None)]
    Adam,
    /// Adam with decoupled weight decay.
    #[value(name = "adamw", help = None)]
    AdamW,
}

/// The schedules by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ScheduleName {
    /// The same at every step.
    #[default]
    #[value(help = None)]
    Constant,
    /// Half a cosine.
    #[value(help = None)]
    Cosine,
    /// A factor every few epochs.
    #[value(help = None)]
    Step,
}

impl OptimizerName {
    /// The learning rate where nobody says one.
    #[must_use]
    pub fn learning_rate(self) -> f64 {
        match self {
            OptimizerName::Sgd => 0.01,
            OptimizerName::Adam | OptimizerName::AdamW => 0.001,
        }
    }

    /// The optimizer of this name.
    ///
    /// # Errors
    /// [`Error::Option`] for a momentum that the optimizer does not have.
    pub fn with(self, momentum: Option<f64>, weight_decay: Option<f64>) -> Result<Optimizer> {
        let weight_decay = |default: f64| weight_decay.unwrap_or(default);
        let (beta1, beta2, epsilon) = (0.9, 0.999, 1e-8);
        match (self, momentum) {
            (OptimizerName::Sgd, momentum) => {
                Ok(Optimizer::Sgd { momentum: momentum.unwrap_or(0.0), weight_decay: weight_decay(0.0) })
            }
            (_, Some(_)) => {
                Err(Error::Option { option: "--momentum", problem: "is for --optimizer sgd".to_owned() })
            }
            (OptimizerName::Adam, None) => {
                Ok(Optimizer::Adam { beta1, beta2, epsilon, weight_decay: weight_decay(0.0) })
            }
            (OptimizerName::AdamW, None) => {
                Ok(Optimizer::AdamW { beta1, beta2, epsilon, weight_decay: weight_decay(0.01) })
            }
        }
    }
}

impl TrainingArgs {
    /// Epochs, where a run has no number of its own.
    pub const EPOCHS: u64 = 5;

    /// The optimizer these options describe.
    ///
    /// # Errors
    /// [`Error::Option`] for a momentum that the optimizer does not have.
    pub fn optimizer(&self) -> Result<Optimizer> {
        self.optimizer.with(self.momentum, self.weight_decay)
    }

    /// The learning rate at the first step.
    #[must_use]
    pub fn learning_rate(&self) -> f64 {
        self.lr.unwrap_or(self.optimizer.learning_rate())
    }

    /// The schedule these options describe, for a run of `total_steps` with `steps_per_epoch` in each epoch.
    ///
    /// # Errors
    /// [`Error::Option`] for an option of another schedule, or a cosine that would rise.
    pub fn schedule(&self, steps_per_epoch: u64, total_steps: u64) -> Result<Schedule> {
        self.check_schedule()?;
        let learning_rate = self.learning_rate();
        Ok(match self.schedule {
            ScheduleName::Constant => Schedule::Constant { learning_rate },
            ScheduleName::Cosine => {
                let minimum = self.lr_minimum.unwrap_or(0.0);
                if minimum > learning_rate {
                    let problem = format!("{minimum} is above the learning rate, which is {learning_rate}");
                    return Err(Error::Option { option: "--lr-minimum", problem });
                }
                Schedule::Cosine { learning_rate, minimum, steps: total_steps }
            }
            ScheduleName::Step => {
                let every = self.lr_every.unwrap_or(1).saturating_mul(steps_per_epoch);
                Schedule::Step { learning_rate, factor: self.lr_factor.unwrap_or(0.1), every }
            }
        })
    }

    fn check_schedule(&self) -> Result<()> {
        let given = [
            ("--lr-minimum", self.lr_minimum.is_some(), ScheduleName::Cosine, "is for --schedule cosine"),
            ("--lr-every", self.lr_every.is_some(), ScheduleName::Step, "is for --schedule step"),
            ("--lr-factor", self.lr_factor.is_some(), ScheduleName::Step, "is for --schedule step"),
        ];
        match given.into_iter().find(|&(_, given, schedule, _)| given && schedule != self.schedule) {
            Some((option, _, _, problem)) => Err(Error::Option { option, problem: problem.to_owned() }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn train(options: &[&str]) -> std::result::Result<Train, clap::Error> {
        let arguments = ["plangrad", "train"].iter().chain(options);
        match Cli::try_parse_from(arguments)?.command {
            Command::Train(train) => Ok(*train),
            other => panic!("{other:?}"),
        }
    }

    fn schedule(options: &[&str]) -> Result<Schedule> {
        train(options).unwrap().training.schedule(100, 500)
    }

    #[test]
    fn the_defaults_are_those_of_the_main_job() {
        let Train { data, model, task, training, run, .. } = train(&[]).unwrap();
        assert_eq!((data.dataset, model.hidden.0, model.dropout), (None, vec![128], 0.0));
        assert_eq!((training.batch_size, training.seed, run.log_every), (BatchSize::Samples(64), 42, None));
        assert_eq!(task.loss, Loss::CrossEntropy);
        let adam = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
        assert_eq!(training.optimizer().unwrap(), adam);
        assert_eq!(training.schedule(1, 1).unwrap(), Schedule::Constant { learning_rate: 0.001 });
    }

    #[test]
    fn each_schedule_takes_its_own_options_and_no_other() {
        let cosine = Schedule::Cosine { learning_rate: 0.001, minimum: 1e-5, steps: 500 };
        assert_eq!(schedule(&["--schedule", "cosine", "--lr-minimum", "1e-5"]).unwrap(), cosine);
        let step = Schedule::Step { learning_rate: 0.5, factor: 0.1, every: 300 };
        assert_eq!(schedule(&["--schedule", "step", "--lr-every", "3", "--lr", "0.5"]).unwrap(), step);
        let message = schedule(&["--schedule", "step", "--lr-minimum", "0"]).unwrap_err().to_string();
        assert_eq!(message, "--lr-minimum: is for --schedule cosine");
    }

    #[test]
    fn a_cosine_falls_or_stays_and_never_rises() {
        let cosine = |minimum| schedule(&["--schedule", "cosine", "--lr", "0.01", "--lr-minimum", minimum]);
        assert!(cosine("0.01").is_ok());
        let error = cosine("0.02").unwrap_err();
        assert_eq!(error.to_string(), "--lr-minimum: 0.02 is above the learning rate, which is 0.01");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn momentum_is_for_sgd_alone() {
        let optimizer = |options: &[&str]| train(options).unwrap().training.optimizer();
        let sgd = Optimizer::Sgd { momentum: 0.9, weight_decay: 0.0 };
        assert_eq!(optimizer(&["--optimizer", "sgd", "--momentum", "0.9"]).unwrap(), sgd);
        assert!(optimizer(&["--momentum", "0.9"]).is_err());
    }

    #[test]
    fn a_resumed_run_keeps_what_would_change_its_bits() {
        for option in [
            "--lr=0.1",
            "--hidden=64",
            "--seed=1",
            "--dataset=digits",
            "--batch-size=32",
            "--batch-size=auto",
            "--no-shuffle",
        ] {
            let error = train(&["--resume", "runs/x", option]).unwrap_err();
            assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict, "{option}");
        }
        let allowed =
            ["--resume", "runs/x", "--epochs", "9", "--threads", "2", "--data-dir", "d", "--log-every", "1"];
        assert_eq!(train(&allowed).unwrap().training.epochs, Some(9));
    }
}
