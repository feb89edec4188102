//! The arguments of `search`.

use std::path::PathBuf;

use clap::{Args, Command, Id};

use super::device::{DeviceArgs, OomArgs};
use super::learning::OptimizerName;
use super::model::{HiddenSizes, hidden_sizes};
use super::subject::SubjectArgs;
use super::training::TrainingArgs;
use super::values;
use crate::drawing::PictureFile;
use crate::search::{Method, Rates};

/// Arguments of `search`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad search --dataset digits --epochs 9\n  \
    plangrad search --try-lr 1e-4..1e-2 --try-hidden 64 --try-hidden 256,128 --trials 30 --time-budget 600\n  \
    plangrad search --try-optimizer sgd,adam --try-lr 0.1,0.01,0.001 --method random --memory-budget 2MiB\n  \
    plangrad search --resume runs/search")]
pub struct SearchArgs {
    /// What is tried.
    #[command(flatten)]
    pub space: SpaceArgs,
    /// The network and its data.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// The training of every trial, but for what is tried.
    #[command(flatten)]
    pub training: TrainingArgs,
    /// Where.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// What to do where memory does not suffice.
    #[command(flatten)]
    pub oom: OomArgs,
    /// The folder.
    #[command(flatten)]
    pub folder: SearchFolderArgs,
}

/// What is tried.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Search")]
pub struct SpaceArgs {
    /// Learning rates to draw from: a list, or LOW..HIGH, of which each power of ten is as likely as another [default, if nothing is
    /// to be tried: 1e-4..1e-1]
    #[arg(long, value_name = "RATES", allow_hyphen_values = true)]
    pub try_lr: Option<Rates>,
    /// Units of the hidden layers to draw from; may be given several times
    #[arg(long, value_name = "N[,N…]", value_parser = hidden_sizes, conflicts_with = "network")]
    pub try_hidden: Vec<HiddenSizes>,
    /// Batch sizes to draw from
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = values::count)]
    pub try_batch_size: Vec<usize>,
    /// Optimizers to draw from
    #[arg(long, value_enum, value_name = "NAME,…", value_delimiter = ',')]
    pub try_optimizer: Vec<OptimizerName>,
    /// How many to draw; of a small space there may be fewer
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = values::count, allow_negative_numbers = true)]
    pub trials: usize,
    /// random: every trial is trained for --epochs; halving: each gets a few, and of --factor one goes on with as many times more
    #[arg(long, value_name = "HOW", default_value = "halving")]
    pub method: Method,
    /// Of so many trials one goes on, with --method halving
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = values::count, allow_negative_numbers = true)]
    pub factor: usize,
    /// Seconds of training and evaluation, of all trials together, after which no epoch is begun
    #[arg(long, value_name = "SECONDS", value_parser = values::positive, allow_negative_numbers = true)]
    pub time_budget: Option<f64>,
}

/// The folder of a search.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Run")]
pub struct SearchFolderArgs {
    /// Folder of the search, with a run folder for each trial [default: runs/search-DATASET-TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the search in this folder: the same trials, to the same bits
    #[arg(long, value_name = "DIR", conflicts_with_all = fixed_by_a_search())]
    pub resume: Option<PathBuf>,
    /// Draw what trials came to against their learning rate: FILE.svg or FILE.png; may be given several times
    #[arg(long, value_name = "FILE", value_parser = values::drawing(), allow_hyphen_values = true)]
    pub plot: Vec<PictureFile>,
}

/// What cannot be given for a search that is resumed, since its folder has it.
fn fixed_by_a_search() -> Vec<Id> {
    let described = TrainingArgs::augment_args(SubjectArgs::augment_args(Command::new("described")));
    let described = SpaceArgs::augment_args(described);
    described.get_arguments().map(|option| option.get_id().clone()).chain([Id::from("out")]).collect()
}
