//! A gang of threads that run one closure together, and the barrier at which they meet.
//!
//! The threads are the gang's own: started when it is made, parked between runs, joined when it is dropped. The caller of
//! a run is its thread 0, so a gang of one starts no thread. Runs take turns; within a run nothing is allocated and no
//! lock is taken, and a thread does nothing but the run's work, so threads may wait for one another.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use super::sync::{
    Arc, AtomicBool, AtomicPtr, AtomicUsize, Builder, JoinHandle, Mutex, MutexGuard, Ordering, park,
    spin_loop, thread_local, unpark, yield_now,
};
use crate::error::Error;

/// As many threads as the backend was opened with, the caller of a run among them.
pub(super) struct Gang {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held by the caller of a run.
    turn: Mutex<()>,
    spins: u32,
}

/// What callers and workers share.
struct Shared {
    /// For each worker the work of a run until it takes it up, else null. Set by the caller of the run.
    orders: Vec<AtomicPtr<Work<'static>>>,
    /// Workers that have not finished the run yet.
    running: AtomicUsize,
    /// The first panic of a worker in this run.
    panic: Mutex<Option<Panic>>,
    /// Whether the gang is being dropped.
    stop: AtomicBool,
    /// See [`Backoff`].
    spins: u32,
}

/// The work of a run, behind a thin pointer. It lives on the caller's stack until all workers have finished.
struct Work<'a>(&'a (dyn Fn(usize) + Sync));

type Panic = Box<dyn Any + Send>;

impl Gang {
    /// Starts `threads` - 1 workers.
    ///
    /// # Errors
    /// [`Error::Threads`] if the system refuses one of them; those already started are stopped.
    pub(super) fn new(threads: usize) -> Result<Gang, Error> {
        Gang::with_spawner(threads, |builder, work| builder.spawn(work))
    }

    fn with_spawner(
        threads: usize,
        spawn: impl Fn(Builder, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>,
    ) -> Result<Gang, Error> {
        let workers = threads.saturating_sub(1);
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        // With fewer cores than threads the one waited for may be waiting for this core.
        let spins = if threads > cores || cfg!(all(loom, test)) { 0 } else { SPINS };
        let shared = Arc::new(Shared {
            orders: (0..workers).map(|_| AtomicPtr::new(ptr::null_mut())).collect(),
            running: AtomicUsize::new(0),
            panic: Mutex::new(None),
            stop: AtomicBool::new(false),
            spins,
        });
        let mut gang = Gang { shared, workers: Vec::with_capacity(workers), turn: Mutex::new(()), spins };
        for worker in 0..workers {
            let builder = Builder::new().name(format!("plangrad-{}", worker + 1));
            let shared = gang.shared.clone();
            let handle = spawn(builder, Box::new(move || shared.serve(worker)))
                .map_err(|reason| Error::Threads { threads, reason })?;
            gang.workers.push(handle);
        }
        Ok(gang)
    }

    pub(super) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// A barrier for one run of so many threads.
    pub(super) fn barrier(&self, threads: usize) -> Barrier {
        Barrier { threads, spins: self.spins, arrived: AtomicUsize::new(0) }
    }

    /// Calls `work(i)` for i in 0 .. `threads`, at most those there are, each on a thread of its own and all at the same
    /// time; `work(0)` on the caller's.
    ///
    /// A panic in `work` comes out here once all threads are done; the gang can be used again.
    ///
    /// # Panics
    /// If `work` itself starts a run: it would wait for its own end.
    pub(super) fn run(&self, threads: usize, work: &(dyn Fn(usize) + Sync)) {
        let _running = Running::begin();
        let turn = lock(&self.turn);
        let workers = threads.clamp(1, self.threads()) - 1;
        let work = Work(work);
        self.shared.running.store(workers, Ordering::Relaxed);
        for (order, worker) in self.shared.orders.iter().zip(&self.workers).take(workers) {
            order.store(ptr::from_ref(&work).cast_mut().cast(), Ordering::Release);
            unpark(worker.thread());
        }
        let own = catch_unwind(AssertUnwindSafe(|| (work.0)(0))).err();
        // `work` must outlive the workers' use of it, so nothing may leave this function before.
        let mut backoff = Backoff::new(self.spins);
        while self.shared.running.load(Ordering::Acquire) > 0 {
            backoff.wait();
        }
        let panic = own.or(lock(&self.shared.panic).take());
        drop(turn);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

impl Drop for Gang {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            unpark(worker.thread());
            let _ = worker.join(); // panics of work were caught
        }
    }
}

impl Shared {
    /// What a worker does: takes its orders until the gang is dropped.
    fn serve(&self, worker: usize) {
        let _running = Running::begin();
        let order = &self.orders[worker];
        let mut idle = 0;
        loop {
            let work = order.load(Ordering::Acquire);
            if !work.is_null() {
                // The next order comes after this one is finished, so this overwrites none.
                order.store(ptr::null_mut(), Ordering::Relaxed);
                // SAFETY: `Gang::run` made the pointer from a reference to a `Work` that it keeps until `running` is 0, and
                // this worker is still counted there. Its lifetime is longer in the pointer's type only.
                let work = unsafe { &*work };
                let outcome = catch_unwind(AssertUnwindSafe(|| (work.0)(worker + 1)));
                if let Err(panic) = outcome {
                    lock(&self.panic).get_or_insert(panic);
                }
                // The last use of anything of the run. Release: what the work wrote is the caller's from here on.
                self.running.fetch_sub(1, Ordering::Release);
                idle = 0;
            } else if self.stop.load(Ordering::Relaxed) {
                return;
            } else if idle < self.spins {
                idle += 1;
                spin_loop();
            } else {
                park();
            }
        }
    }
}

/// A panic while a lock is held leaves nothing half done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

thread_local! {
    /// Whether this thread takes part in a run of any gang.
    #[allow(clippy::missing_const_for_thread_local)] // loom's macro takes no `const` block
    static RUNNING: Cell<bool> = Cell::new(false);
}

/// Marks this thread as taking part in a run until dropped.
struct Running;

impl Running {
    fn begin() -> Running {
        let nested = RUNNING.with(|running| running.replace(true));
        assert!(!nested, "a run of a gang was started within a run");
        Running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with(|running| running.set(false));
    }
}

/// Waiting for other threads of a run: spins, then yields. Stages take microseconds, less than it takes to wake a sleeping
/// thread.
struct Backoff {
    /// Turns of the spinning loop left before the core is offered to others.
    spins: u32,
}

/// Turns of the spinning loop, about 10 µs, where every thread has a core of its own.
const SPINS: u32 = 500;

impl Backoff {
    fn new(spins: u32) -> Backoff {
        Backoff { spins }
    }

    fn wait(&mut self) {
        if self.spins > 0 {
            self.spins -= 1;
            spin_loop();
        } else {
            yield_now();
        }
    }
}

/// Where the threads of a run wait for one another. It has its cache lines to itself: it lies on the stack of the run's
/// caller, whose writes next to it would slow down those who watch it.
#[repr(align(128))]
pub(super) struct Barrier {
    threads: usize,
    /// See [`Backoff`].
    spins: u32,
    /// Arrivals so far, or at least [`BROKEN`] once a thread will never arrive.
    arrived: AtomicUsize,
}

/// More arrivals than any run has.
const BROKEN: usize = 1 << (usize::BITS - 1);

/// A thread will never reach the barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// Breaks the barrier when the thread that holds it panics, so that the others stop waiting for it.
pub(super) struct BreakOnPanic<'a>(pub(super) &'a Barrier);

impl Drop for BreakOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.arrived.fetch_or(BROKEN, Ordering::Relaxed); // what it wrote is read by nobody
        }
    }
}

/// The units of a kernel that belong to `thread` of so many.
pub(super) fn share(units: usize, thread: usize, threads: usize) -> Range<usize> {
    units * thread / threads..units * (thread + 1) / threads
}

impl Barrier {
    /// Returns once all threads have called it as often as this one.
    ///
    /// # Errors
    /// [`Broken`] if one of them has panicked.
    pub(super) fn wait(&self) -> Result<(), Broken> {
        if self.threads == 1 {
            return Ok(());
        }
        let arrived = self.arrived.fetch_add(1, Ordering::Release);
        let goal = (arrived + 1).next_multiple_of(self.threads);
        let mut backoff = Backoff::new(self.spins);
        loop {
            match self.arrived.load(Ordering::Acquire) {
                broken if broken >= BROKEN => return Err(Broken),
                arrived if arrived >= goal => return Ok(()),
                _ => backoff.wait(),
            }
        }
    }
}

#[cfg(all(test, loom))]
mod interleavings;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    #[test]
    fn every_thread_of_the_gang_meets_the_others() {
        for threads in [1, 2, 3, 5] {
            let gang = Gang::new(threads).unwrap();
            let barrier = gang.barrier(threads);
            let before = AtomicUsize::new(0);
            gang.run(threads, &|_| {
                for round in 1..=100 {
                    before.fetch_add(1, Ordering::AcqRel);
                    barrier.wait().unwrap();
                    assert!(before.load(Ordering::Acquire) >= round * threads);
                    barrier.wait().unwrap();
                }
            });
            assert_eq!(before.load(Ordering::Acquire), 100 * threads);
        }
    }

    #[test]
    fn shares_cover_all_units_once() {
        for units in [0, 1, 2, 3, 10, 64] {
            let all: Vec<usize> = (0..3).flat_map(|thread| share(units, thread, 3)).collect();
            assert_eq!(all, (0..units).collect::<Vec<_>>());
        }
    }

    #[test]
    fn runs_on_one_gang_take_turns() {
        let gang = Gang::new(2).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let barrier = gang.barrier(2);
                    (0..20).for_each(|_| gang.run(2, &|_| barrier.wait().unwrap()));
                });
            }
        });
    }

    #[test]
    fn a_gang_of_one_runs_on_the_caller_and_starts_no_thread() {
        let refuse = |_, _| Err(io::Error::other("no more threads"));
        let (gang, caller) = (Gang::with_spawner(1, refuse).unwrap(), std::thread::current().id());
        gang.run(1, &|thread| assert_eq!((thread, std::thread::current().id()), (0, caller)));
    }

    #[test]
    fn a_thread_that_the_system_refuses_is_an_error_and_those_started_are_stopped() {
        let started = Arc::new(AtomicUsize::new(0));
        let spawn = |builder: Builder, work: Box<dyn FnOnce() + Send>| {
            if started.load(Ordering::Relaxed) == 2 {
                return Err(io::Error::other("no more threads"));
            }
            let alive = started.clone();
            alive.fetch_add(1, Ordering::Relaxed);
            builder.spawn(move || {
                work();
                drop(alive);
            })
        };
        let error = Gang::with_spawner(5, spawn).err().unwrap();
        assert_eq!(error.to_string(), "cannot start 5 worker threads: no more threads");
        assert_eq!((started.load(Ordering::Relaxed), Arc::strong_count(&started)), (2, 1));
    }

    #[test]
    fn a_run_within_a_run_panics_instead_of_waiting_for_itself() {
        let (gang, other) = (Gang::new(2).unwrap(), Gang::new(1).unwrap());
        for inner in [&gang, &other] {
            for thread in 0..2 {
                let nested = |i| {
                    if i == thread {
                        inner.run(1, &|_| ())
                    }
                };
                let outcome = catch_unwind(AssertUnwindSafe(|| gang.run(2, &nested)));
                let panic = outcome.unwrap_err();
                assert_eq!(panic.downcast_ref(), Some(&"a run of a gang was started within a run"));
            }
        }
        gang.run(2, &|_| ());
        other.run(1, &|_| ());
    }

    #[test]
    fn a_run_of_fewer_threads_leaves_the_others_parked() {
        let gang = Gang::new(3).unwrap();
        let calls = [0; 3].map(AtomicUsize::new);
        for threads in [1, 2, 3, 2, 9] {
            gang.run(threads, &|thread| {
                calls[thread].fetch_add(1, Ordering::Relaxed);
            });
        }
        assert_eq!(calls.map(|calls| calls.into_inner()), [5, 4, 2]);
    }
}
