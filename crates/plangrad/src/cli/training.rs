//! Options that say how to train, and the arguments of `train`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Command, Id, ValueEnum};
use plangrad_tensor::Schedule;

use super::device::{DeviceArgs, OomArgs};
use super::learning::{LearningArgs, PrecisionArgs};
use super::levers::LeverArgs;
use super::subject::SubjectArgs;
use super::values;
use crate::drawing::PictureFile;
use crate::error::{Error, Result};
use crate::numbers::counted;
use crate::train::{CHANGEABLE, Criterion, KeptModel, Settings};

/// Arguments of `train`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad train\n  \
    plangrad train --dataset mnist --hidden 256,128 --epochs 10 --out runs/deep\n  \
    plangrad train --dataset cifar10 --optimizer sgd --lr 0.01 --momentum 0.9 --schedule cosine\n  \
    plangrad train --dataset digits --schedule one-cycle --lr 0.01\n  \
    plangrad train --network net.toml --out runs/net\n  \
    plangrad train --dataset csv:sums.csv --loss mse --normalize none --optimizer sgd --lr 0.001\n  \
    plangrad train --batch-size auto --memory-budget 64MiB\n  \
    plangrad train --config runs/deep/config.toml --seed 7 --out runs/deep-again\n  \
    plangrad train --resume runs/deep")]
pub struct TrainArgs {
    /// The network and its data.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// The training.
    #[command(flatten)]
    pub training: TrainingArgs,
    /// Where.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// What to do where memory does not suffice.
    #[command(flatten)]
    pub oom: OomArgs,
    /// The run folder.
    #[command(flatten)]
    pub run: RunArgs,
}

/// How to train.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Training")]
pub struct TrainingArgs {
    /// Samples per step; auto takes a few seconds at most to measure from which size on training is fast, among the sizes that
    /// fit, but no less than 16 on the cpu and 64 elsewhere, if that fits [default: 64]
    #[arg(long, value_name = "N|auto", allow_negative_numbers = true)]
    pub batch_size: Option<BatchSize>,
    /// Passes over the training part [default: 5]
    #[arg(long, value_name = "N", value_parser = values::steps, allow_negative_numbers = true)]
    pub epochs: Option<u64>,
    /// Stop after this many steps; the last epoch is still evaluated, reported and saved
    #[arg(long, value_name = "N", value_parser = values::steps, allow_negative_numbers = true)]
    pub max_steps: Option<u64>,
    /// Steps and samples.
    #[command(flatten)]
    pub learning: LearningArgs,
    /// Schedule of the learning rate: constant, half a cosine down to --lr-minimum, in steps, or one cycle up from a 25th of --lr
    /// to --lr in the first 30 % of the steps and down to nearly 0
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    pub schedule: ScheduleName,
    /// Learning rate at the end, with --schedule cosine [default: 0]
    #[arg(long, value_name = "RATE", value_parser = values::not_negative, allow_negative_numbers = true)]
    pub lr_minimum: Option<f64>,
    /// Epochs between two steps, with --schedule step [default: 1]
    #[arg(long, value_name = "EPOCHS", value_parser = values::steps, allow_negative_numbers = true)]
    pub lr_every: Option<u64>,
    /// The same in steps of the optimizer, as settings files have it.
    #[arg(long, hide = true, value_name = "STEPS", value_parser = values::steps, conflicts_with = "lr_every")]
    pub lr_every_steps: Option<u64>,
    /// Factor of each step, with --schedule step [default: 0.1]
    #[arg(long, value_name = "FACTOR", value_parser = values::not_negative, allow_negative_numbers = true)]
    pub lr_factor: Option<f64>,
    /// Steps over which the learning rate rises linearly to where the schedule begins; the schedule has the steps that follow
    #[arg(long, value_name = "STEPS", value_parser = values::steps, allow_negative_numbers = true)]
    pub warmup: Option<u64>,
    /// What a step does besides.
    #[command(flatten)]
    pub levers: LeverArgs,
    /// What becomes of the best epoch.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Start from these weights: a safetensors file of floating-point numbers or a state_dict of PyTorch (.pth, .pt) whose shapes
    /// match in order
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// The number format.
    #[command(flatten)]
    pub precision: PrecisionArgs,
}

/// What becomes of the best epoch.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Training")]
pub struct SelectionArgs {
    /// Keep the model of the best epoch as best.safetensors beside that of the last; only epochs that were taken whole are
    /// compared
    #[arg(long, default_value_t, value_name = "WHICH", value_parser = values::one_of(KeptModel::ALL))]
    pub keep: KeptModel,
    /// Figure of the validation part (else of the test part) by which epochs are compared [default: accuracy; loss with mse]
    #[arg(long, value_name = "NUMBER", value_parser = values::one_of(Criterion::ALL))]
    pub best_by: Option<Criterion>,
    /// End the run after this many epochs in a row without improvement
    #[arg(long, value_name = "EPOCHS", value_parser = values::steps, allow_negative_numbers = true)]
    pub patience: Option<u64>,
}

impl SelectionArgs {
    /// Refuses options that contradict each other or do nothing.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check(&self, settings: &Settings) -> Result<()> {
        match self.best_by {
            Some(_) if !settings.compares_epochs() => {
                Err(Error::option("--best-by", "is for --keep best and --patience"))
            }
            Some(criterion) if !criterion.applies_to(settings.loss) => {
                Err(Error::option("--best-by", "accuracy is of classes; mse has a loss alone"))
            }
            _ => Ok(()),
        }
    }
}

/// The run folder, and how often the run reports and saves.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// Run folder [default: runs/DATASET-TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Settings from a file as runs write it (config.toml), or of the run in a folder; options given here win
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// Replace an earlier run in that folder
    #[arg(long)]
    pub overwrite: bool,
    /// Resume the run in this folder, to the same bits as without the interruption; --epochs and --max-steps may be raised, and --lr
    /// and, from the next epoch on, --batch-size changed, which the run records
    #[arg(long, value_name = "DIR", conflicts_with_all = fixed_by_a_run())]
    pub resume: Option<PathBuf>,
    /// Resume although the data have changed since: the epoch begins again with them, and with their statistics
    #[arg(long)]
    pub accept_changed_data: bool,
    /// Steps between two checkpoints [default: one after each epoch]
    #[arg(long, value_name = "STEPS", value_parser = values::steps, allow_negative_numbers = true)]
    pub checkpoint_every: Option<u64>,
    /// Steps between two lines of progress [default: 100]
    #[arg(long, value_name = "STEPS", value_parser = values::steps, allow_negative_numbers = true)]
    pub log_every: Option<u64>,
    /// Draw loss and accuracy over the epochs when the run is complete or interrupted: FILE.svg or FILE.png; may be given several times
    #[arg(long, value_name = "FILE", value_parser = values::drawing(), allow_hyphen_values = true)]
    pub plot: Vec<PictureFile>,
    /// Do not write report.html, the page with curves, confusion matrix, pictures and memory, at the end
    #[arg(long)]
    pub no_report: bool,
    /// What to show of the progress: a bar and lines; the whole terminal with curves, pace, memory and mistakes (in programs built with
    /// --features tui); lines alone; or only what each epoch came to. Where there is no terminal, lines
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub progress: ProgressView,
    /// Write event files for TensorBoard meanwhile, in the folder tensorboard of the run: losses, accuracies, learning rate, times,
    /// histograms of the weights, the settings; at the end mistakes as pictures
    #[arg(long)]
    pub tensorboard: bool,
}

/// The options that cannot be given for a run that is resumed, since its folder has their values: all about the network, its
/// data and the training but those that [`CHANGEABLE`] names.
fn fixed_by_a_run() -> Vec<Id> {
    let described = TrainingArgs::augment_args(SubjectArgs::augment_args(Command::new("described")));
    let fixed = described.get_arguments().map(|option| option.get_id().clone());
    let fixed = fixed.filter(|option| CHANGEABLE.iter().all(|one| one.option != option.as_str()));
    fixed.chain(["out", "overwrite", "config"].map(Id::from)).collect()
}

/// Samples per step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSize {
    /// To be measured.
    Auto,
    /// This many.
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

/// What is shown of a run's progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressView {
    /// A bar, and lines above it.
    #[default]
    #[value(help = None)]
    Bar,
    /// The whole terminal.
    #[value(help = None)]
    Tui,
    /// Lines.
    #[value(help = None)]
    Plain,
    /// What each epoch came to.
    #[value(help = None)]
    None,
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
    /// Up and down.
    #[value(help = None)]
    OneCycle,
}

impl TrainingArgs {
    /// Epochs by default.
    pub const EPOCHS: u64 = 5;

    /// The schedule these options describe, for a run of `total_steps` with `steps_per_epoch` in each epoch.
    ///
    /// # Errors
    /// [`Error::Option`] for an option of another schedule, a cosine that would rise, or a warm-up that never ends.
    pub fn schedule(&self, steps_per_epoch: u64, total_steps: u64) -> Result<Schedule> {
        self.check_schedule()?;
        let total_steps = self.after_warmup(total_steps)?;
        let learning_rate = self.learning.learning_rate();
        Ok(match self.schedule {
            ScheduleName::Constant => Schedule::Constant { learning_rate },
            ScheduleName::Cosine => {
                let minimum = self.lr_minimum.unwrap_or(0.0);
                if minimum > learning_rate {
                    let problem = format!("{minimum} is above the learning rate, which is {learning_rate}");
                    return Err(Error::option("--lr-minimum", problem));
                }
                Schedule::Cosine { learning_rate, minimum, steps: total_steps }
            }
            ScheduleName::Step => {
                let of_epochs = self.lr_every.unwrap_or(1).saturating_mul(steps_per_epoch);
                let every = self.lr_every_steps.unwrap_or(of_epochs);
                Schedule::Step { learning_rate, factor: self.lr_factor.unwrap_or(0.1), every }
            }
            ScheduleName::OneCycle => Schedule::one_cycle(learning_rate, total_steps),
        })
    }

    /// The steps of a run behind its warm-up.
    fn after_warmup(&self, total_steps: u64) -> Result<u64> {
        let warmup = self.warmup.unwrap_or(0);
        match total_steps.checked_sub(warmup) {
            Some(left) if left > 0 => Ok(left),
            _ => {
                let steps = counted(total_steps as usize, "step");
                let problem =
                    format!("{warmup} steps of warm-up leave nothing of the run, which has {steps}");
                Err(Error::option("--warmup", problem))
            }
        }
    }

    fn check_schedule(&self) -> Result<()> {
        let given = [
            ("--lr-minimum", self.lr_minimum.is_some(), ScheduleName::Cosine, "is for --schedule cosine"),
            ("--lr-every", self.lr_every.is_some(), ScheduleName::Step, "is for --schedule step"),
            ("--lr-factor", self.lr_factor.is_some(), ScheduleName::Step, "is for --schedule step"),
        ];
        match given.into_iter().find(|&(_, given, schedule, _)| given && schedule != self.schedule) {
            Some((option, _, _, problem)) => Err(Error::option(option, problem)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use plangrad_nn::Loss;
    use plangrad_tensor::Optimizer;

    fn train(options: &[&str]) -> std::result::Result<TrainArgs, clap::Error> {
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
    fn defaults_are_those_of_the_documentation() {
        let TrainArgs { subject: SubjectArgs { data, model, task }, training, run, .. } = train(&[]).unwrap();
        assert_eq!((data.dataset, model.hidden.0, model.dropout), (None, vec![128], 0.0));
        assert_eq!((training.batch_size, training.learning.seed, run.log_every), (None, 42, None));
        assert_eq!(task.loss, Loss::CrossEntropy);
        let adam = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
        assert_eq!(training.learning.optimizer().unwrap(), adam);
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
        assert_eq!(error.kind().exit_code(), 2);
    }

    #[test]
    fn one_cycle_and_any_other_schedule_has_the_steps_behind_the_warm_up() {
        let cycle = schedule(&["--schedule", "one-cycle", "--lr", "0.1"]).unwrap();
        assert_eq!(cycle, Schedule::one_cycle(0.1, 500));
        let cycle = schedule(&["--schedule", "one-cycle", "--lr", "0.1", "--warmup", "20"]).unwrap();
        assert_eq!(cycle, Schedule::one_cycle(0.1, 480));
        let cosine = Schedule::Cosine { learning_rate: 0.001, minimum: 0.0, steps: 499 };
        assert_eq!(schedule(&["--schedule", "cosine", "--warmup", "1"]).unwrap(), cosine);
        let error = schedule(&["--warmup", "500"]).unwrap_err().to_string();
        assert_eq!(error, "--warmup: 500 steps of warm-up leave nothing of the run, which has 500 steps");
    }

    #[test]
    fn momentum_is_for_sgd_alone() {
        let optimizer = |options: &[&str]| train(options).unwrap().training.learning.optimizer();
        let sgd = Optimizer::Sgd { momentum: 0.9, weight_decay: 0.0 };
        assert_eq!(optimizer(&["--optimizer", "sgd", "--momentum", "0.9"]).unwrap(), sgd);
        assert!(optimizer(&["--momentum", "0.9"]).is_err());
    }

    #[test]
    fn a_resumed_run_keeps_what_would_change_its_bits() {
        for option in [
            "--lr-minimum=0.1",
            "--hidden=64",
            "--seed=1",
            "--dataset=digits",
            "--no-shuffle",
            "--warmup=5",
            "--clip-norm=1",
            "--label-smoothing=0.1",
            "--class-weights=balanced",
        ] {
            let error = train(&["--resume", "runs/x", option]).unwrap_err();
            assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict, "{option}");
        }
        let allowed = [
            "--resume",
            "runs/x",
            "--epochs",
            "9",
            "--threads",
            "2",
            "--lr",
            "0.1",
            "--batch-size",
            "8",
            "--log-every",
            "1",
        ];
        assert_eq!(train(&allowed).unwrap().training.epochs, Some(9));
    }
}
