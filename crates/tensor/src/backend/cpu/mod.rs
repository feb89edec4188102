//! The CPU backend: every thread of a gang walks the same list of kernels and computes its share of each.
//!
//! A kernel is cut into units fixed by its shape; a thread takes a contiguous range of them. No result crosses units
//! but in unit order, so the bits do not depend on how many threads there are. Between stages the gang meets at a
//! spinning barrier: no job is queued, no lock taken and nothing allocated within a step.

mod buffer;
mod context;
mod float_mode;
mod floats;
mod gang;
mod kernels;
mod matrix;
#[cfg(test)]
mod mixed_precision;
mod owners;
mod phases;
mod simd;
mod sync;
mod tempo;
#[cfg(test)]
mod tests;
mod tiles;

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use buffer::Buffer;
use context::{Context, View};
use float_mode::flush_denormals;
use gang::{BreakOnPanic, Gang, share};
pub use owners::{KernelShares, StageShares, shares};
use phases::Phases;
pub use simd::InstructionSet;
use tempo::Tempo;

use super::{Arena, Backend, Memory, Origin, Pace, Provider};
use crate::device::Ledger;
use crate::error::{DeviceFailure, Error};
use crate::ir::{Device, Kernel, MemoryReading, MemoryReport, NumberTypes, Program};

/// The most threads of a CPU that compute together.
pub const MOST_THREADS: usize = 1024;

/// How to open the CPU.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CpuOptions {
    /// Threads, at most [`MOST_THREADS`], all of which are used; by default one per core, of which only as many are used as
    /// make a run faster.
    pub threads: Option<usize>,
    /// Bytes that may be reserved at once; by default without limit.
    pub budget: Option<u64>,
    /// Instruction set; by default the best there is.
    pub instruction_set: Option<InstructionSet>,
    /// Whether to be an accelerator, with separate memory into which datasets are copied.
    pub accelerator: bool,
    /// Failures to inject.
    pub faults: Faults,
}

impl CpuOptions {
    /// Sets how many threads compute, the caller's among them; `None` for as many as make a run faster.
    #[must_use]
    pub fn threads(self, threads: impl Into<Option<usize>>) -> CpuOptions {
        CpuOptions { threads: threads.into(), ..self }
    }

    /// The same with at most `bytes` bytes reserved at once; `None` for no limit.
    #[must_use]
    pub fn budget(self, bytes: impl Into<Option<u64>>) -> CpuOptions {
        CpuOptions { budget: bytes.into(), ..self }
    }

    /// The same with this instruction set.
    #[must_use]
    pub fn instruction_set(self, set: InstructionSet) -> CpuOptions {
        CpuOptions { instruction_set: Some(set), ..self }
    }

    /// The same as an accelerator, or not.
    #[must_use]
    pub fn accelerator(self, accelerator: bool) -> CpuOptions {
        CpuOptions { accelerator, ..self }
    }

    /// The same with failures.
    #[must_use]
    pub fn faults(self, faults: Faults) -> CpuOptions {
        CpuOptions { faults, ..self }
    }
}

/// Failures to inject, to see that a program survives what real devices do. Requests are counted from 0 since the backend
/// was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Faults {
    /// Reservations that are refused as if there were no memory.
    pub refused_reservations: Vec<u64>,
    /// Runs at which the device fails, with [`Error::Device`].
    pub failing_runs: Vec<u64>,
}

impl Faults {
    /// Refuses these reservations.
    #[must_use]
    pub fn refuse_reservations(numbers: impl IntoIterator<Item = u64>) -> Faults {
        Faults { refused_reservations: numbers.into_iter().collect(), ..Faults::default() }
    }

    /// Fails at these runs.
    #[must_use]
    pub fn fail_runs(numbers: impl IntoIterator<Item = u64>) -> Faults {
        Faults { failing_runs: numbers.into_iter().collect(), ..Faults::default() }
    }
}

/// Requests made so far, and those that fail.
#[derive(Debug)]
struct Fate {
    faults: Faults,
    reservations: AtomicU64,
    runs: AtomicU64,
}

impl Fate {
    fn refuses_reservation(&self) -> bool {
        self.faults.refused_reservations.contains(&self.reservations.fetch_add(1, Ordering::Relaxed))
    }

    fn fails_run(&self) -> bool {
        self.faults.failing_runs.contains(&self.runs.fetch_add(1, Ordering::Relaxed))
    }
}

/// The CPU as a device.
pub struct Cpu {
    gang: Arc<Gang>,
    ledger: Arc<Ledger>,
    fate: Arc<Fate>,
    instruction_set: InstructionSet,
    /// Whether all threads are used, even where fewer are faster.
    all_threads: bool,
}

impl Cpu {
    /// Starts the worker threads. If none were named and the system refuses one, the caller's thread computes alone.
    ///
    /// # Errors
    /// [`Error::Threads`] for too many, or if the system refuses one of those named; [`Error::InstructionSet`] for an instruction set it does not have.
    pub fn open(options: CpuOptions) -> Result<Backend, Error> {
        let available = InstructionSet::available();
        let instruction_set = options.instruction_set.unwrap_or(available[0]);
        if !available.contains(&instruction_set) && !is_model(instruction_set) {
            let available = available.into_iter().map(InstructionSet::name).collect();
            return Err(Error::InstructionSet { asked: instruction_set.name(), available });
        }
        let threads = options.threads.unwrap_or_else(cores).max(1);
        if threads > MOST_THREADS {
            let reason =
                io::Error::new(io::ErrorKind::InvalidInput, format!("at most {MOST_THREADS} are supported"));
            return Err(Error::Threads { threads, reason });
        }
        let gang = match Gang::new(threads) {
            // Nobody asked for so many, and the caller's thread is there.
            Err(Error::Threads { .. }) if options.threads.is_none() => Gang::new(1),
            gang => gang,
        };
        let gang = Arc::new(gang?);
        let device = if options.accelerator { Device::Accelerator } else { Device::Cpu };
        let ledger = Ledger::new(device, options.budget);
        let (reservations, runs) = (AtomicU64::new(0), AtomicU64::new(0));
        let fate = Arc::new(Fate { faults: options.faults, reservations, runs });
        let all_threads = options.threads.is_some();
        Ok(Backend::new(Cpu { gang, ledger, fate, instruction_set, all_threads }))
    }

    fn buffer(&self, bytes: usize, report: &MemoryReport) -> Result<Buffer, Error> {
        if self.fate.refuses_reservation() {
            let free = (bytes as u64).saturating_sub(1);
            return Err(self.ledger.out_of_memory(bytes as u64, free, free, report));
        }
        Buffer::reserve(bytes, &self.ledger, report)
    }
}

/// Whether it is one that tests alone know.
fn is_model(_set: InstructionSet) -> bool {
    #[cfg(test)]
    return _set == InstructionSet::Model;
    #[cfg(not(test))]
    false
}

/// One thread per core.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get()).min(MOST_THREADS)
}

impl Provider for Cpu {
    fn device(&self) -> Device {
        self.ledger.device()
    }

    fn memory(&self) -> MemoryReading {
        self.ledger.reading()
    }

    fn instruction_set(&self) -> Option<&'static str> {
        Some(self.instruction_set.name())
    }

    fn computes_with(&self, types: NumberTypes) -> bool {
        [NumberTypes::default(), NumberTypes::bf16()].contains(&types)
    }

    fn panel_columns(&self) -> Option<usize> {
        Some(kernels::PANEL)
    }

    fn reserve_memory(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Memory>, Error> {
        Ok(Box::new(self.buffer(bytes, report)?))
    }

    fn reserve_arena(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Arena>, Error> {
        Ok(Box::new(CpuArena {
            memory: self.buffer(bytes, report)?,
            gang: self.gang.clone(),
            ledger: self.ledger.clone(),
            fate: self.fate.clone(),
            instruction_set: self.instruction_set,
            all_threads: self.all_threads,
            tempos: Vec::with_capacity(PROGRAMS),
            phases: Phases::default(),
        }))
    }
}

impl Memory for Buffer {
    fn bytes(&self) -> usize {
        self.len()
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        self.contents_mut()[offset..offset + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.copy_from_slice(&self.contents()[offset..offset + bytes.len()]);
        Ok(())
    }

    fn host(&self) -> Option<&[u8]> {
        Some(self.contents())
    }

    fn host_mut(&mut self) -> Option<&mut [u8]> {
        Some(self.contents_mut())
    }
}

/// Programs that sessions have, as a rule: step, tail batch, evaluation, and those in parts.
const PROGRAMS: usize = 16;

struct CpuArena {
    memory: Buffer,
    gang: Arc<Gang>,
    ledger: Arc<Ledger>,
    fate: Arc<Fate>,
    instruction_set: InstructionSet,
    all_threads: bool,
    /// How many threads pay for each program, by its number.
    tempos: Vec<Tempo>,
    phases: Phases,
}

impl Arena for CpuArena {
    fn memory(&self) -> &dyn Memory {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut dyn Memory {
        &mut self.memory
    }

    fn prepare(&mut self, program: &Program, _: Pace) -> Result<(), Error> {
        let most = self.gang.threads();
        self.phases.prepare(program, if self.all_threads { vec![most] } else { Tempo::candidates(most) });
        Ok(())
    }

    fn run(&mut self, program: &Program, origin: &Origin<'_>, steps: usize) -> Result<(), Error> {
        if self.fate.fails_run() {
            return Err(Error::Device { device: self.ledger.device(), reason: DeviceFailure::Injected });
        }
        match origin {
            Origin::None => self.run_steps(program, &View::nothing(), 0..steps),
            Origin::Host(rows) => self.run_steps(program, &View::of(rows), 0..steps),
            Origin::Resident { memory, parts, order } => {
                let memory =
                    memory.host().expect("a dataset resident on this device lies in the host's memory");
                let [samples, targets] =
                    [parts.samples, parts.targets].map(|part| memory[part.offset..part.end()].as_ptr());
                self.run_steps(program, &View::new(samples, targets, Some(order)), 0..steps);
            }
            Origin::Staged { rows, staging } => {
                for order in rows.order.chunks(program.batch_size).take(steps) {
                    let places = staging.places(0);
                    rows.data.copy_rows(order, self.memory.contents_mut(), places);
                    let base = self.memory.base().start().cast_const();
                    let [samples, targets] = places.map(|place| base.wrapping_add(place.offset));
                    self.run_steps(program, &View::new(samples, targets, None), 0..1);
                }
            }
        }
        Ok(())
    }
}

impl CpuArena {
    /// Lets as many threads as pay walk the program once for each of `steps`.
    fn run_steps(&mut self, program: &Program, view: &View<'_>, mut steps: Range<usize>) {
        if self.all_threads {
            return self.walk(program, view, steps, self.gang.threads());
        }
        while self.tempos.len() <= program.number {
            self.tempos.push(Tempo::new(self.gang.threads()));
        }
        while !steps.is_empty() {
            let (threads, count) = self.tempos[program.number].next(steps.len());
            let started = Instant::now();
            self.walk(program, view, steps.start..steps.start + count, threads);
            self.tempos[program.number].took(count, started.elapsed());
            steps.start += count;
        }
    }

    /// Lets `threads` of the gang walk the program once for each of `steps`.
    fn walk(&mut self, program: &Program, view: &View<'_>, steps: Range<usize>, threads: usize) {
        let base = self.memory.base();
        let barrier = self.gang.barrier(threads);
        let instruction_set = self.instruction_set;
        let meet_behind = self.phases.meet_behind(program, threads);
        self.gang.run(threads, &|thread| {
            flush_denormals(&mut || {
                let _watch = BreakOnPanic(&barrier);
                for step in steps.clone() {
                    let rows = [step, step + 1].map(|step| view.batch(step, program.batch_size));
                    let context = Context::new(base, program, view, rows);
                    for (i, stage) in program.stages.iter().enumerate() {
                        for kernel in stage {
                            let share = share(kernels::units(kernel), thread, threads);
                            if !share.is_empty() {
                                // SAFETY: `Cpu::open` accepted only an instruction set of this processor. Kernels of one
                                // stage share no byte that either writes, units of one kernel write disjoint elements, and
                                // every unit has one thread; stages are parted by the barrier, but where no thread touches
                                // what another one writes (`phases.rs`). The arena is borrowed
                                // exclusively, so no other run is in it, and was reserved for this program.
                                unsafe { execute(instruction_set, kernel, &context, share) };
                            }
                        }
                        if meet_behind(i) && barrier.wait().is_err() {
                            return; // the other thread's panic is resumed in the caller
                        }
                    }
                }
            });
        });
    }
}

/// Computes a share of a kernel with the given instruction set.
///
/// # Safety
/// As for [`kernels::execute`]: the processor must have the instruction set; no other thread may touch the bytes that
/// these units write, or write those they read, meanwhile; and the context must belong to the program of the kernel, with
/// an arena of as many bytes as its plan asks for and a dataset that the session has checked.
unsafe fn execute(set: InstructionSet, kernel: &Kernel, context: &Context<'_>, share: Range<usize>) {
    // SAFETY: this function's contract.
    unsafe {
        match set {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            InstructionSet::Amx => {
                kernels::on_tiles::execute::<simd::Avx512, tiles::Amx>(kernel, context, share)
            }
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => kernels::execute::<simd::Avx512>(kernel, context, share),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => kernels::execute::<simd::Avx2>(kernel, context, share),
            #[cfg(test)]
            InstructionSet::Model => {
                kernels::on_tiles::execute::<simd::Portable, tiles::Model>(kernel, context, share)
            }
            _ => kernels::execute::<simd::Portable>(kernel, context, share),
        }
    }
}
