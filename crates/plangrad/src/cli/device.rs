//! Options that say where to compute, with how much memory, and what to do where that does not suffice.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use plangrad_tensor::Device;
use plangrad_tensor::backend::Backend;

use super::{BudgetArgs, Precision, values};
use crate::device::{self, DeviceChoice, Means};
use crate::output::size;
use crate::train::{OnOom, Resources};
use crate::{Console, Error, Result};

/// Where to compute.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Device")]
pub struct DeviceArgs {
    /// Where to compute: auto (a GPU if there is one that can be used, else the cpu), cpu, cuda or cuda:N (an NVIDIA GPU), or
    /// accelerator (the processor with memory of its own, a stand-in for a GPU) [default: what PLANGRAD_DEVICE says, else auto]
    #[arg(long, value_name = "DEVICE", value_parser = device_choice)]
    pub device: Option<DeviceChoice>,
    /// Threads; the result does not depend on them [default: as many as pay, at most one per core]
    #[arg(long, value_name = "N", value_parser = values::threads, allow_negative_numbers = true)]
    pub threads: Option<usize>,
    /// With how much memory.
    #[command(flatten)]
    pub budget: BudgetArgs,
}

/// What to do where memory does not suffice.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Memory")]
pub struct OomArgs {
    /// Where memory does not suffice: ladder keeps the dataset on the host, then takes batches in parts, then moves to the
    /// cpu; cpu moves there at once [default: ladder with --device auto, else error]
    #[arg(long, value_enum, value_name = "WAY", help_heading = "Memory")]
    pub on_oom: Option<OnOomName>,
    /// Take each batch in N parts and add up their gradients: the same steps in less memory [default: 1]
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Memory", allow_negative_numbers = true)]
    pub accumulate: Option<usize>,
}

/// [`OnOom`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnOomName {
    /// Down the ladder.
    #[value(help = None)]
    Ladder,
    /// An error.
    #[value(help = None)]
    Error,
    /// To the processor.
    #[value(help = None)]
    Cpu,
}

impl DeviceArgs {
    /// Opens the device.
    ///
    /// # Errors
    /// If the GPU that is named cannot be used, or the system gives no threads.
    pub fn open(&self, precision: Precision) -> Result<Arc<dyn Backend>> {
        self.open_with(self.means(precision))
    }

    fn open_with(&self, means: Means) -> Result<Arc<dyn Backend>> {
        self.budget.note().iter().for_each(|note| Console::remark(note));
        device::open(DeviceChoice::resolve(self.device)?, means)
    }

    /// Does `work` on the device; where nobody named one and the memory of the GPU that was found does not suffice, on the
    /// processor.
    ///
    /// # Errors
    /// As [`DeviceArgs::open`], and what `work` says.
    pub fn compute<T>(&self, work: impl Fn(&Arc<dyn Backend>) -> Result<T>) -> Result<T> {
        let backend = self.open(Precision::F32)?;
        let device = backend.device();
        match work(&backend) {
            Err(Error::OutOfMemory { requested, free, .. })
                if matches!(device, Device::Cuda(_))
                    && DeviceChoice::resolve(self.device)? == DeviceChoice::Auto =>
            {
                Console::remark(&format_args!(
                    "computing on the cpu: {device} has {} free, and {} are needed",
                    size(free),
                    size(requested)
                ));
                work(&device::open(DeviceChoice::Cpu, self.means(Precision::F32))?)
            }
            done => done,
        }
    }

    fn means(&self, precision: Precision) -> Means {
        Means { threads: self.threads, budget: self.budget.bytes(), precision, or_f32: false }
    }

    /// Opens the device with no more than there really is, less the bytes that the host will take beside it, however much
    /// was named: for who will use all of it. Returns whether it is what was named.
    ///
    /// # Errors
    /// As [`DeviceArgs::open`].
    pub fn open_within_means(&self, precision: Precision, beside: u64) -> Result<(Arc<dyn Backend>, bool)> {
        device::open_within_means(DeviceChoice::resolve(self.device)?, self.means(precision), beside)
    }

    /// The device, and what to do where its memory does not suffice. With `or_f32` it need not have the precision.
    ///
    /// # Errors
    /// As [`DeviceArgs::open`].
    pub fn resources(&self, oom: OomArgs, precision: Precision, or_f32: bool) -> Result<Resources> {
        Ok(Resources {
            backend: self.open_with(Means { or_f32, ..self.means(precision) })?,
            on_oom: self.on_oom(oom),
            accumulate: oom.accumulate.unwrap_or(1),
            threads: self.threads,
        })
    }

    /// What to do where its memory does not suffice.
    #[must_use]
    pub fn on_oom(&self, oom: OomArgs) -> OnOom {
        match (oom.on_oom, self.device) {
            (Some(OnOomName::Ladder), _) | (None, None | Some(DeviceChoice::Auto)) => OnOom::Ladder,
            (Some(OnOomName::Cpu), _) => OnOom::Cpu,
            (Some(OnOomName::Error), _) | (None, _) => OnOom::Error,
        }
    }

    /// These options as they were given, for a command that goes on with the same means.
    #[must_use]
    pub fn given(&self, oom: OomArgs) -> Vec<String> {
        let threads = self.threads.map(|n| n.to_string());
        let on_oom = oom.on_oom.and_then(|way| Some(way.to_possible_value()?.get_name().to_owned()));
        let options = [
            ("--device", self.device.map(|device| device.to_string())),
            ("--threads", threads),
            ("--memory-budget", self.budget.memory_budget.as_ref().map(ToString::to_string)),
            ("--on-oom", on_oom),
            ("--accumulate", oom.accumulate.map(|n| n.to_string())),
        ];
        let given = options.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?]));
        given.flatten().collect()
    }
}

pub(super) fn device_choice(text: &str) -> std::result::Result<DeviceChoice, String> {
    text.parse()
}
