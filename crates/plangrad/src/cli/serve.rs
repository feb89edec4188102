//! The arguments of `serve`.

use clap::Args;

use super::device::DeviceArgs;
use super::memory::Size;
use super::trained::TrainedModelArgs;
use super::values;

/// Arguments of `serve`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  \
    plangrad serve runs/mnist\n  \
    curl --data-binary @seven.png -H 'Content-Type: image/png' http://127.0.0.1:8000/predict\n  \
    curl -d '{\"rows\": [[10, 11]]}' -H 'Content-Type: application/json' http://127.0.0.1:8000/predict")]
pub struct ServeArgs {
    /// The model.
    #[command(flatten)]
    pub trained: TrainedModelArgs,
    /// Port of 127.0.0.1, this machine's own address; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 8000, allow_negative_numbers = true)]
    pub port: u16,
    /// Rows of a request that are predicted at a time; the result does not depend on it
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = values::count, allow_negative_numbers = true)]
    pub batch_size: usize,
    /// The largest body of a request, such as 8MiB; bodies and responses share eight times as much
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "8MiB",
        allow_negative_numbers = true,
        help_heading = "Limits"
    )]
    pub body_limit: Size,
    /// Connections at a time; whoever comes then is told to try again (503)
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = values::threads, allow_negative_numbers = true,
        help_heading = "Limits")]
    pub connections: usize,
    /// How long a request may take to come, and its response to be taken
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = values::wait, allow_negative_numbers = true,
        help_heading = "Limits")]
    pub timeout: f64,
    /// Where to compute.
    #[command(flatten)]
    pub device: DeviceArgs,
}
