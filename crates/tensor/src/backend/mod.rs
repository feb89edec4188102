//! Where plans run. Reading [`Backend`] and [`Arena`] is knowing all a device has to do.

pub mod cpu;
#[cfg_attr(
    not(any(test, feature = "emulator", feature = "cuda")),
    expect(dead_code, reason = "without a driver or the emulator there is nothing to launch on")
)]
pub mod cuda;
pub mod reference;

use crate::plan::Kernel;
pub use crate::plan::Staging;
use crate::source::Batches;
use crate::{Device, DriverMemory, Error, MemoryReading, MemoryReport};

/// A device that can run plans.
pub trait Backend: Send + Sync {
    /// Which device it is.
    fn device(&self) -> Device;

    /// Memory of the device: what this process reserved through the backend, and what it may.
    fn memory(&self) -> MemoryReading;

    /// The device's memory as its driver has it, of all processes; `None` where there is no driver to ask.
    fn driver_memory(&self) -> Option<DriverMemory> {
        None
    }

    /// Whether it has memory of its own, into which samples must be brought. Where not, kernels read a dataset in host
    /// memory in place.
    fn has_own_memory(&self) -> bool;

    /// Reserves an arena of `bytes`, zeroed. `report` says what for.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; nothing is changed then, and the backend stays usable.
    fn reserve(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Arena>, Error>;
}

/// A plan with every address known.
#[derive(Debug)]
pub struct Program {
    /// Its number among those of its session.
    pub(crate) number: usize,
    /// Kernels in stages; those of one stage may run at the same time.
    pub(crate) stages: Vec<Vec<Kernel>>,
    /// Byte offset of every value in the arena.
    pub(crate) offsets: Vec<usize>,
    /// Rows a step takes from the dataset.
    pub(crate) batch_size: usize,
}

/// One reservation of device memory and the means to run programs in it.
pub trait Arena: Send {
    /// Its size in bytes.
    fn bytes(&self) -> usize;

    /// Where it starts, as the device's kernels address it.
    fn address(&self) -> usize;

    /// Makes a program ready, so that nothing has to be had for it once it runs. `in_series` says whether many of its steps
    /// will be asked for at once, as with a dataset in the device's memory.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] or [`Error::Device`] if the device cannot take it.
    fn prepare(&mut self, program: &Program, in_series: bool) -> Result<(), Error> {
        let _ = (program, in_series);
        Ok(())
    }

    /// Copies host bytes to `offset`.
    ///
    /// # Errors
    /// [`Error::Device`] if the device has failed, now or in work queued before.
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error>;

    /// Copies bytes at `offset` to the host, after all work queued before.
    ///
    /// # Errors
    /// As [`Arena::write`].
    fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<(), Error>;

    /// All its bytes, where the host can read them in place.
    fn host(&self) -> Option<&[u8]> {
        None
    }

    /// The same to be changed.
    fn host_mut(&mut self) -> Option<&mut [u8]> {
        None
    }

    /// Runs `program` `steps` times. Step i takes rows `i · batch_size ..` of the feed's order; the session has checked
    /// that they exist. Allocates nothing per step.
    ///
    /// # Errors
    /// As [`Arena::write`]. A device may tell of a failure later, too: what is read after it is an error at the latest.
    fn run(&mut self, program: &Program, feed: &Feed<'_>, steps: usize) -> Result<(), Error>;
}

/// Where the kernels of a run find samples and targets, and in which order they take them.
#[derive(Debug)]
pub enum Feed<'a> {
    /// The program reads no dataset.
    None,
    /// In host memory, where kernels read it in place.
    Host(&'a Batches<'a>),
    /// In host memory, from where the rows of each step are copied to a place in the arena before it runs.
    Staged {
        /// The dataset and the order.
        batches: &'a Batches<'a>,
        /// The place.
        staging: Staging,
    },
    /// In the device's own memory.
    Resident {
        /// Address of the first sample.
        samples: usize,
        /// Address of the first target.
        targets: usize,
        /// Address of the rows below as the device holds them, 4 bytes each.
        order: usize,
        /// The rows.
        rows: &'a [u32],
    },
}
