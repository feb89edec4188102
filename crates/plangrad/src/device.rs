//! The devices of this machine, opened with a budget.
//!
//! What a device may take is decided before anything is reserved: what was asked for, else what the system, or a GPU's
//! driver, says is free. Nothing is found out by allocating until something is killed.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Once};

use plangrad_tensor::backend::Backend;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::backend::cuda::{self, CudaOptions, CudaUnavailable};
use plangrad_tensor::{Device, DriverMemory, SystemMemory};
use serde::Serialize;

use crate::cli::Precision;
use crate::output::size;
use crate::{Console, Error, Result};

/// Where to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first GPU if it can be used, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The processor with memory of its own, into which datasets are copied: a stand-in for a GPU on any machine.
    Accelerator,
    /// An NVIDIA GPU, by its number.
    Cuda(usize),
}

impl DeviceChoice {
    /// The variable of the environment that chooses where nothing else does.
    pub const VARIABLE: &str = "PLANGRAD_DEVICE";

    /// The device that is meant on this machine. A GPU that is named need not be there.
    #[must_use]
    pub fn device(self) -> Device {
        match self {
            DeviceChoice::Auto if cuda::find(0).is_ok() => Device::Cuda(0),
            DeviceChoice::Auto | DeviceChoice::Cpu => Device::Cpu,
            DeviceChoice::Accelerator => Device::Accelerator,
            DeviceChoice::Cuda(index) => Device::Cuda(index),
        }
    }

    /// What an option says, else the environment, else the best there is.
    ///
    /// # Errors
    /// If the environment says what is no device.
    pub fn resolve(option: Option<DeviceChoice>) -> Result<DeviceChoice> {
        let variable = std::env::var(Self::VARIABLE).ok().filter(|text| !text.is_empty());
        let of_environment = || variable.map_or(Ok(DeviceChoice::Auto), |text| text.parse());
        option
            .map_or_else(of_environment, Ok)
            .map_err(|problem| Error::Option { option: Self::VARIABLE, problem })
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DeviceChoice::Auto => "auto",
            DeviceChoice::Cpu => "cpu",
            DeviceChoice::Accelerator => "accelerator",
            DeviceChoice::Cuda(index) => return write!(f, "cuda:{index}"),
        })
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<DeviceChoice, String> {
        match text {
            "auto" => Ok(DeviceChoice::Auto),
            "cpu" => Ok(DeviceChoice::Cpu),
            "accelerator" => Ok(DeviceChoice::Accelerator),
            "cuda" => Ok(DeviceChoice::Cuda(0)),
            other => {
                let index = other.strip_prefix("cuda:").and_then(|index| index.parse().ok());
                let expected = "expected auto, cpu, cuda, cuda:N or accelerator";
                index.map(DeviceChoice::Cuda).ok_or_else(|| format!("{expected}, found `{other}`"))
            }
        }
    }
}

/// With what to compute on a device.
#[derive(Clone, Copy, Debug, Default)]
pub struct Means {
    /// Threads, where it is the processor; by default one per core.
    pub threads: Option<usize>,
    /// Bytes it may reserve; by default [`default_budget`], on a GPU what its driver has free.
    pub budget: Option<u64>,
    /// Numbers, on a GPU.
    pub precision: Precision,
    /// Whether f32 will do where the device has no other.
    pub or_f32: bool,
}

/// The device. That `auto` finds no GPU is told on standard error.
///
/// # Errors
/// If the GPU that is named cannot be used, or the system gives no threads.
pub fn open(choice: DeviceChoice, means: Means) -> Result<Arc<dyn Backend>> {
    open_with(choice, means, means.budget.or_else(default_budget))
}

/// The same with no more than there really is, less the bytes that the host will take beside it, however much was named: for
/// who will use all of it. Returns whether it is what was named.
///
/// # Errors
/// As [`open`].
pub fn open_within_means(
    choice: DeviceChoice,
    means: Means,
    beside: u64,
) -> Result<(Arc<dyn Backend>, bool)> {
    let named = means.budget;
    let there = default_budget().map(|bytes| bytes.saturating_sub(beside));
    let device = open_with(choice, means, named.into_iter().chain(there).min())?;
    let is_named = named.is_some() && device.memory().budget == named;
    Ok((device, is_named))
}

/// With a budget of its own for the case that it is no GPU.
fn open_with(choice: DeviceChoice, means: Means, of_host: Option<u64>) -> Result<Arc<dyn Backend>> {
    let Means { threads, budget, precision, or_f32 } = means;
    let numbers = match precision {
        Precision::F32 => cuda::Precision::F32,
        Precision::Tf32 => cuda::Precision::Tf32,
    };
    let gpu = |index| cuda::open(CudaOptions { index, budget, precision: numbers });
    let accelerator = choice == DeviceChoice::Accelerator;
    match choice {
        DeviceChoice::Cuda(index) => {
            return gpu(index).map_err(|reason| Error::Cuda { device: Device::Cuda(index), reason });
        }
        DeviceChoice::Auto => match gpu(0) {
            Ok(gpu) => return Ok(gpu),
            Err(reason) if precision == Precision::Tf32 && !or_f32 => {
                let problem = format!("tf32 is for GPUs: {reason}; or take f32");
                return Err(Error::Option { option: "--precision", problem });
            }
            Err(reason) => tell_once(&reason),
        },
        DeviceChoice::Cpu | DeviceChoice::Accelerator => {}
    }
    if precision == Precision::Tf32 && or_f32 {
        Console::remark(&"going on in f32: TF32 is for GPUs");
    } else if precision == Precision::Tf32 {
        let problem = "tf32 is for GPUs; take f32, or name a GPU with --device cuda".to_owned();
        return Err(Error::Option { option: "--precision", problem });
    }
    Ok(Cpu::open(CpuOptions { threads, budget: of_host, accelerator, ..CpuOptions::default() })?)
}

/// Says why there is no GPU, however often one is looked for.
fn tell_once(reason: &CudaUnavailable) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| Console::remark(&format_args!("computing on the cpu: {reason}")));
}

/// A GPU's memory: all of it, and this process's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GpuMemory {
    /// Bytes it has.
    pub total: u64,
    /// Bytes taken, by whomever.
    pub used: u64,
    /// Bytes that can be had.
    pub free: u64,
    /// Bytes that were taken before this process came; `None` where the driver does not say.
    pub others: Option<u64>,
    /// Bytes that opening the GPU took: its context and the kernels; `None` where the driver does not say.
    pub context: Option<u64>,
    /// Bytes reserved for datasets and sessions.
    pub allocated: u64,
    /// The same and the context: what would be free without this process.
    pub reserved: u64,
}

impl GpuMemory {
    /// As a driver has it, with so many bytes reserved by this process.
    #[must_use]
    pub fn new(driver: DriverMemory, allocated: u64) -> GpuMemory {
        let DriverMemory { total, free, others, context } = driver;
        let reserved = allocated + context.unwrap_or(0);
        GpuMemory { total, used: total.saturating_sub(free), free, others, context, allocated, reserved }
    }

    /// That of a device; `None` if it is no GPU.
    #[must_use]
    pub fn of(device: &Arc<dyn Backend>) -> Option<GpuMemory> {
        Some(GpuMemory::new(device.driver_memory()?, device.memory().reserved))
    }
}

impl fmt::Display for GpuMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |name: &str, bytes: Option<u64>| {
            bytes.map_or(String::new(), |bytes| format!(", {name} {}", size(bytes)))
        };
        write!(
            f,
            "{} of {} free; ours {}{}{}",
            size(self.free),
            size(self.total),
            size(self.reserved),
            part("of which context", self.context),
            part("others", self.others)
        )
    }
}

/// The processor.
///
/// # Errors
/// As [`open`].
pub fn open_cpu(threads: Option<usize>, budget: Option<u64>) -> Result<Arc<dyn Backend>> {
    open(DeviceChoice::Cpu, Means { threads, budget, ..Means::default() })
}

/// What a run may take that names no budget: what the system has free, less a [margin](default_budget_of) for the system
/// itself; `None` where it does not say.
#[must_use]
pub fn default_budget() -> Option<u64> {
    Some(SystemMemory::now()).filter(|memory| memory.total > 0).map(default_budget_of)
}

/// The same where memory stands so. A sixteenth of all there is, or of the limit on this process, stays free: memory that is
/// really used to the last byte, as `fit` uses it, would have the system kill something.
#[must_use]
pub fn default_budget_of(memory: SystemMemory) -> u64 {
    memory.free.saturating_sub(memory.limit.unwrap_or(memory.total) / 16)
}
