//! From the options for a device to an open one.

use plangrad_tensor::Backend;
use plangrad_tensor::backend::cpu::InstructionSet;

use crate::cli::{BudgetArgs, DeviceArgs, OomArgs};
use crate::device::{
    self, BudgetOrigin, DeviceChoice, DeviceOptions, MissingGpu, Precision, UnsupportedPrecision,
};
use crate::error::{Error, Result};
use crate::numbers::size;
use crate::output::Console;
use crate::train::Resources;

/// Runs `work` on the device; if no device was named and the memory of the GPU that was found is not enough, on the CPU.
///
/// # Errors
/// If the device cannot be opened, and the errors of `work`.
pub(super) fn compute<T>(arguments: &DeviceArgs, work: impl Fn(&Backend) -> Result<T>) -> Result<T> {
    compute_in(Precision::F32, arguments, work)
}

/// The same in a number format.
///
/// # Errors
/// As [`compute`]; if the device does not have that format.
pub(super) fn compute_in<T>(
    precision: Precision,
    arguments: &DeviceArgs,
    work: impl Fn(&Backend) -> Result<T>,
) -> Result<T> {
    let options = given(arguments, precision);
    let backend = open(arguments, options)?;
    let device = backend.device();
    match work(&backend) {
        Err(Error::OutOfMemory { requested, free, .. })
            if !device.is_host() && DeviceChoice::resolve(arguments.device)? == DeviceChoice::Auto =>
        {
            Console::remark(&format_args!(
                "computing on the cpu: {device} has {} free, and {} are needed",
                size(free),
                size(requested)
            ));
            work(&device::open(DeviceChoice::Cpu, options)?)
        }
        done => done,
    }
}

/// Opens the device with at most what the machine has, less the bytes that the host needs `beside` it. Returns where the
/// budget comes from.
///
/// # Errors
/// If the device cannot be opened.
pub(super) fn open_within_means(
    arguments: &DeviceArgs,
    precision: Precision,
    beside: u64,
) -> Result<(Backend, BudgetOrigin)> {
    let choice = DeviceChoice::resolve(arguments.device)?;
    device::open_within_means(choice, given(arguments, precision), beside)
}

/// The device, and what to do if its memory runs out. A CPU computes with this instruction set, if one is given.
///
/// # Errors
/// If the device cannot be opened.
pub(super) fn resources(
    arguments: &DeviceArgs,
    oom: OomArgs,
    precision: Precision,
    unsupported: UnsupportedPrecision,
    instruction_set: Option<InstructionSet>,
) -> Result<Resources> {
    let options = given(arguments, precision);
    let options = DeviceOptions { unsupported, instruction_set, missing_gpu: MissingGpu::Say, ..options };
    Ok(Resources {
        backend: open(arguments, options)?,
        on_oom: arguments.on_oom(oom),
        accumulate: oom.accumulate.unwrap_or(1),
        threads: arguments.threads,
    })
}

fn open(arguments: &DeviceArgs, options: DeviceOptions) -> Result<Backend> {
    arguments.budget.note().iter().for_each(|note| Console::remark(note));
    device::open(DeviceChoice::resolve(arguments.device)?, options)
}

/// The options of a device.
fn given(arguments: &DeviceArgs, precision: Precision) -> DeviceOptions {
    let options = options(arguments.threads, &arguments.budget, precision);
    DeviceOptions { instruction_set: arguments.instruction_set, ..options }
}

/// Resources for opening devices.
pub(super) fn options(threads: Option<usize>, budget: &BudgetArgs, precision: Precision) -> DeviceOptions {
    DeviceOptions { threads, budget: budget.bytes(), precision, ..DeviceOptions::default() }
}
