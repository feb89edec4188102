//! The arguments of `fit`.

use std::time::Duration;

use clap::Args;

use super::device::DeviceArgs;
use super::learning::{PartArgs, PrecisionArgs, StepArgs};
use super::levers::LeverArgs;
use super::subject::SubjectArgs;
use super::values;
use crate::error::Result;
use crate::fit::{FitOptions, Method};

/// Arguments of `fit`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad fit\n  \
    plangrad fit --dataset mnist --hidden 512,256 --memory-budget 64MiB\n  \
    plangrad fit --dataset digits --memory-budget 8MiB --method double\n  \
    plangrad fit --dataset cifar10 --synthetic --max-batch 100000")]
pub struct FitArgs {
    /// How the largest batch is found: solve takes it from the plan and proves it; double tries 16, 32, 64 and so on, as
    /// lessons do. Both end at the same size
    #[arg(long, value_enum, default_value_t, value_name = "WAY")]
    pub method: Method,
    /// Share of the largest batch that is recommended
    #[arg(long, default_value_t = 0.8, value_name = "SHARE", value_parser = values::portion, allow_negative_numbers = true)]
    pub safety: f64,
    /// Try no size beyond this one
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true)]
    pub max_batch: Option<usize>,
    /// Let batches be larger than the dataset, whose samples are then repeated; their order counts against the budget, with 4
    /// bytes a sample
    #[arg(long)]
    pub synthetic: bool,
    /// Seconds after which no further size is tried or measured; a size whose step would take longer than the time left is not
    /// tried. Reading the data and a first step, on up to 16 samples, are not limited
    #[arg(long, default_value_t = 60.0, value_name = "SECONDS", value_parser = values::positive, allow_negative_numbers = true)]
    pub time_limit: f64,
    /// Find and prove the largest batch with one lever after another, too: updates within products, samples read in place,
    /// recomputation
    #[arg(long = "levers")]
    pub tells_levers: bool,
    /// Only find the largest batch, and measure no speed
    #[arg(long)]
    pub no_speed: bool,
    /// The network and its data.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// Which samples are kept for validation and testing.
    #[command(flatten)]
    pub parts: PartArgs,
    /// The step.
    #[command(flatten)]
    pub step: StepArgs,
    /// What it does besides.
    #[command(flatten)]
    pub levers: LeverArgs,
    /// The number format.
    #[command(flatten)]
    pub precision: PrecisionArgs,
    /// The device.
    #[command(flatten)]
    pub device: DeviceArgs,
}

impl FitArgs {
    /// The options of a fit, within a named budget.
    ///
    /// # Errors
    /// [`crate::error::Error::Option`] for a momentum that the optimizer does not have.
    pub fn options(&self) -> Result<FitOptions> {
        Ok(FitOptions {
            eval_batch_size: self.step.eval_batch_size,
            memory: self.step.memory(self.precision),
            method: self.method,
            safety: self.safety,
            max_batch: self.max_batch,
            synthetic: self.synthetic,
            time_limit: Duration::try_from_secs_f64(self.time_limit).unwrap_or(Duration::MAX),
            measures_speed: !self.no_speed,
            ..FitOptions::new(self.step.optimizer(None)?)
        })
    }
}
