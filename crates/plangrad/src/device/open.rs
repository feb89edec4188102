//! Devices opened with a budget.
//!
//! What a device may take is decided before anything is reserved: what was asked for, else what the system, or a GPU's
//! driver, says is free. Nothing is found out by allocating until something is killed.

use std::sync::Once;

use plangrad_tensor::backend::cpu::{Cpu, CpuOptions, InstructionSet};
use plangrad_tensor::backend::cuda::{self, CudaOptions, CudaUnavailable};
use plangrad_tensor::backend::wgpu::{self, WgpuOptions, WgpuUnavailable};
use plangrad_tensor::{Backend, Device, SystemMemory};

use super::choice::{DeviceChoice, Precision, gpus};
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
    let choice = options.precision.choice(choice)?;
    match choice {
        DeviceChoice::Auto => match open_first(options) {
            Ok(gpu) => return Ok(gpu),
            Err(reasons) if options.refuses_f32() => {
                let problem = format!("tf32 needs a GPU: {}; use f32", reasons.0);
                return Err(Error::option("--precision", problem));
            }
            Err(reasons) => report_once(&reasons.0, &reasons.1, options.missing_gpu),
        },
        DeviceChoice::Cuda(index) => return open_cuda(index, options),
        DeviceChoice::Graphics(api, index) => return open_adapter(Device::Wgpu(api, index), options),
        DeviceChoice::Gpu(index) => return open_numbered(index, options),
        DeviceChoice::Cpu | DeviceChoice::Accelerator => {}
    }
    in_f32(options)?;
    let accelerator = choice == DeviceChoice::Accelerator;
    let cpu = CpuOptions::default().threads(options.threads).budget(of_host).accelerator(accelerator);
    let fastest = || InstructionSet::fastest(options.precision.number_types());
    Ok(Cpu::open(cpu.instruction_set(options.instruction_set.unwrap_or_else(fastest)))?)
}

impl DeviceOptions {
    /// Whether nothing but TF32 will do.
    fn refuses_f32(&self) -> bool {
        self.precision == Precision::Tf32 && self.unsupported == UnsupportedPrecision::Refuse
    }

    fn cuda(&self, index: usize) -> CudaOptions {
        let precision = match self.precision {
            Precision::F32 | Precision::Bf16 => cuda::Precision::F32,
            Precision::Tf32 => cuda::Precision::Tf32,
        };
        CudaOptions::default().index(index).budget(self.budget).precision(precision)
    }
}

/// Makes sure that f32 will do, which is said where something else was asked for.
fn in_f32(options: DeviceOptions) -> Result<()> {
    if options.refuses_f32() {
        let problem = "tf32 needs a GPU of NVIDIA's; use f32, or name one with --device cuda";
        return Err(Error::option("--precision", problem));
    }
    if options.precision == Precision::Tf32 {
        Console::remark(&"continuing in f32: TF32 needs a GPU of NVIDIA's");
    }
    Ok(())
}

fn open_cuda(index: usize, options: DeviceOptions) -> Result<Backend> {
    cuda::open(options.cuda(index)).map_err(|reason| Error::Cuda { device: Device::Cuda(index), reason })
}

fn open_adapter(device: Device, options: DeviceOptions) -> Result<Backend> {
    let Device::Wgpu(api, index) = device else { unreachable!("{device} is no adapter") };
    in_f32(options)?;
    let of_wgpu = WgpuOptions::default().budget(options.budget);
    wgpu::open(api, index, of_wgpu).map_err(|reason| Error::Graphics { device, reason })
}

/// The first GPU that can be used, or why neither NVIDIA's nor another can.
fn open_first(
    options: DeviceOptions,
) -> std::result::Result<Backend, Box<(CudaUnavailable, WgpuUnavailable)>> {
    let cuda = match cuda::open(options.cuda(0)) {
        Ok(gpu) => return Ok(gpu),
        Err(reason) => reason,
    };
    // In f32 only: TF32 is CUDA's.
    let of_wgpu = WgpuOptions::default().budget(options.budget);
    let other = wgpu::gpus().and_then(|gpus| match gpus.first() {
        Some(gpu) if options.precision == Precision::F32 => wgpu::open(gpu.api, gpu.index, of_wgpu),
        _ => Err(WgpuUnavailable::NoAdapter),
    });
    other.map_err(|reason| Box::new((cuda, reason)))
}

/// A GPU by its number among all of them.
fn open_numbered(index: usize, options: DeviceOptions) -> Result<Backend> {
    let gpus = gpus();
    match gpus.get(index) {
        Some(&Device::Cuda(index)) => open_cuda(index, options),
        Some(&adapter) => open_adapter(adapter, options),
        None => Err(Error::NoGpu {
            index,
            count: gpus.len(),
            cuda: cuda::find(0).err().map(Box::new),
            others: wgpu::gpus().err().map(Box::new),
        }),
    }
}

/// Says why no GPU is used, at most once per process.
fn report_once(cuda: &CudaUnavailable, others: &WgpuUnavailable, missing_gpu: MissingGpu) {
    static REPORTED: Once = Once::new();
    let no_cuda = matches!(
        cuda,
        CudaUnavailable::NotBuilt | CudaUnavailable::NoDriverLibrary | CudaUnavailable::NoDevice
    );
    let no_other = matches!(
        others,
        WgpuUnavailable::NotBuilt | WgpuUnavailable::NoAdapter | WgpuUnavailable::OnlySoftware { .. }
    );
    match (no_cuda, no_other) {
        (true, true) if missing_gpu == MissingGpu::Silent => {}
        (true, true) => REPORTED.call_once(|| {
            Console::remark(&"computing on the cpu: no GPU is set up here (`plangrad devices` says more)");
        }),
        (true, false) => {
            REPORTED.call_once(|| Console::remark(&format_args!("computing on the cpu: {others}")))
        }
        (false, _) => REPORTED.call_once(|| Console::remark(&format_args!("computing on the cpu: {cuda}"))),
    }
}
