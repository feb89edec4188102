//! Options for where to compute, with how much memory, and what to do if it is not enough.

use clap::{Args, ValueEnum};
use plangrad_tensor::backend::cpu::InstructionSet;

use super::memory::BudgetArgs;
use super::values;
use crate::device::DeviceChoice;
use crate::train::OnOom;

/// Where to compute.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Device")]
pub struct DeviceArgs {
    /// Where to compute: auto (a GPU if there is one that can be used, else the cpu), cpu, gpu (any GPU), cuda (NVIDIA's), metal
    /// (Apple's; PyTorch's mps), vulkan or dx12, of several gpu:N and so on, or accelerator (the cpu with memory of its own, a
    /// stand-in for a GPU) [default: the variable PLANGRAD_DEVICE, else auto]
    #[arg(long, value_name = "DEVICE", value_parser = device_choice)]
    pub device: Option<DeviceChoice>,
    /// Threads; the result does not depend on them [default: as many as help, at most one per core]
    #[arg(long, value_name = "N", value_parser = values::threads, allow_negative_numbers = true)]
    pub threads: Option<usize>,
    /// Vectors of the cpu: avx-512, amx (tiles; faster from batches of some hundred samples on), avx2 or portable. Each has bits of
    /// its own, and a resumed run keeps to its own [default: avx-512, else avx2, else portable]
    #[arg(long, value_name = "NAME", value_parser = values::instruction_set)]
    pub instruction_set: Option<InstructionSet>,
    /// The memory budget.
    #[command(flatten)]
    pub budget: BudgetArgs,
}

/// What to do if memory runs out.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Memory")]
pub struct OomArgs {
    /// If memory runs out: ladder keeps the dataset on the host, then computes activations again or splits batches into parts,
    /// then moves to the cpu; cpu moves there at once [default: ladder with --device auto, else error]
    #[arg(long, value_enum, value_name = "WAY", help_heading = "Memory")]
    pub on_oom: Option<OnOom>,
    /// Split each batch into N parts and add up their gradients: the same steps in less memory [default: 1]
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Memory", allow_negative_numbers = true)]
    pub accumulate: Option<usize>,
}

impl DeviceArgs {
    /// What to do if the device's memory runs out.
    #[must_use]
    pub fn on_oom(&self, oom: OomArgs) -> OnOom {
        let by_default = match self.device {
            None | Some(DeviceChoice::Auto) => OnOom::Ladder,
            Some(_) => OnOom::Error,
        };
        oom.on_oom.unwrap_or(by_default)
    }

    /// These options as they were given, for a command that continues with the same resources.
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
