//! The arguments of `sweep`.

use clap::Args;

use super::device::device_choice;
use super::learning::{LearningArgs, PrecisionArgs};
use super::levers::LeverArgs;
use super::memory::BudgetArgs;
use super::subject::SubjectArgs;
use super::values;
use crate::device::DeviceChoice;
use crate::drawing::PictureFile;

/// Arguments of `sweep`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad sweep\n  \
    plangrad sweep --batch-sizes 16,64,256 --epochs 3 --plot sweep.svg --plot sweep.png\n  \
    plangrad sweep --dataset cifar10 --optimizer sgd --momentum 0.9 --seconds 10\n  \
    plangrad sweep --devices cpu,accelerator --memory-budget 64MiB --format json")]
pub struct SweepArgs {
    /// Samples per step: one row for each; everything else is the same, the learning rate too
    #[arg(long, alias = "batch-size", value_name = "N[,N…]", value_delimiter = ',',
        default_values_t = [1, 4, 16, 64, 256, 1024], value_parser = values::count, allow_negative_numbers = true)]
    pub batch_sizes: Vec<usize>,
    /// Where to compute: cpu, cuda or cuda:N (an NVIDIA GPU), accelerator (the cpu with memory of its own, a stand-in for a
    /// GPU), or auto
    #[arg(long, alias = "device", value_name = "DEVICE[,DEVICE…]", value_delimiter = ',', default_value = "cpu",
        value_parser = device_choice)]
    pub devices: Vec<DeviceChoice>,
    /// Passes over the training part, the same for every batch size; one on MNIST takes about ten seconds for all the default
    /// sizes together, most of them for batch size 1
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = values::steps, allow_negative_numbers = true)]
    pub epochs: u64,
    /// Seconds of training, the same for every batch size, in a second run [default: the time of the fastest for its epochs]
    #[arg(long, value_name = "SECONDS", value_parser = values::positive, allow_negative_numbers = true)]
    pub seconds: Option<f64>,
    /// Draw time, memory and accuracy against batch size: FILE.svg or FILE.png; may be given several times
    #[arg(long, value_name = "FILE", value_parser = values::drawing(), allow_hyphen_values = true)]
    pub plot: Vec<PictureFile>,
    /// The network and its data.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// The training, the same for every batch size.
    #[command(flatten)]
    pub learning: LearningArgs,
    /// What a step does besides.
    #[command(flatten)]
    pub levers: LeverArgs,
    /// The number format.
    #[command(flatten)]
    pub precision: PrecisionArgs,
    /// Threads; accuracy after equal epochs does not depend on them [default: as many as help, at most one per core]
    #[arg(long, value_name = "N", value_parser = values::threads, help_heading = "Device", allow_negative_numbers = true)]
    pub threads: Option<usize>,
    /// The memory budget of each device.
    #[command(flatten)]
    pub budget: BudgetArgs,
}
