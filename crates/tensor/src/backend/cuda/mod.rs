//! The CUDA backend: a plan's stages as launches of hand-written kernels, over one allocation of device memory.
//!
//! ```text
//! Program ── lower ──► launches with every address in them ── Runtime ──► a GPU, or the emulator of the tests
//! ```
//!
//! * A stage is one launch; its kernels run side by side in blocks of their own (`kernels/stage.cu`).
//! * Launches never change: what differs from step to step lies in device memory, in the step block and in the *feed*,
//!   which says where the batches come from and moves on by itself. So a step is prepared once (captured, on a GPU) and
//!   replayed, and many steps are queued without a word between host and device.
//! * A kernel needs nothing but the arena: no workspace, no table of constants. Only the feed, a few words, lies behind
//!   the arena's last byte in the same allocation.
//!
//! Results are the same bits on every run: no atomics on numbers, and sums in an order fixed by shapes.
//!
//! Absent on purpose: a kernel for each size or device, and calls into libraries of kernels.

#[cfg_attr(not(feature = "cuda"), path = "disabled.rs")]
mod driver;
#[cfg(any(test, feature = "emulator"))]
pub mod emulator;
mod gpu;
mod items;
mod lower;
#[doc(hidden)]
pub mod ptx;
mod runtime;
#[cfg(test)]
mod tests;
mod tile;
mod unavailable;

use std::collections::HashMap;
use std::sync::Arc;

pub use gpu::{CudaOptions, Gpu};
use items::Feed;
use lower::{Lowering, Sizing, feed_bytes};
use runtime::{Address, Failure, Refusal, Runtime, Shortage, Step};
pub use unavailable::{ComputeCapability, CudaUnavailable, CudaVersion};

use super::{Arena, Backend, Program};
use crate::device::{Entry, Ledger};
use crate::plan::{ALIGNMENT, Extent, Staging, Value};
use crate::source::Batches;
use crate::{Device, DriverMemory, Error, MemoryReading, MemoryReport};

/// Opens a GPU.
///
/// # Errors
/// Why it cannot be used.
pub fn open(options: CudaOptions) -> Result<Arc<dyn Backend>, CudaUnavailable> {
    driver::open(options)
}

/// Whether a GPU can be used, as far as can be told without opening it.
///
/// # Errors
/// Why not.
pub fn find(index: usize) -> Result<(), CudaUnavailable> {
    driver::find(index)
}

/// The GPUs of this machine, at least one.
///
/// # Errors
/// Why none can be used.
pub fn gpus() -> Result<Vec<Gpu>, CudaUnavailable> {
    driver::gpus()
}

/// A device that runs CUDA kernels, as a backend.
pub(crate) struct Cuda {
    runtime: Arc<dyn Runtime>,
    ledger: Arc<Ledger>,
    sizing: Sizing,
}

/// How products are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Everything in f32.
    #[default]
    F32,
    /// The operands of large products rounded to TF32, 10 bits of mantissa, and multiplied on tensor cores; sums in f32.
    Tf32,
}

impl Cuda {
    /// Over `runtime`, of which at most `budget` bytes may be reserved at once.
    pub(crate) fn new(
        runtime: Arc<dyn Runtime>,
        device: Device,
        budget: Option<u64>,
        precision: Precision,
    ) -> Cuda {
        let sizing = match precision {
            Precision::F32 => Sizing::default(),
            Precision::Tf32 => Sizing::tf32(),
        };
        Cuda { runtime, ledger: Ledger::new(device, budget), sizing }
    }
}

/// The machine's GPU with work cut like this; none where it has none that can be used. It is opened once.
#[cfg(test)]
fn gpu_with(sizing: Sizing) -> Option<Arc<dyn Backend>> {
    static GPU: std::sync::OnceLock<Option<Arc<dyn Runtime>>> = std::sync::OnceLock::new();
    let runtime = GPU.get_or_init(|| driver::runtime().ok()).clone()?;
    Some(Arc::new(Cuda { runtime, ledger: Ledger::new(Device::Cuda(0), None), sizing }))
}

impl Backend for Cuda {
    fn device(&self) -> Device {
        self.ledger.device()
    }

    fn memory(&self) -> MemoryReading {
        self.ledger.reading()
    }

    fn driver_memory(&self) -> Option<DriverMemory> {
        self.runtime.memory()
    }

    fn has_own_memory(&self) -> bool {
        true
    }

    fn reserve(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Arena>, Error> {
        let memory = Memory::reserve(&self.runtime, &self.ledger, bytes, report)?;
        let (ledger, report) = (self.ledger.clone(), *report);
        let steps = HashMap::new();
        Ok(Box::new(CudaArena {
            steps,
            memory,
            ledger,
            report,
            host: Vec::new(),
            turn: 0,
            sizing: self.sizing,
        }))
    }
}

/// Device memory owned by an arena: its bytes, entered in the ledger, and the feed behind them.
struct Memory {
    runtime: Arc<dyn Runtime>,
    start: Address,
    bytes: usize,
    _entry: Entry,
}

impl Memory {
    fn reserve(
        runtime: &Arc<dyn Runtime>,
        ledger: &Arc<Ledger>,
        bytes: usize,
        report: &MemoryReport,
    ) -> Result<Memory, Error> {
        let entry = ledger.enter(bytes as u64, report)?;
        let start =
            runtime.allocate(allocated(bytes)).map_err(|refusal| refused(refusal, ledger, bytes, report))?;
        Ok(Memory { runtime: runtime.clone(), start, bytes, _entry: entry.granted() })
    }

    fn feed(&self) -> Address {
        self.start + self.bytes.next_multiple_of(ALIGNMENT) as u64
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Failure> {
        assert!(offset + bytes.len() <= self.bytes, "a write beyond the arena");
        // SAFETY: the bytes lie within the arena, which is reserved as long as `self` lives.
        unsafe { self.runtime.upload(self.start + offset as u64, bytes) }
    }

    /// The same while the device computes with other bytes; see [`Runtime::upload_beside`].
    fn write_beside(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Failure> {
        assert!(offset + bytes.len() <= self.bytes, "a write beyond the arena");
        // SAFETY: as above.
        unsafe { self.runtime.upload_beside(self.start + offset as u64, bytes) }
    }

    fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<(), Failure> {
        assert!(offset + bytes.len() <= self.bytes, "a read beyond the arena");
        // SAFETY: the bytes lie within the arena, which is reserved as long as `self` lives.
        unsafe { self.runtime.download(self.start + offset as u64, bytes) }
    }

    fn set_feed(&mut self, feed: Feed) -> Result<(), Failure> {
        // SAFETY: `reserve` has allocated room for the feed behind the arena's bytes.
        unsafe { self.runtime.upload(self.feed(), &feed_bytes(feed)) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: this is the allocation of `reserve`, and what runs in it was asked for before.
        unsafe { self.runtime.release(self.start, allocated(self.bytes)) }
    }
}

/// What to say where a device takes no arena, or no step for it.
fn refused(refusal: Refusal, ledger: &Ledger, bytes: usize, report: &MemoryReport) -> Error {
    match refusal {
        Refusal::Shortage(Shortage { free, total }) => {
            ledger.out_of_memory(bytes as u64, free, total, report)
        }
        Refusal::Failure(failure) => failed(failure, ledger),
    }
}

/// What to say where a device does not go on.
fn failed(Failure(reason): Failure, ledger: &Ledger) -> Error {
    Error::Device { device: ledger.device(), reason }
}

/// What is allocated for an arena: its bytes and the feed, each on a cache line.
fn allocated(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT) + ALIGNMENT
}

struct CudaArena {
    /// Before the memory that they run in, so that they are dropped first.
    steps: HashMap<usize, Box<dyn Step>>,
    memory: Memory,
    ledger: Arc<Ledger>,
    /// What it was reserved for.
    report: MemoryReport,
    /// A batch on its way from a host's dataset.
    host: Vec<u8>,
    /// Batches brought so far, whose places take turns.
    turn: usize,
    sizing: Sizing,
}

impl Arena for CudaArena {
    fn bytes(&self) -> usize {
        self.memory.bytes
    }

    fn address(&self) -> usize {
        self.memory.start as usize
    }

    fn prepare(&mut self, program: &Program, in_series: bool) -> Result<(), Error> {
        self.make_ready(program, in_series)
            .map_err(|refusal| refused(refusal, &self.ledger, self.memory.bytes, &self.report))
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        self.memory.write(offset, bytes).map_err(|failure| failed(failure, &self.ledger))
    }

    fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<(), Error> {
        self.memory.read(offset, bytes).map_err(|failure| failed(failure, &self.ledger))
    }

    fn run(&mut self, program: &Program, feed: &super::Feed<'_>, steps: usize) -> Result<(), Error> {
        self.prepare(program, false)?; // a session has had it made ready already
        self.run_on(program, feed, steps).map_err(|failure| failed(failure, &self.ledger))
    }
}

impl CudaArena {
    /// Turns a program that has not run here yet into a step.
    fn make_ready(&mut self, program: &Program, in_series: bool) -> Result<(), Refusal> {
        if self.steps.contains_key(&program.number) {
            return Ok(());
        }
        let value = |value: Value| self.memory.start + program.offsets[value.index()] as u64;
        let lowering = Lowering { value: &value, feed: self.memory.feed(), sizing: self.sizing };
        let orders = lower::step(&program.stages, program.batch_size, &lowering);
        let step = self.memory.runtime.prepare(orders, in_series)?;
        self.steps.insert(program.number, step);
        Ok(())
    }

    fn run_on(&mut self, program: &Program, feed: &super::Feed<'_>, steps: usize) -> Result<(), Failure> {
        match feed {
            super::Feed::Staged { batches, staging } => self.run_staged(program, batches, *staging),
            super::Feed::Resident { samples, targets, order, .. } => {
                let [samples, targets, order] = [*samples, *targets, *order].map(|address| address as u64);
                self.memory.set_feed(Feed { samples, targets, order, cursor: 0 })?;
                self.run_steps(program, steps)
            }
            super::Feed::None => self.run_steps(program, steps),
            super::Feed::Host(_) => unreachable!("this device reads no host memory, and says so"),
        }
    }

    /// Runs one step on each batch of `rows`, brought to a place in the arena before it. The places take turns, so that
    /// a batch can be collected and travel while the one before is computed with.
    fn run_staged(
        &mut self,
        program: &Program,
        batches: &Batches<'_>,
        staging: Staging,
    ) -> Result<(), Failure> {
        for rows in batches.rows.chunks(program.batch_size) {
            let places = staging.places(self.turn);
            self.turn += 1;
            let start = places[0].offset;
            self.host.resize(places[1].end() - start, 0);
            let in_host = places.map(|place| Extent { offset: place.offset - start, ..place });
            batches.source.copy_rows(rows, &mut self.host, in_host);
            self.memory.write_beside(start, &self.host)?;
            let [samples, targets] = places.map(|place| self.memory.start + place.offset as u64);
            self.memory.set_feed(Feed { samples, targets, order: 0, cursor: 0 })?;
            self.run_steps(program, 1)?;
        }
        Ok(())
    }

    fn run_steps(&mut self, program: &Program, steps: usize) -> Result<(), Failure> {
        // SAFETY: a program's values lie within the arena, which waits for the device before it goes; what the feed
        // names is reserved, and the session keeps it so.
        unsafe { self.steps[&program.number].run(steps) }
    }
}
