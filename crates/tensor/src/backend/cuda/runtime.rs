//! What a device has to do for the launch layer: allocate, copy, and run a list of launches repeatedly.
//!
//! There are two: a GPU with its driver, and the emulator for tests. Everything above this trait, from plans to kernel
//! parameters, is the same for both.

use crate::backend::launch::orders::Order;
use crate::backend::launch::shared::Address;
use crate::error::DeviceFailure;
use crate::ir::DriverMemory;

/// Memory that is not available.
#[derive(Debug)]
pub(crate) struct NoMemory {
    /// Bytes that are free on the device.
    pub(crate) free: u64,
    /// Bytes it has.
    pub(crate) total: u64,
}

/// Why memory was refused, or a step failed.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is too little memory.
    NoMemory(NoMemory),
    /// The device has failed.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "only a driver fails"))]
    Failure(DeviceFailure),
}

/// A device. It executes what is queued in order, except copies beside computing.
pub(crate) trait Runtime: Send + Sync {
    /// Reserves zeroed memory on a multiple of 256 bytes.
    fn allocate(&self, bytes: usize) -> Result<Address, Refusal>;

    /// Releases memory.
    ///
    /// # Safety
    /// It must come from `allocate` of this device, with this size, and nothing may use it afterwards.
    unsafe fn release(&self, address: Address, bytes: usize);

    /// Copies to the device. `bytes` may be changed as soon as this returns.
    ///
    /// # Safety
    /// `bytes.len()` bytes at `to` must be reserved.
    unsafe fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), DeviceFailure>;

    /// The same while the device computes, into memory that nothing queued since the last such call uses. What is queued
    /// next begins once the bytes have arrived.
    ///
    /// # Safety
    /// `bytes.len()` bytes at `to` must be reserved.
    unsafe fn upload_beside(&self, to: Address, bytes: &[u8]) -> Result<(), DeviceFailure>;

    /// Copies from the device, once all queued work has finished.
    ///
    /// # Safety
    /// `bytes.len()` bytes at `from` must be reserved.
    unsafe fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), DeviceFailure>;

    /// Makes a step of its parts, to be run repeatedly: on a GPU a captured graph. `in_series` says whether runs will follow
    /// one another without the host in between.
    fn prepare(&self, orders: Vec<Order>, in_series: bool) -> Result<Box<dyn PreparedStep>, Refusal>;

    /// Its memory as its driver reports it; `None` without a driver.
    fn memory(&self) -> Option<DriverMemory> {
        None
    }
}

/// A step that is ready to run. It may keep its device open.
pub(crate) trait PreparedStep: Send {
    /// Queues it `times` times; does not wait for the end.
    ///
    /// # Safety
    /// All memory that its launches name must be reserved until the device has finished.
    unsafe fn run(&self, times: usize) -> Result<(), DeviceFailure>;
}
