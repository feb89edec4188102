//! An arena in device memory, and the steps that are ready to run in it.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use super::runtime::{NoMemory, PreparedStep, Refusal, Runtime};
use crate::backend::launch::common::Feed;
use crate::backend::launch::lower;
use crate::backend::launch::lowering::{Lowering, Sizing};
use crate::backend::launch::shared::Address;
use crate::backend::{self, Arena, Memory, Pace, ResidentParts};
use crate::dataset::DatasetRows;
use crate::device::{Ledger, Reservation};
use crate::error::{DeviceFailure, Error};
use crate::ir::{ALIGNMENT, Extent, MemoryReport, Program, Staging, Value};

/// Device memory: its bytes, entered in the ledger, and the feed behind them.
pub(super) struct DeviceMemory {
    runtime: Arc<dyn Runtime>,
    ledger: Arc<Ledger>,
    start: Address,
    bytes: usize,
    _entry: Reservation,
}

impl DeviceMemory {
    /// So many bytes, zeroed.
    pub(super) fn reserve(
        runtime: &Arc<dyn Runtime>,
        ledger: &Arc<Ledger>,
        bytes: usize,
        report: &MemoryReport,
    ) -> Result<DeviceMemory, Error> {
        let entry = ledger.enter(bytes as u64, report)?;
        let start =
            runtime.allocate(allocated(bytes)).map_err(|refusal| refused(refusal, ledger, bytes, report))?;
        let (runtime, ledger) = (runtime.clone(), ledger.clone());
        Ok(DeviceMemory { runtime, ledger, start, bytes, _entry: entry.granted() })
    }

    fn feed(&self) -> Address {
        self.start + self.bytes.next_multiple_of(ALIGNMENT) as u64
    }

    /// Where `bytes` bytes at `offset` lie.
    fn address(&self, offset: usize, bytes: usize) -> Address {
        assert!(offset + bytes <= self.bytes, "bytes beyond the memory");
        self.start + offset as u64
    }

    /// Copies to the device while it computes with other bytes: see [`Runtime::upload_beside`].
    fn write_beside(&mut self, offset: usize, bytes: &[u8]) -> Result<(), DeviceFailure> {
        // SAFETY: the bytes lie within this memory, which is reserved as long as `self` lives.
        unsafe { self.runtime.upload_beside(self.address(offset, bytes.len()), bytes) }
    }

    fn set_feed(&mut self, feed: Feed) -> Result<(), DeviceFailure> {
        // SAFETY: `reserve` has allocated room for the feed behind the memory's bytes.
        unsafe { self.runtime.upload(self.feed(), &feed.to_bytes()) }
    }
}

impl Memory for DeviceMemory {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        // SAFETY: the bytes lie within this memory, which is reserved as long as `self` lives.
        unsafe { self.runtime.upload(self.address(offset, bytes.len()), bytes) }
            .map_err(|failure| failed(failure, &self.ledger))
    }

    fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<(), Error> {
        // SAFETY: as above.
        unsafe { self.runtime.download(self.address(offset, bytes.len()), bytes) }
            .map_err(|failure| failed(failure, &self.ledger))
    }
}

impl Drop for DeviceMemory {
    fn drop(&mut self) {
        // SAFETY: allocated in `reserve` with this size; the steps that ran in it were queued before, and are gone.
        unsafe { self.runtime.release(self.start, allocated(self.bytes)) }
    }
}

/// The feed of a dataset in this device's memory.
fn resident_feed(memory: &dyn Memory, parts: &ResidentParts) -> Feed {
    let memory = (memory as &dyn Any).downcast_ref::<DeviceMemory>();
    let memory = memory.expect("the session has checked that the dataset lies on this device");
    let [samples, targets, order] =
        [parts.samples, parts.targets, parts.order].map(|part| memory.address(part.offset, part.bytes));
    Feed::new(samples, targets, order)
}

/// The error for a device that has no memory for an arena or for a step.
fn refused(refusal: Refusal, ledger: &Ledger, bytes: usize, report: &MemoryReport) -> Error {
    match refusal {
        Refusal::NoMemory(NoMemory { free, total }) => {
            ledger.out_of_memory(bytes as u64, free, total, report)
        }
        Refusal::Failure(failure) => failed(failure, ledger),
    }
}

/// The error for a device that has failed.
fn failed(reason: DeviceFailure, ledger: &Ledger) -> Error {
    Error::Device { device: ledger.device(), reason }
}

/// Bytes allocated for an arena: its own and the feed, both aligned.
fn allocated(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT) + ALIGNMENT
}

pub(super) struct CudaArena {
    /// Declared before the memory that they run in, so that they are dropped first.
    steps: HashMap<usize, Box<dyn PreparedStep>>,
    memory: DeviceMemory,
    /// What its memory is for.
    report: MemoryReport,
    /// A batch that is being collected from a dataset in host memory.
    host: Vec<u8>,
    /// Batches uploaded so far, whose places alternate.
    turn: usize,
    sizing: Sizing,
}

impl Arena for CudaArena {
    fn memory(&self) -> &dyn Memory {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut dyn Memory {
        &mut self.memory
    }

    fn prepare(&mut self, program: &Program, pace: Pace) -> Result<(), Error> {
        self.make_ready(program, pace == Pace::Series)
            .map_err(|refusal| refused(refusal, &self.memory.ledger, self.memory.bytes, &self.report))
    }

    fn run(&mut self, program: &Program, origin: &backend::Origin<'_>, steps: usize) -> Result<(), Error> {
        self.prepare(program, Pace::Single)?; // usually done already
        self.run_on(program, origin, steps).map_err(|failure| failed(failure, &self.memory.ledger))
    }
}

impl CudaArena {
    /// In this memory, which was reserved for what `report` says.
    pub(super) fn new(memory: DeviceMemory, report: MemoryReport, sizing: Sizing) -> CudaArena {
        CudaArena { steps: HashMap::new(), memory, report, host: Vec::new(), turn: 0, sizing }
    }

    /// Makes a step of a program that has not run here yet.
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

    fn run_on(
        &mut self,
        program: &Program,
        origin: &backend::Origin<'_>,
        steps: usize,
    ) -> Result<(), DeviceFailure> {
        match origin {
            backend::Origin::Staged { rows, staging } => self.run_staged(program, rows, *staging),
            backend::Origin::Resident { memory, parts, .. } => {
                self.memory.set_feed(resident_feed(*memory, parts))?;
                self.run_steps(program, steps)
            }
            backend::Origin::None => self.run_steps(program, steps),
            backend::Origin::Host(_) => unreachable!("this device reads no host memory, and says so"),
        }
    }

    /// Runs one step on each batch of `rows`, uploaded to a place in the arena before it. The places alternate, so that a
    /// batch can be collected and uploaded while the one before is computed with.
    fn run_staged(
        &mut self,
        program: &Program,
        rows: &DatasetRows<'_>,
        staging: Staging,
    ) -> Result<(), DeviceFailure> {
        for order in rows.order.chunks(program.batch_size) {
            let places = staging.places(self.turn);
            self.turn += 1;
            let start = places[0].offset;
            self.host.resize(places[1].end() - start, 0);
            let in_host = places.map(|place| Extent { offset: place.offset - start, ..place });
            rows.data.copy_rows(order, &mut self.host, in_host);
            self.memory.write_beside(start, &self.host)?;
            let [samples, targets] = places.map(|place| self.memory.start + place.offset as u64);
            self.memory.set_feed(Feed::new(samples, targets, 0))?;
            self.run_steps(program, 1)?;
        }
        Ok(())
    }

    fn run_steps(&mut self, program: &Program, steps: usize) -> Result<(), DeviceFailure> {
        // SAFETY: a program's values lie within the arena, which waits for the device before it is released; what the
        // feed names is reserved, and the session keeps it so.
        unsafe { self.steps[&program.number].run(steps) }
    }
}
