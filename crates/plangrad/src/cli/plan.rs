//! The arguments of `plan`.

use std::ffi::OsString;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use super::device::device_choice;
use super::learning::{PartArgs, PrecisionArgs, StepArgs};
use super::levers::LeverArgs;
use super::memory::BudgetArgs;
use super::subject::SubjectArgs;
use super::values;
use crate::device::DeviceChoice;
use crate::drawing::PictureFile;

/// Arguments of `plan`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad plan --optimizer sgd\n  \
    plangrad plan --dataset cifar10 --hidden 512,256 --batch-sizes 32,128,512 --memory-budget 32MiB\n  \
    plangrad plan --input 3,64,64 --classes 200 --batch-sizes 64 --explain\n  \
    plangrad plan --batch-sizes 64 --timeline step.svg --timeline -")]
pub struct PlanArgs {
    /// Samples per step: one row for each
    #[arg(long, alias = "batch-size", value_name = "N[,N…]", value_delimiter = ',', default_values_t = [64, 256, 1024, 4096],
        value_parser = values::count, allow_negative_numbers = true)]
    pub batch_sizes: Vec<usize>,
    /// Batches taken in N parts, as by `train --accumulate N`
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::count, allow_negative_numbers = true)]
    pub accumulate: usize,
    /// The formula behind each figure
    #[arg(long)]
    pub explain: bool,
    /// The figures of torchsummary, torchinfo, Keras and accelerate
    #[arg(long)]
    pub compare: bool,
    /// How a step is shared by so many threads of the CPU: who has how much of each kernel, where they meet, and how many bytes
    /// change hands
    #[arg(long, value_name = "THREADS", value_parser = values::count, allow_negative_numbers = true)]
    pub owners: Option<usize>,
    /// What one lever after another saves: updates within products, samples read in place, recomputation, parts; for the first
    /// batch size, and with a budget the largest batch
    #[arg(long = "levers")]
    pub tells_levers: bool,
    /// Draw how few bytes a step can take with how much arithmetic, for the first batch size: FILE.svg or FILE.png
    #[arg(long, value_name = "FILE", value_parser = values::drawing())]
    pub trades: Option<PictureFile>,
    /// Draw which buffers are alive when and where, for the first batch size: FILE.svg, FILE.png, or - for the terminal; may
    /// be given several times
    #[arg(long, value_name = "FILE", value_parser = OsStringValueParser::new().try_map(target), allow_hyphen_values = true)]
    pub timeline: Vec<TimelineTarget>,
    /// The network and its data [default: mnist].
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// Which samples are kept for validation and testing.
    #[command(flatten)]
    pub parts: PartArgs,
    /// Samples of this shape instead of a dataset's: channels, height, width, or any other
    #[arg(long, value_name = "C,H,W", value_delimiter = ',', value_parser = values::count, requires = "classes",
        conflicts_with_all = ["dataset", "label", "test_fraction", "validation_fraction"], help_heading = "Data", allow_negative_numbers = true)]
    pub input: Option<Vec<usize>>,
    /// Number of classes, with --input
    #[arg(long, value_name = "N", value_parser = values::count, requires = "input", help_heading = "Data",
        allow_negative_numbers = true)]
    pub classes: Option<usize>,
    /// The step.
    #[command(flatten)]
    pub step: StepArgs,
    /// What it does besides.
    #[command(flatten)]
    pub levers: LeverArgs,
    /// The number format.
    #[command(flatten)]
    pub precision: PrecisionArgs,
    /// Device to plan for: auto, cpu, cuda or cuda:N (which need not exist), or accelerator; all but the cpu have memory of
    /// their own for the dataset [default: the variable PLANGRAD_DEVICE, else auto]
    #[arg(long, value_name = "DEVICE", value_parser = device_choice, help_heading = "Training")]
    pub device: Option<DeviceChoice>,
    /// The budget, which decides which batch sizes fit.
    #[command(flatten)]
    pub budget: BudgetArgs,
}

/// Where a timeline goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineTarget {
    /// Standard output.
    Terminal,
    /// A file.
    File(PictureFile),
}

fn target(name: OsString) -> Result<TimelineTarget, String> {
    if name == "-" {
        return Ok(TimelineTarget::Terminal);
    }
    values::picture_file(name)
        .map(TimelineTarget::File)
        .map_err(|error| error.replacen("expected", "expected - or", 1))
}

/// Arguments of `devices`: none.
#[derive(Args, Clone, Copy, Debug)]
#[command(after_help = "Examples:\n  plangrad devices\n  plangrad devices --format json")]
pub struct DevicesArgs {}
