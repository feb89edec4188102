//! The CPU backend: every thread of a gang walks the same list of kernels and computes its share of each.
//!
//! A kernel is cut into units fixed by its shape; a thread takes a contiguous range of them. No result crosses units
//! but in unit order, so the bits do not depend on how many threads there are. Between stages the gang meets at a
//! spinning barrier: no job is queued, no lock taken and nothing allocated within a step.

mod buffer;
mod float_mode;
mod gang;
mod kernels;
mod simd;
mod tempo;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use buffer::Buffer;
use float_mode::FlushDenormals;
use gang::{BreakOnPanic, Gang};
pub use simd::InstructionSet;
use tempo::Tempo;

use super::{Arena, Backend, Feed, Program};
use crate::device::Ledger;
use crate::plan::{Kernel, Value};
use crate::source::{Batches, Samples, Targets};
use crate::{Device, Error, MemoryReading, MemoryReport};

/// How to open the CPU.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuOptions {
    /// Worker threads, all of which are used; by default one per core, of which as many are used as pay.
    pub threads: Option<usize>,
    /// Bytes that may be reserved at once; by default without limit.
    pub budget: Option<u64>,
    /// Instruction set; by default the best there is.
    pub instruction_set: Option<InstructionSet>,
    /// Whether to be an accelerator, with memory of its own into which datasets are copied.
    pub accelerator: bool,
}

/// The CPU as a backend.
pub struct Cpu {
    gang: Arc<Gang>,
    ledger: Arc<Ledger>,
    instruction_set: InstructionSet,
    /// Whether all threads are used, even where fewer are faster.
    all_threads: bool,
}

impl Cpu {
    /// Starts the worker threads.
    ///
    /// # Errors
    /// [`Error::Threads`] if the system gives none, [`Error::Unknown`] for an instruction set it does not have.
    pub fn open(options: CpuOptions) -> Result<Arc<dyn Backend>, Error> {
        let available = InstructionSet::available();
        let instruction_set = options.instruction_set.unwrap_or(available[0]);
        if !available.contains(&instruction_set) {
            return Err(Error::Unknown(format!("the instruction set {}", instruction_set.name())));
        }
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let gang = Arc::new(Gang::new(options.threads.unwrap_or(cores).max(1))?);
        let device = if options.accelerator { Device::Accelerator } else { Device::Cpu };
        let ledger = Ledger::new(device, options.budget);
        Ok(Arc::new(Cpu { gang, ledger, instruction_set, all_threads: options.threads.is_some() }))
    }
}

impl Backend for Cpu {
    fn device(&self) -> Device {
        self.ledger.device()
    }

    fn memory(&self) -> MemoryReading {
        self.ledger.reading()
    }

    fn has_own_memory(&self) -> bool {
        self.device() == Device::Accelerator
    }

    fn reserve(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Arena>, Error> {
        let memory = Buffer::reserve(bytes, &self.ledger, report)?;
        let Cpu { gang, instruction_set, all_threads, .. } = self;
        let (gang, tempos) = (gang.clone(), Vec::with_capacity(PROGRAMS));
        Ok(Box::new(CpuArena {
            memory,
            gang,
            instruction_set: *instruction_set,
            all_threads: *all_threads,
            tempos,
        }))
    }
}

/// Programs that sessions have, as a rule: step, tail batch, evaluation, and those in parts.
const PROGRAMS: usize = 16;

struct CpuArena {
    memory: Buffer,
    gang: Arc<Gang>,
    instruction_set: InstructionSet,
    all_threads: bool,
    /// How many threads pay for each program, by its number.
    tempos: Vec<Tempo>,
}

impl Arena for CpuArena {
    fn bytes(&self) -> usize {
        self.memory.len()
    }

    fn address(&self) -> usize {
        self.memory.address()
    }

    fn host(&self) -> Option<&[u8]> {
        Some(self.memory.bytes())
    }

    fn host_mut(&mut self) -> Option<&mut [u8]> {
        Some(self.memory.bytes_mut())
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        self.memory.bytes_mut()[offset..offset + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.copy_from_slice(&self.memory.bytes()[offset..offset + bytes.len()]);
        Ok(())
    }

    fn run(&mut self, program: &Program, feed: &Feed<'_>, steps: usize) -> Result<(), Error> {
        match feed {
            Feed::None => self.run_steps(program, &View::default(), 0..steps),
            Feed::Host(batches) => self.run_steps(program, &View::of(batches), 0..steps),
            Feed::Resident { samples, targets, rows, .. } => {
                let [samples, targets] = [*samples, *targets].map(std::ptr::with_exposed_provenance);
                self.run_steps(program, &View { samples, targets, rows: Some(rows) }, 0..steps);
            }
            Feed::Staged { batches, staging } => {
                for rows in batches.rows.chunks(program.batch_size).take(steps) {
                    batches.source.copy_rows(rows, self.memory.bytes_mut(), staging.places(0));
                    let base = self.memory.base().0.cast_const();
                    let [samples, targets] = staging.places(0).map(|place| base.wrapping_add(place.offset));
                    self.run_steps(program, &View { samples, targets, rows: None }, 0..1);
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
        self.gang.run(threads, &|thread| {
            let _mode = FlushDenormals::new();
            let _watch = BreakOnPanic(&barrier);
            for step in steps.clone() {
                let [rows, next] = [step, step + 1].map(|step| view.batch(step, program.batch_size));
                let context = Context { base, offsets: &program.offsets, view, rows, next };
                for stage in &program.stages {
                    for kernel in stage {
                        let units = kernels::units(kernel);
                        let share = barrier.share(units, thread);
                        if !share.is_empty() {
                            execute(instruction_set, kernel, &context, share);
                        }
                    }
                    if barrier.wait().is_err() {
                        return; // the panic of the other thread goes on in the caller
                    }
                }
            }
        });
    }
}

/// A dataset as kernels read it, wherever it lies, and the order of its rows.
struct View<'a> {
    samples: *const u8,
    targets: *const u8,
    /// `None`: as they lie there.
    rows: Option<&'a [u32]>,
}

// SAFETY: what it points to is only read, and outlives the run: the feed borrows it.
unsafe impl Sync for View<'_> {}

impl Default for View<'_> {
    fn default() -> Self {
        View { samples: std::ptr::null(), targets: std::ptr::null(), rows: Some(&[]) }
    }
}

impl<'a> View<'a> {
    fn of(batches: &Batches<'a>) -> View<'a> {
        let samples = match batches.source.samples() {
            Samples::U8(bytes) => bytes.as_ptr(),
            Samples::F32(values) => values.as_ptr().cast(),
        };
        let targets = match batches.source.targets() {
            Targets::Classes(labels) => labels.as_ptr(),
            Targets::Values { values, .. } => values.as_ptr().cast(),
        };
        View { samples, targets, rows: Some(batches.rows) }
    }

    /// Rows of a step; none past the end of the order.
    fn batch(&self, step: usize, size: usize) -> Option<&'a [u32]> {
        self.rows.map(|rows| {
            let start = (step * size).min(rows.len());
            &rows[start..(start + size).min(rows.len())]
        })
    }
}

/// What kernels see of the world: where values lie, the dataset, and the rows of this step and the next.
struct Context<'a> {
    base: Base,
    offsets: &'a [usize],
    view: &'a View<'a>,
    rows: Option<&'a [u32]>,
    next: Option<&'a [u32]>,
}

/// Start of the arena, shared by the gang.
#[derive(Clone, Copy)]
struct Base(*mut u8);

// SAFETY: the threads of a gang touch disjoint bytes between two barriers: stages hold no two kernels that conflict,
// and units of one kernel write disjoint elements.
unsafe impl Send for Base {}
// SAFETY: as above.
unsafe impl Sync for Base {}

impl Context<'_> {
    /// Where `value` starts. Every value starts at a multiple of 4 bytes, those of 8-byte words at one of 64.
    fn at<T>(&self, value: Value) -> *mut T {
        // SAFETY: plans give every value an offset within the arena.
        unsafe { self.base.0.add(self.offsets[value.index()]).cast() }
    }

    /// Row of the dataset that is number `i` of the batch.
    fn row(&self, i: usize) -> usize {
        self.rows.map_or(i, |rows| rows[i] as usize)
    }
}

/// Computes a share of a kernel with the given instruction set.
fn execute(set: InstructionSet, kernel: &Kernel, context: &Context<'_>, share: Range<usize>) {
    // SAFETY: `Cpu::open` accepted only instruction sets that this processor has.
    unsafe {
        match set {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => kernels::execute::<simd::Avx512>(kernel, context, share),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => kernels::execute::<simd::Avx2>(kernel, context, share),
            _ => kernels::execute::<simd::Portable>(kernel, context, share),
        }
    }
}
