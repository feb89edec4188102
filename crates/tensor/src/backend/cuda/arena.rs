//! An arena in device memory, and the steps that are ready to run in it.

use std::collections::HashMap;
use std::sync::Arc;

use super::common::Feed;
use super::cpp::Address;
use super::lower;
use super::lowering::{Lowering, Sizing};
use super::runtime::{Failure, Refusal, Runtime, Shortage, Step};
use crate::backend::{self, Arena, Program};
use crate::device::{Entry, Ledger};
use crate::plan::{ALIGNMENT, Extent, Staging, Value};
use crate::source::Batches;
use crate::{Error, MemoryReport};

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
        unsafe { self.runtime.upload(self.feed(), &feed.to_bytes()) }
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

pub(super) struct CudaArena {
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

    fn run(&mut self, program: &Program, feed: &backend::Feed<'_>, steps: usize) -> Result<(), Error> {
        self.prepare(program, false)?; // a session has had it made ready already
        self.run_on(program, feed, steps).map_err(|failure| failed(failure, &self.ledger))
    }
}

impl CudaArena {
    /// Of so many bytes, zeroed.
    pub(super) fn reserve(
        runtime: &Arc<dyn Runtime>,
        ledger: &Arc<Ledger>,
        bytes: usize,
        report: &MemoryReport,
        sizing: Sizing,
    ) -> Result<CudaArena, Error> {
        Ok(CudaArena {
            steps: HashMap::new(),
            memory: Memory::reserve(runtime, ledger, bytes, report)?,
            ledger: ledger.clone(),
            report: *report,
            host: Vec::new(),
            turn: 0,
            sizing,
        })
    }

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

    fn run_on(&mut self, program: &Program, feed: &backend::Feed<'_>, steps: usize) -> Result<(), Failure> {
        match feed {
            backend::Feed::Staged { batches, staging } => self.run_staged(program, batches, *staging),
            backend::Feed::Resident { samples, targets, order, .. } => {
                let [samples, targets, order] = [*samples, *targets, *order].map(|address| address as u64);
                self.memory.set_feed(Feed::new(samples, targets, order))?;
                self.run_steps(program, steps)
            }
            backend::Feed::None => self.run_steps(program, steps),
            backend::Feed::Host(_) => unreachable!("this device reads no host memory, and says so"),
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
            self.memory.set_feed(Feed::new(samples, targets, 0))?;
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
