//! Devices opened with a budget.
//!
//! What a device may take is decided before anything is reserved: what was asked for, else what the system, or a GPU's
//! driver, says is free. Nothing is found out by allocating until something is killed.

use std::sync::Once;

use plangrad_tensor::backend::cpu::{Cpu, CpuOptions, InstructionSet};
use plangrad_tensor::backend::cuda::{self, CudaOptions, CudaUnavailable};
use plangrad_tensor::{Backend, Device, SystemMemory};

use super::choice::{DeviceChoice, Precision};
use super::memory::default_budget;
use crate::error::{Error, Result};
use crate::numbers::size;
use crate::output::Console;

/// Resources for opening a device.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct DeviceOptions {
    /// Threads of the CPU; one per core by default.
    pub threads: Option<usize>,
    /// Bytes it may reserve; [`default_budget`] by default, on a GPU what its driver reports as free.
    pub budget: Option<u64>,
    /// The number format.
    pub precision: Precision,
    /// What to do where the device does not have that format.
    pub unsupported: UnsupportedPrecision,
    /// The instruction set of the CPU; the best there is by default.
    pub instruction_set: Option<InstructionSet>,
    /// Whether to say that there is no GPU.
    pub missing_gpu: MissingGpu,
}

/// Whether to say on standard error that a machine has no GPU. One that it has and that cannot be used is always named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissingGpu {
    /// Do not.
    #[default]
    Silent,
    /// Say it.
    Say,
}

/// What to do where a device does not have the number format that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsupportedPrecision {
    /// Refuse to open the device.
    #[default]
    Refuse,
    /// Compute in f32, and say so.
    UseF32,
}

/// Where the budget of a device comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetOrigin {
    /// It was named.
    Named,
    /// It is what the machine has.
    Machine,
}

/// Opens the device. If `auto` cannot use a GPU, the reason goes to standard error.
///
/// # Errors
/// If the GPU that is named cannot be used, or the system gives no threads.
pub fn open(choice: DeviceChoice, options: DeviceOptions) -> Result<Backend> {
    let device = open_with(choice, options, options.budget.or_else(default_budget))?;
    if let Some((named, free)) = options.budget.zip(excess(&device)) {
        Console::warning(&format_args!(
            "--memory-budget {} is more than the {} that this machine has free; it may end the program",
            size(named),
            size(free)
        ));
    }
    Ok(device)
}

/// Opens the device with at most what the machine has, less the bytes that the host needs `beside` it, whatever budget
/// was named: for callers that will use all of it. Returns where the budget comes from.
///
/// # Errors
/// Same as [`open`].
pub fn open_within_means(
    choice: DeviceChoice,
    options: DeviceOptions,
    beside: u64,
) -> Result<(Backend, BudgetOrigin)> {
    let named = options.budget;
    let available = default_budget().map(|bytes| bytes.saturating_sub(beside));
    let device = open_with(choice, options, named.into_iter().chain(available).min())?;
    let taken = device.memory().budget;
    match (named, taken) {
        (Some(named), Some(taken)) if named > taken => {
            Console::remark(&format_args!(
                "--memory-budget {} is more than this machine has; using {}",
                size(named),
                size(taken)
            ));
            Ok((device, BudgetOrigin::Machine))
        }
        (None, _) => Ok((device, BudgetOrigin::Machine)),
        (Some(_), _) => Ok((device, BudgetOrigin::Named)),
    }
}

/// Bytes of host memory that are free, if the device takes its memory from there and its budget is larger.
fn excess(device: &Backend) -> Option<u64> {
    let is_host = device.device().is_host();
    let memory = Some(SystemMemory::now()).filter(|memory| is_host && memory.total > 0)?;
    device.memory().budget.filter(|&budget| budget > memory.free).map(|_| memory.free)
}

/// Opens the CPU.
///
/// # Errors
/// Same as [`open`].
pub fn open_cpu(threads: Option<usize>, budget: Option<u64>) -> Result<Backend> {
    open(DeviceChoice::Cpu, DeviceOptions { threads, budget, ..DeviceOptions::default() })
}

/// Opens the device, with a budget of `of_host` bytes if it is not a GPU.
fn open_with(choice: DeviceChoice, options: DeviceOptions, of_host: Option<u64>) -> Result<Backend> {
    let DeviceOptions { threads, budget, precision, unsupported, instruction_set, missing_gpu } = options;
    let may_use_f32 = unsupported == UnsupportedPrecision::UseF32;
    let cuda_precision = match precision {
        Precision::F32 | Precision::Bf16 => cuda::Precision::F32,
        Precision::Tf32 => cuda::Precision::Tf32,
    };
    let options = CudaOptions::default().budget(budget).precision(cuda_precision);
    let gpu = |index| cuda::open(options.index(index));
    let choice = precision.choice(choice)?;
    let accelerator = choice == DeviceChoice::Accelerator;
    match choice {
        DeviceChoice::Cuda(index) => {
            return gpu(index).map_err(|reason| Error::Cuda { device: Device::Cuda(index), reason });
        }
        DeviceChoice::Auto => match gpu(0) {
            Ok(gpu) => return Ok(gpu),
            Err(reason) if precision == Precision::Tf32 && !may_use_f32 => {
                let problem = format!("tf32 needs a GPU: {reason}; use f32");
                return Err(Error::option("--precision", problem));
            }
            Err(reason) => report_once(&reason, missing_gpu),
        },
        DeviceChoice::Cpu | DeviceChoice::Accelerator => {}
    }
    if precision == Precision::Tf32 && may_use_f32 {
        Console::remark(&"continuing in f32: TF32 needs a GPU");
    } else if precision == Precision::Tf32 {
        let problem = "tf32 needs a GPU; use f32, or name a GPU with --device cuda";
        return Err(Error::option("--precision", problem));
    }
    let cpu = CpuOptions::default().threads(threads).budget(of_host).accelerator(accelerator);
    let set = instruction_set.unwrap_or_else(|| InstructionSet::fastest(precision.number_types()));
    Ok(Cpu::open(cpu.instruction_set(set))?)
}

/// Says why no GPU is used, at most once per process.
fn report_once(reason: &CudaUnavailable, missing_gpu: MissingGpu) {
    static REPORTED: Once = Once::new();
    let there_is_none = matches!(
        reason,
        CudaUnavailable::NotBuilt | CudaUnavailable::NoDriverLibrary | CudaUnavailable::NoDevice
    );
    match (there_is_none, missing_gpu) {
        (true, MissingGpu::Silent) => {}
        (true, MissingGpu::Say) => REPORTED.call_once(|| {
            Console::remark(
                &"computing on the cpu: no NVIDIA GPU is set up here (`plangrad devices` says more)",
            );
        }),
        (false, _) => REPORTED.call_once(|| Console::remark(&format_args!("computing on the cpu: {reason}"))),
    }
}
