//! What a device has to do for the launch layer: give memory, copy, and run a list of launches again and again.
//!
//! There are two: a GPU behind its driver, and the emulator of the tests. Everything above this trait, from plans to
//! kernel parameters, is the same for both.

use super::common::THREADS;
use super::cpp::Address;
use super::function::Function;
use super::items::Items;
use crate::ir::DriverMemory;
use crate::ir::kernel::Data;

/// One launch, a stage of a plan or a part of one. Blocks have [`Launch::THREADS`] threads.
pub(crate) struct Launch {
    pub(crate) function: Function,
    /// Dynamic shared memory of a block.
    pub(crate) shared_bytes: u32,
    /// The kernel's one argument, by value.
    pub(crate) items: Box<Items>,
    /// Whether it reads the feed, which then must not move on beside it.
    pub(crate) gathers: bool,
}

impl Launch {
    pub(crate) const THREADS: u32 = THREADS;

    /// Blocks, in one dimension.
    pub(crate) fn blocks(&self) -> u32 {
        self.items.blocks()
    }
}

/// A thing to do in a step.
pub(crate) enum Order {
    /// Runs a kernel.
    Launch(Launch),
    /// Copies numbers that the plan carries to the device.
    Constant {
        /// Where to.
        to: Address,
        /// What.
        data: Data,
    },
}

/// Memory that is not to be had.
#[derive(Debug)]
pub(crate) struct Shortage {
    /// Bytes that are free on the device.
    pub(crate) free: u64,
    /// Bytes it has.
    pub(crate) total: u64,
}

/// Why memory is not given, or a step not made.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is not so much.
    Shortage(Shortage),
    /// The device cannot go on.
    #[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "only a driver fails"))]
    Failure(Failure),
}

/// What a device says when it cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("the device failed: {0}")]
pub(crate) struct Failure(pub(crate) String);

/// A device. Everything asked of it is done in the order of asking, but for copies beside the computing.
pub(crate) trait Runtime: Send + Sync {
    /// Reserves zeroed memory on a multiple of 256 bytes.
    fn allocate(&self, bytes: usize) -> Result<Address, Refusal>;

    /// Gives memory back.
    ///
    /// # Safety
    /// It must come from `allocate` of this device, with this size, and nothing may use it any more.
    unsafe fn release(&self, address: Address, bytes: usize);

    /// Copies to the device. `bytes` may be changed as soon as this returns.
    ///
    /// # Safety
    /// So many bytes at `to` must be reserved.
    unsafe fn upload(&self, to: Address, bytes: &[u8]) -> Result<(), Failure>;

    /// The same beside what the device computes, into memory that nothing asked for after the last such call uses. What
    /// is asked of the device next begins once the bytes have arrived.
    ///
    /// # Safety
    /// So many bytes at `to` must be reserved.
    unsafe fn upload_beside(&self, to: Address, bytes: &[u8]) -> Result<(), Failure>;

    /// Copies from the device, once everything asked before is done.
    ///
    /// # Safety
    /// So many bytes at `from` must be reserved.
    unsafe fn download(&self, from: Address, bytes: &mut [u8]) -> Result<(), Failure>;

    /// Makes a step out of its parts, to be run again and again: on a GPU a captured graph. `in_series` says whether runs
    /// will follow one another without a word of the host's between them.
    fn prepare(&self, orders: Vec<Order>, in_series: bool) -> Result<Box<dyn Step>, Refusal>;

    /// Its memory as its driver has it; `None` where there is no driver.
    fn memory(&self) -> Option<DriverMemory> {
        None
    }
}

/// A step made ready. It may keep its device open.
pub(crate) trait Step: Send {
    /// Runs it so many times after everything asked of its device before; does not wait for the end.
    ///
    /// # Safety
    /// All memory that its launches name must be reserved, and stay so until the device is done.
    unsafe fn run(&self, times: usize) -> Result<(), Failure>;
}
