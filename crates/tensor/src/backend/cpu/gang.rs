//! A gang of threads that run one closure together, and the barrier at which they meet.
//!
//! The threads are a rayon pool of the backend's own, so nothing else can occupy a worker while others wait for it,
//! and runs take turns. Forking is a tree of `rayon::join`, which allocates nothing.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use crate::error::Error;

/// As many threads as the backend was opened with.
pub(super) struct Gang {
    pool: rayon::ThreadPool,
    turns: Turns,
    /// See [`Barrier`].
    spins: u32,
}

impl Gang {
    pub(super) fn new(threads: usize) -> Result<Gang, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("plangrad-{i}"))
            .build()
            .map_err(|error| Error::Threads { threads, reason: error.to_string() })?;
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        // With fewer cores than threads the one waited for may be waiting for this core.
        let spins = if threads > cores { 0 } else { SPINS };
        Ok(Gang { pool, turns: Turns::default(), spins })
    }

    pub(super) fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// A barrier for one run of so many threads.
    pub(super) fn barrier(&self, threads: usize) -> Barrier {
        Barrier { threads, spins: self.spins, arrived: AtomicUsize::new(0) }
    }

    /// Calls `work(i)` for i in 0 .. `threads`, at most those there are, each on a thread of its own and all at the same
    /// time.
    ///
    /// A panic in `work` comes out here once all threads are done; the gang can be used again.
    pub(super) fn run(&self, threads: usize, work: &(dyn Fn(usize) + Sync)) {
        self.turns.take();
        // The turn is given back by the gang, not by the caller. A caller that is a worker of another rayon pool takes up
        // other jobs of that pool while it waits here; one of them may want this gang, and could never get it from a
        // caller that lies below it on the same stack.
        self.pool.install(|| {
            let _turn = GiveBack(&self.turns);
            fork(0..threads.min(self.threads()), work);
        });
    }
}

/// Admits one run at a time.
#[derive(Default)]
struct Turns {
    taken: Mutex<bool>,
    given_back: Condvar,
}

impl Turns {
    fn take(&self) {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.given_back.wait_while(taken, |taken| *taken);
        *wait.unwrap_or_else(PoisonError::into_inner) = true;
    }
}

/// Gives a turn back when dropped, also by a panic.
struct GiveBack<'a>(&'a Turns);

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.given_back.notify_one();
    }
}

/// One leaf per worker: while a leaf waits to be run some worker is idle and will steal it, so leaves may wait for
/// one another.
fn fork(range: Range<usize>, work: &(dyn Fn(usize) + Sync)) {
    match range.len() {
        0 => {}
        1 => work(range.start),
        n => {
            let middle = range.start + n / 2;
            rayon::join(|| fork(range.start..middle, work), || fork(middle..range.end, work));
        }
    }
}

/// A barrier that spins, then yields: stages take microseconds, less than it takes to wake a sleeping thread.
pub(super) struct Barrier {
    threads: usize,
    /// Turns of the spinning loop before the core is offered to others.
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
            self.0.arrived.fetch_or(BROKEN, Ordering::AcqRel);
        }
    }
}

/// Turns of the spinning loop, about 10 µs, where every thread has a core of its own.
const SPINS: u32 = 500;

impl Barrier {
    /// The units of a kernel that belong to `thread`.
    pub(super) fn share(&self, units: usize, thread: usize) -> Range<usize> {
        units * thread / self.threads..units * (thread + 1) / self.threads
    }

    /// Returns when all threads have called it as often as this one.
    ///
    /// # Errors
    /// [`Broken`] if one of them has panicked.
    pub(super) fn wait(&self) -> Result<(), Broken> {
        if self.threads == 1 {
            return Ok(());
        }
        let arrived = self.arrived.fetch_add(1, Ordering::AcqRel);
        let goal = (arrived + 1).next_multiple_of(self.threads);
        let mut spins = 0;
        loop {
            match self.arrived.load(Ordering::Acquire) {
                broken if broken >= BROKEN => return Err(Broken),
                arrived if arrived >= goal => return Ok(()),
                _ => spins += 1,
            }
            if spins < self.spins {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}

#[cfg(test)]
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
        let barrier = Gang::new(3).unwrap().barrier(3);
        for units in [0, 1, 2, 3, 10, 64] {
            let all: Vec<usize> = (0..3).flat_map(|thread| barrier.share(units, thread)).collect();
            assert_eq!(all, (0..units).collect::<Vec<_>>());
        }
    }

    #[test]
    fn two_sessions_on_one_gang_take_turns() {
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
}
