//! Where plans run. A [`Backend`] is what users hold of a device; `Provider`, `Memory` and `Arena` are all a device has to
//! do. They are the crate's own, for a session relies on them for the memory that safe code reads and writes: a backend that
//! gives less memory than it says, or an arena that is fed any address, does not compile outside this crate.
//!
//! ```compile_fail,E0603
//! use plangrad_tensor::backend::Provider;
//! ```
//!
//! ```compile_fail,E0603
//! use plangrad_tensor::backend::{Arena, Origin};
//! ```
//!
//! ```compile_fail,E0624
//! use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
//!
//! let backend = Cpu::open(CpuOptions::default()).unwrap();
//! let arena = backend.reserve_arena(64, &Default::default());
//! ```
//!
//! To see what a program does when a device refuses memory or fails, open the CPU with [`cpu::Faults`].

pub mod cpu;
#[cfg_attr(
    not(any(test, feature = "emulator", feature = "cuda")),
    expect(dead_code, reason = "without a driver or the emulator there is nothing to launch on")
)]
pub mod cuda;
#[cfg_attr(
    not(any(test, feature = "emulator", feature = "cuda", feature = "wgpu", target_os = "macos")),
    expect(dead_code, reason = "without a driver or the emulator there is nothing to launch on")
)]
pub(crate) mod launch;
#[cfg(test)]
pub(crate) mod toy;
pub mod wgpu;

use std::any::Any;
use std::sync::Arc;

use crate::dataset::DatasetRows;
use crate::error::Error;
use crate::ir::{
    Device, DriverMemory, Extent, MemoryReading, MemoryReport, NumberTypes, Numbers, Program, Staging,
};

/// A device that can run plans. Cheap to clone: all clones are one device with one budget.
///
/// ```
/// use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
/// use plangrad_tensor::{Backend, Device};
///
/// let cpu: Backend = Cpu::open(CpuOptions::default().threads(1).budget(Some(1 << 20)))?;
/// assert_eq!((cpu.device(), cpu.has_own_memory()), (Device::Cpu, false));
/// assert_eq!((cpu.memory().reserved, cpu.memory().free()), (0, Some(1 << 20)));
/// # Ok::<(), plangrad_tensor::Error>(())
/// ```
#[derive(Clone)]
pub struct Backend {
    provider: Arc<dyn Provider>,
}

impl Backend {
    pub(crate) fn new(provider: impl Provider + 'static) -> Backend {
        Backend { provider: Arc::new(provider) }
    }

    /// Which device it is.
    #[must_use]
    pub fn device(&self) -> Device {
        self.provider.device()
    }

    /// Memory of the device: what this process reserved through the backend, and what it may.
    #[must_use]
    pub fn memory(&self) -> MemoryReading {
        self.provider.memory()
    }

    /// The device's memory as its driver has it, of all processes; `None` where there is no driver to ask.
    #[must_use]
    pub fn driver_memory(&self) -> Option<DriverMemory> {
        self.provider.driver_memory()
    }

    /// Name of the instruction set whose widths its sums follow; `None` for a device that is not a CPU.
    #[must_use]
    pub fn instruction_set(&self) -> Option<&'static str> {
        self.provider.instruction_set()
    }

    /// Whether it has its own memory, into which samples must be copied. If not, kernels read a dataset in host
    /// memory in place.
    #[must_use]
    pub fn has_own_memory(&self) -> bool {
        self.device().has_own_memory()
    }

    /// Room for an order of `rows` rows in host memory, counted in the device's ledger; `None` where the device's memory is
    /// not the host's.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], or [`Error::PlanTooLarge`] for more bytes than can be counted; nothing is changed then.
    pub fn reserve_order(&self, rows: usize) -> Result<Option<CountedOrder>, Error> {
        if !self.device().is_host() {
            return Ok(None);
        }
        let bytes = rows.checked_mul(4).ok_or(Error::PlanTooLarge)?;
        let memory = self.reserve_memory(bytes, &MemoryReport::default())?;
        Ok(Some(CountedOrder(memory)))
    }

    /// Whether both are the same device, opened once.
    pub(crate) fn is(&self, other: &Backend) -> bool {
        Arc::ptr_eq(&self.provider, &other.provider)
    }

    /// Whether plans with these types of numbers run on it.
    pub(crate) fn computes_with(&self, types: NumberTypes) -> bool {
        self.provider.computes_with(types)
    }

    /// In panels of how many columns its products want matrices, if in any.
    pub(crate) fn panel_columns(&self) -> Option<usize> {
        self.provider.panel_columns()
    }

    /// Reserves `bytes` bytes of memory for data. `report` says what for.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; nothing is changed then, and the backend stays usable.
    pub(crate) fn reserve_memory(
        &self,
        bytes: usize,
        report: &MemoryReport,
    ) -> Result<Box<dyn Memory>, Error> {
        let memory = self.provider.reserve_memory(bytes, report)?;
        assert!(memory.bytes() >= bytes, "a device has given less memory than was asked of it");
        Ok(memory)
    }

    /// Reserves an arena of `bytes` bytes, zeroed.
    ///
    /// # Errors
    /// As [`Backend::reserve_memory`].
    pub(crate) fn reserve_arena(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Arena>, Error> {
        let arena = self.provider.reserve_arena(bytes, report)?;
        assert!(arena.memory().bytes() >= bytes, "a device has given less memory than was asked of it");
        Ok(arena)
    }
}

/// An order of rows in host memory that a device's ledger counts. Given back when dropped.
pub struct CountedOrder(Box<dyn Memory>);

impl CountedOrder {
    /// The rows; 0 until they are set.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        self.0.host().map_or(&[], bytemuck::cast_slice)
    }

    /// The same to be set.
    pub fn rows_mut(&mut self) -> &mut [u32] {
        self.0.host_mut().map_or(&mut [], bytemuck::cast_slice_mut)
    }
}

impl std::fmt::Debug for CountedOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CountedOrder({} rows)", self.rows().len())
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Backend({})", self.device())
    }
}

/// A device as it gives memory.
pub(crate) trait Provider: Send + Sync {
    /// See [`Backend::device`].
    fn device(&self) -> Device;

    /// See [`Backend::memory`].
    fn memory(&self) -> MemoryReading;

    /// See [`Backend::driver_memory`].
    fn driver_memory(&self) -> Option<DriverMemory> {
        None
    }

    /// See [`Backend::instruction_set`].
    fn instruction_set(&self) -> Option<&'static str> {
        None
    }

    /// Whether its kernels know these types of numbers. If not, a session refuses the plan.
    fn computes_with(&self, types: NumberTypes) -> bool {
        types == NumberTypes::default()
    }

    /// See [`Backend::panel_columns`].
    fn panel_columns(&self) -> Option<usize> {
        None
    }

    /// See [`Backend::reserve_memory`].
    fn reserve_memory(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Memory>, Error>;

    /// See [`Backend::reserve_arena`].
    fn reserve_arena(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Arena>, Error>;
}

/// One reservation of device memory.
pub(crate) trait Memory: Any + Send + Sync {
    /// Its size in bytes.
    fn bytes(&self) -> usize;

    /// Copies host bytes to `offset`.
    ///
    /// # Errors
    /// [`Error::Device`] if the device has failed, now or in work queued before.
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error>;

    /// Copies bytes at `offset` to the host, after all work queued before.
    ///
    /// # Errors
    /// As [`Memory::write`].
    fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<(), Error>;

    /// All its bytes, where the host can read them in place.
    fn host(&self) -> Option<&[u8]> {
        None
    }

    /// The same to be changed.
    fn host_mut(&mut self) -> Option<&mut [u8]> {
        None
    }
}

/// Memory in which programs run.
pub(crate) trait Arena: Send {
    /// Its memory.
    fn memory(&self) -> &dyn Memory;

    /// The same to be changed.
    fn memory_mut(&mut self) -> &mut dyn Memory;

    /// How the device holds 64-bit numbers in the step block and the metric sums.
    fn numbers(&self) -> Numbers {
        Numbers::Wide
    }

    /// Makes a program ready, so that nothing has to be reserved for it once it runs. `pace` says how it will be run.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] or [`Error::Device`] if the device cannot take it.
    fn prepare(&mut self, _program: &Program, _pace: Pace) -> Result<(), Error> {
        Ok(())
    }

    /// Runs `program` `steps` times. Step i takes rows `i · batch_size ..` of the order given; the session has checked
    /// that they exist. Allocates nothing per step.
    ///
    /// # Errors
    /// As [`Memory::write`]. A device may report a failure later, too: what is read after it is an error at the latest.
    fn run(&mut self, program: &Program, origin: &Origin<'_>, steps: usize) -> Result<(), Error>;
}

/// How the steps of a program will be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// One at a time.
    Single,
    /// Many at once, as with a dataset in the device's memory.
    Series,
}

/// Where the kernels of a run find samples and targets, and in which order they take them.
pub(crate) enum Origin<'a> {
    /// The program reads no dataset.
    None,
    /// In host memory, where kernels read it in place.
    Host(DatasetRows<'a>),
    /// In host memory, from where the rows of each step are copied to a place in the arena before it runs.
    Staged {
        /// The dataset and the order.
        rows: DatasetRows<'a>,
        /// The place.
        staging: Staging,
    },
    /// In the device's own memory.
    Resident {
        /// The memory, of the same device.
        memory: &'a dyn Memory,
        /// Where in it samples, targets and the order lie, which is 4 bytes a row.
        parts: ResidentParts,
        /// The order as the host has it.
        order: &'a [u32],
    },
}

/// Where the parts of a dataset lie in a reservation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResidentParts {
    pub(crate) samples: Extent,
    pub(crate) targets: Extent,
    pub(crate) order: Extent,
}
