//! The command line as types: what can be asked for, with ranges checked while parsing.
//!
//! Groups of options that several commands share have their own files and are flattened into each command, so that an
//! option has one name, one default and one help text everywhere. Nothing here opens a file or a device, or prints.

pub(crate) mod config;
mod data;
mod device;
mod download;
mod export;
mod fit;
mod language;
mod learning;
mod levers;
mod manual;
mod memory;
mod model;
mod plan;
mod report;
mod search;
mod serve;
mod subject;
mod sweep;
mod table;
mod trained;
mod training;
pub(crate) mod usage;
mod values;
mod watch;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use plangrad_data::Split;

pub use data::{ChosenDataset, Cifar100Labels, DataArgs, TrainedDataArgs};
pub use device::{DeviceArgs, OomArgs};
pub use download::{DownloadArgs, DownloadName};
pub use export::ExportArgs;
pub use fit::FitArgs;
#[cfg(test)]
pub(crate) use language::texts_of_help;
pub(crate) use language::{command, matches, parse};
pub use learning::{LearningArgs, OptimizerName, PartArgs, PrecisionArgs, StepArgs};
pub use levers::{ClassWeights, DecayOf, LeverArgs};
pub use manual::{CompletionsArgs, HelpArgs, ManArgs};
pub use memory::{BudgetArgs, Size};
pub use model::{HiddenSizes, ModelArgs};
pub use plan::{DevicesArgs, PlanArgs, TimelineTarget};
pub use report::ReportArgs;
pub use search::{SearchArgs, SearchFolderArgs, SpaceArgs};
pub use serve::ServeArgs;
pub use subject::{SubjectArgs, TaskArgs};
pub use sweep::SweepArgs;
pub use table::{TableArgs, TableFileArgs};
pub use trained::TrainedModelArgs;
pub use training::{BatchSize, ProgressView, RunArgs, ScheduleName, SelectionArgs, TrainArgs, TrainingArgs};
pub use values::Row;
pub use watch::WatchArgs;

use crate::device::Precision;
use crate::drawing::PictureFile;
use crate::language::Language;
use crate::output::Format;

/// The whole command line.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "plangrad",
    version,
    long_version = long_version(),
    about = "Trains image classifiers; plans every byte before it runs",
    after_help = "Examples:\n  \
        plangrad train                      train on MNIST if it is there, else on built-in digits\n  \
        plangrad show --dataset digits --count 5\n  \
        plangrad plan --batch-sizes 64,1024 what a batch size costs, to the byte\n  \
        plangrad fit --memory-budget 8MiB   the largest batch that fits, proven\n  \
        plangrad sweep --plot sweep.svg     what it costs in time and does to learning, measured\n  \
        plangrad summary --dataset cifar10 --hidden 128\n\n\
        `plangrad help COMMAND` or `plangrad COMMAND --help` shows a command's options with examples.",
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// Text for people, or one JSON object per line on standard output and nothing else there
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Output")]
    pub format: Format,
    /// Only results, warnings and errors: no remarks, no progress bar
    #[arg(long, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// Language of texts for people; JSON and errors are English [default: that of LC_ALL, LC_MESSAGES or LANG]
    #[arg(long, global = true, value_enum, value_name = "LANGUAGE", help_heading = "Output")]
    pub lang: Option<Language>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Train a network; writes a run folder with the model
    Train(Box<TrainArgs>),
    /// Evaluate a trained model: test loss, accuracy, confusion matrix
    Eval(EvalArgs),
    /// Predict classes or values with a trained model: of an image, of a row, of every row of a table
    Predict(PredictArgs),
    /// Show samples of a dataset: picture, shape, label, range of values
    Show(ShowArgs),
    /// Print a table of a network's layers: output shape, parameters, sizes
    Summary(SummaryArgs),
    /// Plan the memory of batch sizes: every byte of a step, without running it
    Plan(Box<PlanArgs>),
    /// Find the largest batch that fits, prove it, and measure from which size on training is fast
    Fit(Box<FitArgs>),
    /// Compare batch sizes on devices: time, memory and accuracy, measured, as a table and as plots
    Sweep(Box<SweepArgs>),
    /// Try learning rates, widths, batch sizes and optimizers, each a run, within a time and memory budget
    Search(Box<SearchArgs>),
    /// Write a page on one or more runs: curves, confusion matrix, pictures, memory
    Report(ReportArgs),
    /// Write a trained model for other programs (ONNX, safetensors, numpy), or the figures of its run as CSV
    Export(ExportArgs),
    /// Serve a trained model over HTTP on this machine: predictions for programs, a page to draw on for people
    Serve(ServeArgs),
    /// Watch a run while it goes on: in the terminal, or as a page that follows it
    Watch(WatchArgs),
    /// Describe this machine: cores, vector instructions, memory
    Devices(DevicesArgs),
    /// Fetch datasets and verify them
    Download(DownloadArgs),
    /// Print the completion script of a shell
    Completions(CompletionsArgs),
    /// Print the manual page of plangrad or of a command
    Man(ManArgs),
    /// Explain a command and its options: the same as COMMAND --help
    Help(HelpArgs),
}

/// The version, the commit if whoever built the program has said it, and its features.
fn long_version() -> String {
    let commit = option_env!("PLANGRAD_COMMIT").map(|commit| format!("commit {commit}, "));
    let features = if cfg!(feature = "cuda") { "with cuda" } else { "without cuda" };
    let features = format!("{features}{}", if cfg!(feature = "tui") { " and tui" } else { "" });
    format!("{} ({}{features})", env!("CARGO_PKG_VERSION"), commit.unwrap_or_default())
}

/// Arguments of `eval`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad eval runs/mnist\n  \
    plangrad eval runs/mnist --plot confusion.svg\n  \
    plangrad eval model.safetensors --dataset fashion-mnist --split train")]
pub struct EvalArgs {
    /// The model.
    #[command(flatten)]
    pub trained: TrainedModelArgs,
    /// The data to evaluate on; by default those that the model was trained on.
    #[command(flatten)]
    pub data: TrainedDataArgs,
    /// Part of the dataset [default: test; of a table that is named, all rows]
    #[arg(long, value_parser = values::split(Split::ALL), help_heading = "Data")]
    pub split: Option<Split>,
    /// Draw the confusion matrix with the figures of each class, or numbers beside their predictions: FILE.svg or FILE.png; may be
    /// given several times
    #[arg(long, value_name = "FILE", value_parser = values::drawing(), allow_hyphen_values = true)]
    pub plot: Vec<PictureFile>,
    /// Samples per batch; the result does not depend on it [default: as many of 1000 as fit]
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true)]
    pub batch_size: Option<usize>,
    /// Number format: f32, bf16 (on the cpu) or tf32 (on GPUs) [default: bf16 if the run in whose folder the model lies had it, else f32]
    #[arg(long, value_enum, value_name = "NAME")]
    pub precision: Option<Precision>,
    /// Where to compute.
    #[command(flatten)]
    pub device: DeviceArgs,
}

/// Arguments of `predict`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  \
        plangrad predict runs/mnist --index 7\n  \
        plangrad predict runs/mnist --random --count 12 --out twelve.png\n  \
        plangrad predict runs/mnist --worst 24 --out mistakes.svg\n  \
        plangrad predict runs/mnist --image seven.png --invert --centre\n  \
        plangrad predict runs/pets --image cat.jpg dog.webp more/\n  \
        plangrad predict runs/sums --values 10,11\n  \
        plangrad predict runs/iris --dataset csv:new.csv --out predictions.csv",
    group(clap::ArgGroup::new("subject").required(true).multiple(true)
        .args(["index", "random", "image", "values", "dataset", "worst"]))
)]
pub struct PredictArgs {
    /// The model.
    #[command(flatten)]
    pub trained: TrainedModelArgs,
    /// Sample of the dataset, counted from 0
    #[arg(long, value_name = "N", value_parser = values::index, allow_negative_numbers = true,
        conflicts_with_all = ["random", "image", "values"])]
    pub index: Option<usize>,
    /// Any sample of the dataset
    #[arg(long, conflicts_with_all = ["image", "values"])]
    pub random: bool,
    /// How many: from --index on, or all at random
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true, conflicts_with_all = ["image", "values"])]
    pub count: Option<usize>,
    /// PNG, JPEG, WebP, BMP or GIF images of any size, brought to what the model reads; folders of them; - for standard input
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["values", "dataset"])]
    pub image: Vec<PathBuf>,
    /// A row of a table: the values of its columns in their order, without the label; may be given several times
    #[arg(long, value_name = "X,…", value_parser = values::row, allow_hyphen_values = true,
        conflicts_with = "dataset")]
    pub values: Vec<values::Row>,
    /// The N samples that the model is most confident and wrong about; of a regression, those with the largest errors
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true,
        conflicts_with_all = ["index", "random", "count", "image", "values"])]
    pub worst: Option<usize>,
    /// Draw the pictures with label, prediction and probability (FILE.png, FILE.svg), or write a line for each row of --dataset or
    /// --values (FILE.csv, or any other name)
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Swap dark and light of --image: MNIST and similar datasets are light on dark
    #[arg(long, conflicts_with_all = ["index", "random", "values"])]
    pub invert: bool,
    /// Place the digit of --image as MNIST's are: in a box of 20x20 pixels, its centre of mass in the middle
    #[arg(long, conflicts_with_all = ["index", "random", "values"])]
    pub centre: bool,
    /// Classes to list at most
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = values::count, allow_negative_numbers = true)]
    pub top: usize,
    /// Makes --random repeatable
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = values::seed)]
    pub seed: Option<u64>,
    /// Where to compute.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Where samples come from; by default the data that the model was trained on.
    #[command(flatten)]
    pub data: TrainedDataArgs,
    /// Part of the dataset [default: test; of a table that is named, all rows]
    #[arg(long, value_parser = values::split(Split::ALL), help_heading = "Data")]
    pub split: Option<Split>,
}

/// Arguments of `show`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad show --dataset mnist --index 7\n  \
    plangrad show --dataset cifar10 --random --count 12 --out twelve.png --scale 4\n  \
    plangrad show --dataset csv:iris.csv --count 5")]
pub struct ShowArgs {
    /// Sample to show, counted from 0
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = values::index, allow_negative_numbers = true)]
    pub index: usize,
    /// Any sample
    #[arg(long, conflicts_with = "index")]
    pub random: bool,
    /// How many: from --index on, or all at random
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::count, allow_negative_numbers = true)]
    pub count: usize,
    /// Part of the dataset
    #[arg(long, value_parser = values::split(Split::ALL), default_value_t = Split::Train, help_heading = "Data")]
    pub split: Split,
    /// Also write the image, or the grid of images, here
    #[arg(long, value_name = "FILE.png", value_parser = values::png_file())]
    pub out: Option<PathBuf>,
    /// Enlarge the image written by --out
    #[arg(long, value_name = "N", requires = "out", value_parser = values::scale, allow_negative_numbers = true)]
    pub scale: Option<usize>,
    /// Makes --random repeatable; also splits the rows of a table into its parts [default for that: 42]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = values::seed)]
    pub seed: Option<u64>,
    /// Which dataset.
    #[command(flatten)]
    pub data: DataArgs,
    /// The task.
    #[command(flatten)]
    pub task: TaskArgs,
}

/// Arguments of `summary`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad summary\n  \
    plangrad summary --dataset cifar10 --hidden 512,256 --activation gelu --dropout 0.2\n  \
    plangrad summary --network net.toml")]
pub struct SummaryArgs {
    /// The network and its data.
    #[command(flatten)]
    pub subject: SubjectArgs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_in_its_help() {
        for command in Cli::command().get_subcommands_mut() {
            let help = command.render_help().to_string();
            assert!(help.contains("Examples:\n  plangrad "), "{help}");
        }
    }
}
